"""`fold` agrees with StableHLO's reference interpreter, or declines."""

import numpy as np
import pytest
from fold_oracle import CONTEXT, both, module_of, same, tensor
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.fold import fold

INTEGERS = ["i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"]
FLOATS = ["bf16", "f16", "f32", "f64"]
FLOAT_VALUES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    100.25,
    -7.75,
    1e-3,
    np.inf,
    -np.inf,
    np.nan,
]
# Correctly rounded by IEEE 754, so every bit must agree; the others may differ in the last places.
EXACT_FLOAT = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "remainder"]
EXACT_FLOAT_UNARY = [
    "abs",
    "ceil",
    "floor",
    "negate",
    "sign",
    "sqrt",
    "round_nearest_afz",
    "round_nearest_even",
]
ROUNDED_UNARY = [
    "cbrt", "cosine", "exponential", "exponential_minus_one", "log", "log_plus_one", "logistic", "rsqrt",
    "sine", "tan", "tanh",
]  # fmt: skip
INTEGER_BINARY = [
    "add", "subtract", "multiply", "divide", "remainder", "maximum", "minimum", "and", "or", "xor",
    "shift_left", "shift_right_logical", "shift_right_arithmetic",
]  # fmt: skip
INTEGER_UNARY = ["abs", "negate", "not", "popcnt", "count_leading_zeros", "sign"]
UNSIGNED_HAS_NO = {"abs", "negate", "sign", "shift_right_arithmetic"}


def integers(spelling: str, count: int) -> st.SearchStrategy[np.ndarray]:
    dtype = dtypes._TABLE[spelling]
    limits = np.iinfo(dtype)
    some = st.sampled_from([limits.min, limits.max, 0, 1, 2, 7, limits.max // 3]) | st.integers(0, 40)
    return st.lists(some, min_size=count, max_size=count).map(lambda values: np.array(values, dtype))


def floats(spelling: str, count: int) -> st.SearchStrategy[np.ndarray]:
    values = st.sampled_from(FLOAT_VALUES) | st.floats(-50, 50, width=32)
    dtype = dtypes._TABLE[spelling]
    return st.lists(values, min_size=count, max_size=count).map(lambda some: np.array(some).astype(dtype))


@pytest.mark.parametrize("direction", ["EQ", "NE", "LT", "LE", "GT", "GE"])
@pytest.mark.parametrize("spelling", FLOATS)
def test_compare_in_total_order(direction: str, spelling: str) -> None:
    """The interpreter knows no total order, so the values are listed in it."""
    dtype = dtypes.to_numpy(ir.Type.parse(spelling, CONTEXT))
    ordered = np.array([-np.nan, -np.inf, -2.5, -0.0, 0.0, 1.0, np.inf, np.nan]).astype(dtype)
    ranks = np.arange(len(ordered))
    x, y = (np.repeat(ordered, len(ordered)), np.tile(ordered, len(ordered)))
    compare = {"EQ": np.equal, "NE": np.not_equal, "LT": np.less, "LE": np.less_equal, "GT": np.greater,
               "GE": np.greater_equal}[direction]  # fmt: skip
    result = f"tensor<{len(x)}xi1>"
    text = f"stablehlo.compare {direction}, %a0, %a1, TOTALORDER : ({tensor(x)}, {tensor(x)}) -> {result}"
    module = module_of(text, [x, y], result)
    operation = module.body.operations[0].regions[0].blocks[0].operations[0].operation
    folded = fold(operation, [x, y])
    assert folded is not None
    np.testing.assert_array_equal(folded[0], compare(np.repeat(ranks, len(ranks)), np.tile(ranks, len(ranks))))


@pytest.mark.parametrize(
    ("spelling", "shape", "result"),
    [("f32", (3,), "3xi32"), ("f32", (3,), "3x2xui16"), ("i8", (2, 4), "2xf32"), ("bf16", (3,), "3xi16"),
     ("f64", (2,), "2x8xui8"), ("ui16", (0, 2), "0xf32")],
)  # fmt: skip
def test_bitcast(spelling: str, shape: tuple[int, ...], result: str) -> None:
    dtype = dtypes.to_numpy(ir.Type.parse(spelling, CONTEXT))
    x = np.random.default_rng(0).integers(0, 256, (*shape, dtype.itemsize), np.uint8).view(dtype).reshape(shape)
    result = f"tensor<{result}>"
    folded, expected = both(f"stablehlo.bitcast_convert %a0 : ({tensor(x)}) -> {result}", [x], result)
    assert folded is not None
    assert folded.tobytes() == expected.tobytes()


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(INTEGER_BINARY), st.sampled_from(INTEGERS))
def test_integer_binary(data: st.DataObject, name: str, spelling: str) -> None:
    x, y = data.draw(integers(spelling, 5)), data.draw(integers(spelling, 5))
    if name in UNSIGNED_HAS_NO and spelling.startswith("u"):
        name = "xor"
    undefined = name in ("divide", "remainder") and (
        np.any(y == 0) or (spelling[0] == "i" and np.any((x == np.iinfo(x.dtype).min) & (y == -1)))
    )
    if undefined:
        operation = module_of(f"stablehlo.{name} %a0, %a1 : {tensor(x)}", [x, y], tensor(x))
        assert fold(operation.body.operations[0].regions[0].blocks[0].operations[0].operation, [x, y]) is None
    else:
        same(*both(f"stablehlo.{name} %a0, %a1 : {tensor(x)}", [x, y], tensor(x)))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(INTEGER_UNARY), st.sampled_from(INTEGERS))
def test_integer_unary(data: st.DataObject, name: str, spelling: str) -> None:
    if name in UNSIGNED_HAS_NO and spelling.startswith("u"):
        name = "not"
    x = data.draw(integers(spelling, 6))
    same(*both(f"stablehlo.{name} %a0 : {tensor(x)}", [x], tensor(x)))


@settings(max_examples=120, deadline=None)
@given(st.data(), st.sampled_from(EXACT_FLOAT), st.sampled_from(FLOATS))
def test_exact_float_binary(data: st.DataObject, name: str, spelling: str) -> None:
    x, y = data.draw(floats(spelling, 6)), data.draw(floats(spelling, 6))
    same(*both(f"stablehlo.{name} %a0, %a1 : {tensor(x)}", [x, y], tensor(x)))


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(EXACT_FLOAT_UNARY), st.sampled_from(FLOATS))
def test_exact_float_unary(data: st.DataObject, name: str, spelling: str) -> None:
    x = data.draw(floats(spelling, 8))
    same(*both(f"stablehlo.{name} %a0 : {tensor(x)}", [x], tensor(x)))


@pytest.mark.parametrize("name", ROUNDED_UNARY)
@pytest.mark.parametrize("spelling", FLOATS)
def test_rounded_float_unary(name: str, spelling: str) -> None:
    x = np.array(FLOAT_VALUES).astype(dtypes._TABLE[spelling])
    folded, expected = both(f"stablehlo.{name} %a0 : {tensor(x)}", [x], tensor(x))
    assert folded is not None
    tolerance = {"bf16": 1e-2, "f16": 2e-3, "f32": 1e-6, "f64": 1e-14}[spelling]
    # Tangents of large arguments and cancelling expm1 magnify the interpreter's own last place.
    np.testing.assert_allclose(
        folded.astype(np.float64), expected.astype(np.float64), rtol=tolerance * 4, atol=tolerance / 4
    )


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(["EQ", "NE", "LT", "LE", "GT", "GE"]), st.sampled_from(INTEGERS + FLOATS))
def test_compare(data: st.DataObject, direction: str, spelling: str) -> None:
    make = integers if spelling in INTEGERS else floats
    x, y = data.draw(make(spelling, 6)), data.draw(make(spelling, 6))
    text = f"stablehlo.compare {direction}, %a0, %a1 : ({tensor(x)}, {tensor(x)}) -> tensor<6xi1>"
    same(*both(text, [x, y], "tensor<6xi1>"))


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["i1", *INTEGERS, *FLOATS]), st.sampled_from(["i1", *INTEGERS, *FLOATS]))
def test_convert(data: st.DataObject, source: str, target: str) -> None:
    if source == "i1":
        x = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    else:
        x = data.draw((integers if source in INTEGERS else floats)(source, 4))
    result = f"tensor<4x{target}>"
    folded, expected = both(f"stablehlo.convert %a0 : ({tensor(x)}) -> {result}", [x], result)
    if folded is None:
        out_of_range = source in FLOATS and target in INTEGERS
        rounds_twice = target in ("bf16", "f16")
        assert out_of_range or rounds_twice
    else:
        same(folded, expected)


def test_convert_out_of_range_is_declined() -> None:
    for value, target in [(3e9, "i32"), (-1.0, "ui8"), (np.nan, "i32"), (np.inf, "i64"), (2.0**63, "i64")]:
        x = np.array([value])
        module = module_of(
            f"stablehlo.convert %a0 : (tensor<1xf64>) -> tensor<1x{target}>", [x], f"tensor<1x{target}>"
        )
        assert fold(module.body.operations[0].regions[0].blocks[0].operations[0].operation, [x]) is None


def test_select_clamp_and_logic_on_bools() -> None:
    p, x, y = np.array([True, False]), np.array([1, 2], np.int32), np.array([3, 4], np.int32)
    same(*both("stablehlo.select %a0, %a1, %a2 : tensor<2xi1>, tensor<2xi32>", [p, x, y], tensor(x)))
    scalar = np.array(True)
    same(*both("stablehlo.select %a0, %a1, %a2 : tensor<i1>, tensor<2xi32>", [scalar, x, y], tensor(x)))
    low, high, z = np.float32(-1), np.float32(1), np.array([-2, 0.5, 3, np.nan], np.float32)
    text = "stablehlo.clamp %a0, %a1, %a2 : (tensor<f32>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>"
    same(*both(text, [np.asarray(low), z, np.asarray(high)], tensor(z)))
    q = np.array([True, True])
    for name in ("and", "or", "xor", "add", "multiply", "maximum", "minimum"):
        same(*both(f"stablehlo.{name} %a0, %a1 : tensor<2xi1>", [p, q], "tensor<2xi1>"))


MOVEMENTS = [
    ("stablehlo.reshape %a0 : (tensor<2x3x4xf32>) -> tensor<6x4xf32>", "tensor<6x4xf32>"),
    (
        "stablehlo.transpose %a0, dims = [2, 0, 1] : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>",
        "tensor<4x2x3xf32>",
    ),
    (
        "stablehlo.broadcast_in_dim %a0, dims = [2, 0, 3] : (tensor<2x3x4xf32>) -> tensor<3x5x2x4xf32>",
        "tensor<3x5x2x4xf32>",
    ),
    (
        "stablehlo.slice %a0 [0:2:1, 1:3:1, 0:4:3] : (tensor<2x3x4xf32>) -> tensor<2x2x2xf32>",
        "tensor<2x2x2xf32>",
    ),
    (
        "stablehlo.concatenate %a0, %a0, dim = 1 : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x6x4xf32>",
        "tensor<2x6x4xf32>",
    ),
    ("stablehlo.reverse %a0, dims = [0, 2] : tensor<2x3x4xf32>", "tensor<2x3x4xf32>"),
    ("stablehlo.iota dim = 1 : tensor<2x5xi8>", "tensor<2x5xi8>"),
    ("stablehlo.iota dim = 1 : tensor<0x1099511627776xi64>", "tensor<0x1099511627776xi64>"),
    ("stablehlo.get_dimension_size %a0, dim = 1 : (tensor<2x3x4xf32>) -> tensor<i32>", "tensor<i32>"),
]


@pytest.mark.parametrize(("text", "result"), MOVEMENTS)
def test_movement(text: str, result: str) -> None:
    same(*both(text, [np.arange(24, dtype=np.float32).reshape(2, 3, 4)], result))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 5), st.integers(-6, 4), st.integers(-6, 4), st.integers(0, 3))
def test_pad(size: int, low: int, high: int, interior: int) -> None:
    extent = low + size + max(size - 1, 0) * interior + high
    if extent < 0:
        return
    x, value = np.arange(1, 1 + size, dtype=np.int32), np.array(-1, np.int32)
    result = f"tensor<{extent}xi32>"
    attributes = f"low = [{low}], high = [{high}], interior = [{interior}]"
    text = f"stablehlo.pad %a0, %a1, {attributes} : ({tensor(x)}, tensor<i32>) -> {result}"
    same(*both(text, [x, value], result))


@settings(max_examples=40, deadline=None)
@given(st.integers(-5, 9), st.integers(-5, 9))
def test_dynamic_slices_clamp(i: int, j: int) -> None:
    x = np.arange(20, dtype=np.int16).reshape(4, 5)
    starts = [np.array(i, np.int32), np.array(j, np.int32)]
    text = (
        "stablehlo.dynamic_slice %a0, %a1, %a2, sizes = [2, 3] : "
        "(tensor<4x5xi16>, tensor<i32>, tensor<i32>) -> tensor<2x3xi16>"
    )
    same(*both(text, [x, *starts], "tensor<2x3xi16>"))
    update = -np.ones((2, 3), np.int16)
    text = (
        "stablehlo.dynamic_update_slice %a0, %a1, %a2, %a3 : "
        "(tensor<4x5xi16>, tensor<2x3xi16>, tensor<i32>, tensor<i32>) -> tensor<4x5xi16>"
    )
    same(*both(text, [x, update, *starts], tensor(x)))


GATHERS = [
    # operand, start indices, dimension numbers, slice sizes, result
    (
        (5, 4),
        (3, 1),
        "offset_dims=[1], collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1",
        (1, 4),
        (3, 4),
    ),
    (
        (5, 4),
        (3,),
        "offset_dims=[1], collapsed_slice_dims=[0], start_index_map=[0], index_vector_dim=1",
        (1, 4),
        (3, 4),
    ),
    (
        (5, 4),
        (2, 3, 2),
        "offset_dims=[0, 2], start_index_map=[1, 0], index_vector_dim=2",
        (2, 3),
        (2, 2, 3, 3),
    ),
    ((5, 4), (2, 3), "offset_dims=[0, 2], start_index_map=[1, 0], index_vector_dim=0", (2, 3), (2, 3, 3)),
    (
        (3, 5, 4),
        (2, 1, 3),
        "offset_dims=[1], collapsed_slice_dims=[1], operand_batching_dims=[0], "
        "start_indices_batching_dims=[2], start_index_map=[1], index_vector_dim=1",
        (1, 1, 4),
        (2, 4, 3),
    ),
]


@pytest.mark.parametrize(("shape", "index_shape", "numbers", "sizes", "result_shape"), GATHERS)
@pytest.mark.parametrize("seed", range(3))
def test_gather(
    shape: tuple[int, ...],
    index_shape: tuple[int, ...],
    numbers: str,
    sizes: tuple[int, ...],
    result_shape: tuple[int, ...],
    seed: int,
) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    starts = np.random.default_rng(seed).integers(-3, 8, index_shape).astype(np.int32)
    result = tensor(np.empty(result_shape, np.float32))
    text = (
        f'"stablehlo.gather"(%a0, %a1) {{dimension_numbers = #stablehlo.gather<{numbers}>, '
        f"slice_sizes = array<i64: {', '.join(map(str, sizes))}>, indices_are_sorted = false}} : "
        f"({tensor(x)}, {tensor(starts)}) -> {result}"
    )
    same(*both(text, [x, starts], result))


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "and", "or", "xor"])
@pytest.mark.parametrize("spelling", ["i32", "ui8", "f32", "bf16"])
def test_reduce(name: str, spelling: str) -> None:
    if name in ("and", "or", "xor") and spelling not in INTEGERS:
        return
    dtype = dtypes._TABLE[spelling]
    x = np.arange(1, 25).reshape(2, 3, 4).astype(dtype)
    initial = np.array(3).astype(dtype)
    result = f"tensor<3x{spelling}>"
    text = (
        f"stablehlo.reduce(%a0 init: %a1) applies stablehlo.{name} across dimensions = [0, 2] : "
        f"({tensor(x)}, {tensor(initial)}) -> {result}"
    )
    folded, expected = both(text, [x, initial], result)
    if name == "multiply" and spelling == "bf16":
        # The interpreter rounds every partial product to bf16, XLA and fold round once.
        assert folded is not None
        np.testing.assert_allclose(folded.astype(np.float32), expected.astype(np.float32), rtol=2e-2)
    else:
        same(folded, expected)


def test_reduce_with_another_body_is_declined() -> None:
    text = """stablehlo.reduce(%a0 init: %a1) across dimensions = [0]
      : (tensor<4xi32>, tensor<i32>) -> tensor<i32>
      reducer(%x: tensor<i32>, %y: tensor<i32>) {
        %s = stablehlo.add %x, %x : tensor<i32>
        stablehlo.return %s : tensor<i32>
      }"""
    operands = [np.arange(4, dtype=np.int32), np.array(0, np.int32)]
    folded, _ = both(text, operands, "tensor<i32>")
    assert folded is None


def test_dot_general_with_batch_and_several_contracted_dimensions() -> None:
    x = np.arange(2 * 3 * 4 * 5, dtype=np.int64).reshape(2, 3, 4, 5)
    y = np.arange(5 * 2 * 6 * 3, dtype=np.int64).reshape(5, 2, 6, 3)
    result = "tensor<2x4x6xi64>"
    text = (
        "stablehlo.dot_general %a0, %a1, batching_dims = [0] x [1], contracting_dims = [1, 3] x [3, 0] : "
        f"({tensor(x)}, {tensor(y)}) -> {result}"
    )
    same(*both(text, [x, y], result))


@pytest.mark.parametrize("name", ["add", "divide", "maximum"])
def test_splats_stay_splats(name: str) -> None:
    huge = np.broadcast_to(np.float32(3), (1 << 20, 1 << 20))
    module = module_of(f"stablehlo.{name} %a0, %a0 : {tensor(huge)}", [huge], tensor(huge))
    folded = fold(module.body.operations[0].regions[0].blocks[0].operations[0].operation, [huge, huge])
    assert folded is not None
    assert not any(folded[0].strides)
    assert folded[0][0, 0] == {"add": 6, "divide": 1, "maximum": 3}[name]


def test_an_operation_without_a_rule_is_declined() -> None:
    module = module_of(
        "stablehlo.optimization_barrier %a0 : tensor<2xf32>", [np.zeros(2, np.float32)], "tensor<2xf32>"
    )
    operation = module.body.operations[0].regions[0].blocks[0].operations[0].operation
    assert fold(operation, [np.zeros(2, np.float32)]) is None
