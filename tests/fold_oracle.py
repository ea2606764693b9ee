"""One operation evaluated by `fold` and by StableHLO's reference interpreter."""

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects import dtypes
from oxide.dialects.context import make_context, parse_module
from oxide.dialects.fold import fold

CONTEXT = make_context()


def tensor(array: np.ndarray) -> str:
    return f"tensor<{'x'.join([*map(str, array.shape), dtypes.spelling(array.dtype)])}>"


def module_of(text: str, operands: Sequence[np.ndarray], result: str) -> ir.Module:
    """A module whose @main is the one operation `text` on arguments %0, %1, ..."""
    arguments = ", ".join(f"%a{i}: {tensor(array)}" for i, array in enumerate(operands))
    return parse_module(
        f"func.func @main({arguments}) -> {result} {{\n%r = {text}\nreturn %r : {result}\n}}", CONTEXT
    )


def both(text: str, operands: Sequence[np.ndarray], result: str) -> tuple[np.ndarray | None, np.ndarray]:
    """What fold makes of an operation, and what the interpreter does."""
    module = module_of(text, operands, result)
    operation = module.body.operations[0].regions[0].blocks[0].operations[0].operation
    folded = fold(operation, [operands[ir.BlockArgument(value).arg_number] for value in operation.operands])
    (expected,) = evaluate(module, operands)
    return (None if folded is None else folded[0]), expected


def same(folded: np.ndarray | None, expected: np.ndarray) -> None:
    assert folded is not None
    assert (folded.dtype, folded.shape) == (expected.dtype, expected.shape)
    if folded.dtype.kind in "biu":
        np.testing.assert_array_equal(folded, expected)
    else:
        left, right = folded.astype(np.complex128), expected.astype(np.complex128)
        np.testing.assert_array_equal(left, right)
        numbers = left == left
        np.testing.assert_array_equal(np.signbit(left.real[numbers]), np.signbit(right.real[numbers]))
