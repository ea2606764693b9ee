"""`fold` has the interpreter's bits at every element type, and on what only constants reach."""

import numpy as np
import pytest
from every_operation import OPERATIONS, program
from fold_oracle import both, same, tensor
from reference_interpreter import evaluate

from oxide.dialects.constants import holds_constant, read_constant
from oxide.dialects.fold import fold

# The rows of every_operation whose results are exact, without the comparisons in total order the interpreter lacks.
EXACT_ROWS = [
    "abs", "add", "and", "clamp", "dot_general", "dynamic_iota", "gather", "iota", "maximum", "minimum", "multiply",
    "negate", "not", "or", "pad", "popcnt", "reduce", "reduce_window", "select", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "sort", "subtract", "xor",
]  # fmt: skip
# Floats of 8 bits and less only move.
FOLDED_AT_LEAST = {"add": 18, "reduce_window": 14, "sort": 8}


@pytest.mark.parametrize("name", EXACT_ROWS)
def test_every_element_type(name: str) -> None:
    """What folds has the interpreter's bits; the rows of FOLDED_AT_LEAST fold at that many element types."""
    folded = {element for element in OPERATIONS[name].elements for seed in range(3) if agrees(name, element, seed)}
    assert len(folded) >= FOLDED_AT_LEAST.get(name, 1)


def agrees(name: str, element: str, seed: int) -> bool:
    """Evaluate a program of one operation by folding; True when all of it folds, which must be right then."""
    module, arguments = program(seed, [(name, element)])
    block = module.body.operations[0].regions[0].blocks[0]
    values = dict(zip(block.arguments, arguments, strict=True))
    *operations, returned = (view.operation for view in block.operations)
    for op in operations:
        if holds_constant(op):
            values[op.results[0]] = read_constant(op)
        elif all(operand in values for operand in op.operands):
            results = fold(op, [values[operand] for operand in op.operands])
            values.update({} if results is None else dict(zip(op.results, results, strict=True)))
    if not all(value in values for value in returned.operands):
        return False
    for value, expected in zip(returned.operands, evaluate(module, arguments), strict=True):
        actual = np.asarray(values[value])
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        numbers = expected == expected
        assert np.array_equal(numbers, actual == actual)
        assert actual[numbers].tobytes() == expected[numbers].tobytes()
    return True


SCATTER = """"stablehlo.scatter"(%a0, %a1, %a2) <{scatter_dimension_numbers = #stablehlo.scatter<
  update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0],
  index_vector_dim = 1>}> ({
    ^bb0(%a: tensor<i32>, %b: tensor<i32>):
      %c = stablehlo.add %a, %b : tensor<i32>
      stablehlo.return RESULT : tensor<i32>
  }) : (tensor<4x2xi32>, tensor<2xi32>, tensor<2x2xi32>) -> tensor<4x2xi32>"""


@pytest.mark.parametrize(
    ("indices", "result", "folds"),
    [
        ([0, 3], "%b", True),
        ([2, 2], "%c", True),
        # Of elements written twice the last one is not the same everywhere, nor what is left of windows outside.
        ([2, 2], "%b", False),
        ([1, 4], "%c", False),
        ([-1, 0], "%c", False),
    ],
)
def test_scatter(indices: list[int], result: str, folds: bool) -> None:
    x, updates = np.arange(8, dtype=np.int32).reshape(4, 2), np.array([[10, 20], [30, 40]], np.int32)
    text = SCATTER.replace("RESULT", result)
    if result == "%b":
        text = text.replace("%c = stablehlo.add %a, %b : tensor<i32>", "")
    folded, expected = both(text, [x, np.array(indices, np.int32), updates], tensor(x))
    assert folds == (folded is not None)
    if folds:
        same(folded, expected)


def test_orders_of_nan_are_declined() -> None:
    text = """"stablehlo.sort"(%a0) <{dimension = 0 : i64}> ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %p = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1> }) : (tensor<3xf32>) -> tensor<3xf32>"""
    folded, _ = both(text, [np.array([1, np.nan, 0], np.float32)], "tensor<3xf32>")
    assert folded is None


def test_dynamic_forms_of_pads_and_gathers() -> None:
    x, value = np.arange(6, dtype=np.int32).reshape(2, 3), np.array(7, np.int32)
    amounts = [np.array(each, np.int64) for each in ([1, -1], [0, 2], [1, 0])]
    result, sizes = np.empty((4, 4), np.int32), "tensor<2xi64>"
    text = (
        "stablehlo.dynamic_pad %a0, %a1, %a2, %a3, %a4 : "
        f"({tensor(x)}, tensor<i32>, {sizes}, {sizes}, {sizes}) -> {tensor(result)}"
    )
    same(*both(text, [x, value, *amounts], tensor(result)))
    numbers = "offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1"
    text = (
        f'"stablehlo.dynamic_gather"(%a0, %a1, %a2) <{{dimension_numbers = #stablehlo.gather<{numbers}>}}> : '
        f"({tensor(x)}, tensor<2xi32>, {sizes}) -> tensor<2x3xi32>"
    )
    same(*both(text, [x, np.array([1, 9], np.int32), np.array([1, 3], np.int64)], "tensor<2x3xi32>"))
