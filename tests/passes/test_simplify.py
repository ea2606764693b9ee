"""What `simplify` makes computes the same: integers in full, floats and programs bit for bit."""

from __future__ import annotations

from itertools import product

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.simplify import Simplify

ELEMENTS = {"i8": np.int8, "ui8": np.uint8, "f16": np.float16}


def binary(operation: str, element: str, constant: str, size: int) -> ir.Module:
    return parse_module(
        f"""func.func @main(%x: tensor<{size}x{element}>) -> tensor<{size}x{element}> {{
          %c = stablehlo.constant dense<{constant}> : tensor<{size}x{element}>
          %0 = stablehlo.{operation} %x, %c : tensor<{size}x{element}>
          return %0 : tensor<{size}x{element}>
        }}"""
    )


def hits(module: ir.Module, options: Simplify = Simplify()) -> dict[str, int]:  # noqa: B008 - it is frozen
    log = PassLog()
    options.run(module, log)
    assert module.operation.verify()
    return {name: rule.hits for name, rule in log.rules.items() if rule.hits}


def assert_same_bits(old: np.ndarray, new: np.ndarray) -> None:
    """The same bits but for those of NaN."""
    assert (old.shape, old.dtype) == (new.shape, new.dtype)
    missing = [each != each for each in (old, new)]
    np.testing.assert_array_equal(*missing)
    assert old[~missing[0]].tobytes() == new[~missing[0]].tobytes()


def truncated(x: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder as StableHLO rounds them."""
    quotient = abs(x) // abs(divisor) * (1 if (x < 0) == (divisor < 0) else -1)
    return quotient, x - quotient * divisor


POWERS = [*(("i8", sign * 2**k) for sign, k in product((1, -1), range(7))), ("i8", -128)]
POWERS += [("ui8", 2**k) for k in range(8)]


@pytest.mark.parametrize("operation", ["divide", "remainder"])
@pytest.mark.parametrize(("element", "divisor"), [pair for pair in POWERS if pair[1] != 1])
def test_every_byte_by_every_power_of_two(operation: str, element: str, divisor: int) -> None:
    limits = np.iinfo(ELEMENTS[element])
    x = np.arange(limits.min, limits.max + 1).astype(ELEMENTS[element])
    module = binary(operation, element, str(divisor), 256)
    assert sum(hits(module).values()) == 1
    # -128 / -1 wraps.
    wanted = [truncated(int(each), divisor)[operation == "remainder"] & 0xFF for each in x]
    np.testing.assert_array_equal(evaluate(module, [x])[0].view(np.uint8), wanted)


@pytest.mark.parametrize("operation", ["divide", "remainder"])
@pytest.mark.parametrize("element", ["i8", "ui8"])
def test_every_byte_by_every_divisor_where_none_divides(element: str, operation: str) -> None:
    limits = np.iinfo(ELEMENTS[element])
    x = np.arange(limits.min, limits.max + 1).astype(ELEMENTS[element])
    others = [d for d in range(limits.min, limits.max + 1) if abs(d) & (abs(d) - 1)]
    for divisor in others[:: 5 if element == "i8" else 7] + others[-2:]:
        module = binary(operation, element, str(divisor), 256)
        assert hits(module, Simplify(device="tpu")) == {
            f"integer-{'quotient' if operation == 'divide' else 'remainder'}": 1
        }
        wanted = [truncated(int(each), divisor)[operation == "remainder"] & 0xFF for each in x]
        np.testing.assert_array_equal(evaluate(module, [x])[0].view(np.uint8), wanted)


@pytest.mark.parametrize("element", ["i16", "ui16", "i32", "ui32"])
def test_wide_integers_where_none_divides(element: str) -> None:
    """The numbers beside multiples of the divisor, where a quotient that is off by one shows."""
    dtype = np.dtype(f"{'u' if element[0] == 'u' else ''}int{element.lstrip('ui')}")
    limits, rng = np.iinfo(dtype), np.random.default_rng(0)
    for divisor in [3, 7, 641, limits.max, limits.max - 1, *(-3, -limits.max)[: 2 * (dtype.kind == "i")]]:
        quotients = [0, 1, limits.max // divisor, *rng.integers(0, abs(limits.max // divisor), 20, endpoint=True)]
        near = {int(q) * divisor + off for q in quotients for off in (-1, 0, 1)} | {limits.min, limits.max}
        x = np.array(sorted(n for n in near if limits.min <= n <= limits.max), dtype)
        module = binary("divide", element, str(divisor), len(x))
        assert hits(module, Simplify(device="tpu")) == {"integer-quotient": 1}
        np.testing.assert_array_equal(evaluate(module, [x])[0], [truncated(int(n), divisor)[0] for n in x])


def test_a_quotient_is_shared() -> None:
    text = """func.func @main(%x: tensor<64xi8>, %y: tensor<64xi8>) -> (tensor<64xi8>, tensor<64xi8>) {
      %0 = stablehlo.remainder %x, %y : tensor<64xi8>
      %1 = stablehlo.divide %x, %y : tensor<64xi8>
      return %0, %1 : tensor<64xi8>, tensor<64xi8>
    }"""
    before, after = parse_module(text), parse_module(text)
    assert hits(after) == {"shared-quotient": 1}
    rng = np.random.default_rng(0)
    for _ in range(8):
        arguments = [rng.integers(-128, 128, 64).astype(np.int8), rng.choice([-128, -7, -2, 1, 3, 127], 64)]
        arguments[1] = arguments[1].astype(np.int8)
        for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
            assert_same_bits(old, new)


@pytest.mark.parametrize("exponent", [3, 5, 7, 16, -0.5])
def test_powers_of_floats_by_several_operations(exponent: float) -> None:
    rng = np.random.default_rng(0)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e30, -1e-30]
    x = np.array([*special, *rng.uniform(-4, 4, 55)], np.float32)
    module = binary("power", "f32", f"{exponent:.1f}", 64)
    assert hits(module, Simplify(reassociate=True)) == {"float-power": 1}
    with np.errstate(all="ignore"):
        wanted = np.power(x.astype(np.float64), exponent).astype(np.float32)
    # x^n is rounded n - 1 times, a root and its inverse twice, and what is wanted once.
    error = max(exponent, 3) * float(np.finfo(np.float32).eps) / 2
    np.testing.assert_allclose(evaluate(module, [x])[0], wanted, rtol=error)


@pytest.mark.parametrize("exponent", [0, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 64])
@pytest.mark.parametrize("element", ["i8", "ui8"])
def test_every_byte_to_small_powers(element: str, exponent: int) -> None:
    x = np.arange(256, dtype=np.uint8).view(ELEMENTS[element])
    module = binary("power", element, str(exponent), 256)
    assert hits(module) == {"integer-power": 1}
    wanted = [pow(int(each), exponent) & 0xFF for each in x]
    np.testing.assert_array_equal(evaluate(module, [x])[0].view(np.uint8), wanted)


@pytest.mark.parametrize(
    ("operation", "element", "constant"),
    [
        ("divide", "i8", "7"),
        ("divide", "i8", "0"),
        ("remainder", "i8", "0"),
        ("remainder", "ui8", "6"),
        ("power", "i8", "-1"),
        ("power", "i8", "127"),
        ("power", "f32", "3.0"),
        ("power", "f32", "0.5"),
        ("power", "f32", "0x7FC00000"),
        ("power", "f32", "0x7F800000"),
        ("divide", "f32", "3.0"),
        ("divide", "f32", "0.0"),
        ("divide", "f32", "0x7F800000"),
        ("divide", "f32", "0x7FC00000"),
        ("divide", "f32", "0x00000001"),
        ("divide", "f32", "0x7F000000"),
    ],
)
def test_what_is_not_exact_stays(operation: str, element: str, constant: str) -> None:
    assert not hits(binary(operation, element, constant, 4))


@pytest.mark.parametrize(
    ("operation", "constant"),
    [*product(["power"], ["2.0", "-1.0", "0.0"]), *product(["divide"], ["2.0", "-4.0", "0.125", "8192.0"])],
)
def test_every_half_precision_float(operation: str, constant: str) -> None:
    """Half precision is computed in float64 and rounded once: 53 bits hold what 11 need (Figueroa, 1995)."""
    x = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    module = binary(operation, "f16", constant, 1 << 16)
    assert sum(hits(module).values()) == 1
    with np.errstate(all="ignore"):
        wide = (np.power if operation == "power" else np.divide)(x.astype(np.float64), float(constant))
        assert_same_bits(wide.astype(np.float16), evaluate(module, [x])[0])


CONVOLUTION = """func.func @main(%x: tensor<{x}xf32>, %w: tensor<{w}xf32>) -> tensor<{y}xf32> {{
  %0 = stablehlo.convolution(%x, %w) dim_numbers = {layout}, window = {{stride = [{stride}]}}
    {{batch_group_count = 1 : i64, feature_group_count = 1 : i64}}
    : (tensor<{x}xf32>, tensor<{w}xf32>) -> tensor<{y}xf32>
  return %0 : tensor<{y}xf32>
}}"""
# Shapes of x, w and y, the layout, the strides and numpy's equation.
POINTWISE = {
    "channels last": (
        "2x4x3x5",
        "1x1x5x6",
        "2x4x3x6",
        "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]",
        "1, 1",
        "nhwi,abio->nhwo",
    ),
    "kernel first": (
        "1x5x4x3",
        "6x5x1x1",
        "1x6x4x3",
        "[b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]",
        "1, 1",
        "nihw,oiab->nohw",
    ),
    "strides": (
        "1x5x4x3",
        "6x5x1x1",
        "1x6x2x1",
        "[b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]",
        "2, 3",
        "nihw,oiab->nohw",
    ),
    "batch in the middle": ("4x2x5", "5x1x6", "4x2x6", "[0, b, f]x[i, 0, o]->[0, b, f]", "1", "hni,iao->hno"),
    "features first": ("5x4x3", "1x6x5", "6x4x3", "[f, b, 0]x[0, o, i]->[f, b, 0]", "1", "inh,aoi->onh"),
    "no spatial dimension": ("2x5", "6x5", "2x6", "[b, f]x[o, i]->[b, f]", "", "ni,oi->no"),
}


@pytest.mark.parametrize("case", POINTWISE)
def test_pointwise_convolutions(case: str) -> None:
    *shapes, layout, stride, equation = POINTWISE[case]
    x, w, y = shapes
    module = parse_module(CONVOLUTION.format(x=x, w=w, y=y, layout=layout, stride=stride))
    assert hits(module) == {"pointwise-convolution": 1}
    rng = np.random.default_rng(0)
    arguments = [rng.integers(-9, 9, [int(n) for n in s.split("x")]).astype(np.float32) for s in (x, w)]
    (result,) = evaluate(module, arguments)
    steps = {"h": 2, "w": 3} if case == "strides" else {}
    strided = arguments[0][tuple(slice(None, None, steps.get(letter)) for letter in equation.split(",")[0])]
    np.testing.assert_array_equal(result, np.einsum(equation, strided, arguments[1]))
    assert not hits(module)


# Shapes of x, of two weights and of the results, whether weights come first, and the numbers of the products.
PRODUCTS = {
    "matrices": ("4x3", "3x2", "3x5", "4x2", "4x5", False, "contracting_dims = [1] x [0]"),
    "weights first": ("4x3", "2x4", "5x4", "2x3", "5x3", True, "contracting_dims = [1] x [0]"),
    "batches": (
        "2x4x3",
        "3x2x2",
        "3x2x5",
        "2x4x2",
        "2x4x5",
        False,
        "batching_dims = [0] x [1], contracting_dims = [2] x [0]",
    ),
    "batches, weights first": (
        "4x2x3",
        "2x6x3",
        "2x5x3",
        "2x6x4",
        "2x5x4",
        True,
        "batching_dims = [0] x [1], contracting_dims = [2] x [2]",
    ),
    "two free dimensions": ("4x3", "6x3x2", "6x3x5", "4x6x2", "4x6x5", False, "contracting_dims = [1] x [1]"),
}


@pytest.mark.parametrize("case", PRODUCTS)
def test_merged_products(case: str) -> None:
    x, *shapes, first, numbers = PRODUCTS[case]
    weights, results = shapes[:2], shapes[2:]
    lines = [
        f"""%{i} = stablehlo.dot_general {f"%w{i}, %x" if first else f"%x, %w{i}"}, {numbers}
          : ({f"tensor<{w}xf32>, tensor<{x}xf32>" if first else f"tensor<{x}xf32>, tensor<{w}xf32>"})
          -> tensor<{y}xf32>"""
        for i, (w, y) in enumerate(zip(weights, results, strict=True))
    ]
    named = ", ".join(f'%w{i}: tensor<{w}xf32> {{oxide.param = "w{i}"}}' for i, w in enumerate(weights))
    types = ", ".join(f"tensor<{y}xf32>" for y in results)
    text = "\n".join(
        [f"func.func @main(%x: tensor<{x}xf32>, {named}) -> ({types}) {{", *lines, f"return %0, %1 : {types} }}"]
    )
    before, after = parse_module(text), parse_module(text)
    assert hits(after) == {"merge-products": 2}
    rng = np.random.default_rng(0)
    arguments = [rng.standard_normal([int(n) for n in s.split("x")]).astype(np.float32) for s in (x, *weights)]
    for old, new in zip(evaluate(before, arguments), evaluate(after, arguments), strict=True):
        assert_same_bits(old, new)
    assert not hits(after)


@pytest.mark.parametrize("element", ["f16", "bf16"])
def test_what_selects_between_converts_keeps_every_bit(element: str) -> None:
    size, dtype = 1 << 16, {"f16": np.float16, "bf16": ml_dtypes.bfloat16}[element]
    narrow, wide = f"tensor<{size}x{element}>", f"tensor<{size}xf32>"
    text = f"""func.func @main(%x: {narrow}, %y: {narrow}, %p: tensor<{size}xi1>) -> {narrow} {{
      %c = stablehlo.constant dense<0.5> : {wide}
      %0 = stablehlo.convert %x : ({narrow}) -> {wide}
      %1 = stablehlo.convert %y : ({narrow}) -> {wide}
      %2 = stablehlo.negate %0 : {wide}
      %3 = stablehlo.minimum %2, %c : {wide}
      %4 = stablehlo.maximum %3, %1 : {wide}
      %5 = stablehlo.select %p, %4, %c : tensor<{size}xi1>, {wide}
      %6 = stablehlo.reverse %5, dims = [0] : {wide}
      %7 = stablehlo.convert %6 : ({wide}) -> {narrow}
      return %7 : {narrow}
    }}"""
    before, after = parse_module(text), parse_module(text)
    assert hits(after) == {"narrow-between": 1}
    rng = np.random.default_rng(0)
    x = np.arange(size, dtype=np.uint16).view(dtype)
    arguments = [x, rng.permutation(x), rng.random(size) < 0.7]
    assert_same_bits(*evaluate(before, arguments), *evaluate(after, arguments))


# An operation that nothing uses reads a transpose in 245.
@settings(max_examples=40, deadline=None)
@example(245)
@given(st.integers(0, 2**32 - 1))
def test_random_programs_keep_every_bit(seed: int) -> None:
    module, arguments = random_program(seed, wide=True)
    expected = evaluate(module, arguments)
    hits(module)
    for old, new in zip(expected, evaluate(module, arguments), strict=True):
        assert_same_bits(old, new)
    text = str(module)
    assert not hits(module)
    assert str(module) == text


CHAIN = """func.func @main(%x: tensor<4x6x{t}>, %y: tensor<4x3x{t}>, %z: tensor<4x2x{t}>,
    %u: tensor<6x16x{t}> {{oxide.param = "u"}}, %v: tensor<3x16x{t}> {{oxide.param = "v"}},
    %w: tensor<2x16x{t}> {{oxide.param = "w"}}, %b: tensor<16x{t}> {{oxide.param = "b"}}) -> tensor<4x4x4x{t}> {{
  %c = stablehlo.constant dense<{c}> : tensor<4x4x4x{t}>
  %0 = stablehlo.dot_general %x, %u, contracting_dims = [1] x [0]
    : (tensor<4x6x{t}>, tensor<6x16x{t}>) -> tensor<4x16x{t}>
  %1 = stablehlo.dot_general %y, %v, contracting_dims = [1] x [0]
    : (tensor<4x3x{t}>, tensor<3x16x{t}>) -> tensor<4x16x{t}>
  %2 = stablehlo.dot_general %z, %w, contracting_dims = [1] x [0]
    : (tensor<4x2x{t}>, tensor<2x16x{t}>) -> tensor<4x16x{t}>
  %3 = stablehlo.add %0, %1 : tensor<4x16x{t}>
  %4 = stablehlo.add %3, %2 : tensor<4x16x{t}>
  %5 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<16x{t}>) -> tensor<4x16x{t}>
  %6 = stablehlo.subtract %4, %5 : tensor<4x16x{t}>
  %7 = stablehlo.reshape %6 : (tensor<4x16x{t}>) -> tensor<4x4x4x{t}>
  %8 = stablehlo.{scale} %7, %c : tensor<4x4x4x{t}>
  return %8 : tensor<4x4x4x{t}>
}}"""
SHAPES = [(4, 6), (4, 3), (4, 2), (6, 16), (3, 16), (2, 16), (16,)]


@pytest.mark.parametrize("scale", ["multiply", "divide"])
def test_reassociated_chain_stays_within_the_bound(scale: str) -> None:
    """Both forms have 13 terms and at most 5 more roundings: gamma_18 sum |terms| (Higham, section 3.1)."""
    rng = np.random.default_rng(0)
    arguments = [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES]
    module = parse_module(CHAIN.format(t="f32", c="0.3", scale=scale))
    log = PassLog()
    Simplify(reassociate=True).run(module, log)
    assert (log.rules["scaled-product"].hits, log.rules["sum-of-products"].hits) == (1, 2)
    (new,) = evaluate(module, arguments)
    *factors, bias = (array.astype(np.float64) for array in arguments)
    number = float(np.float32(0.3)) if scale == "multiply" else 1 / float(np.float32(0.3))

    def result(*values: np.ndarray, bias: np.ndarray) -> np.ndarray:
        x, y, z, u, v, w = values
        return ((x @ u + y @ v + z @ w - bias) * number).reshape(4, 4, 4)

    unit = 18 * np.finfo(np.float32).eps / 2
    bound = unit / (1 - unit) * result(*map(abs, factors), bias=-abs(bias))
    assert (abs(new - result(*factors, bias=bias)) <= bound).all()


def test_sums_of_products_of_integers_need_no_option() -> None:
    rng = np.random.default_rng(0)
    arguments = [rng.integers(-(1 << 31), 1 << 31, shape).astype(np.int32) for shape in SHAPES]
    text = CHAIN.format(t="i32", c="3", scale="multiply")
    before, after = parse_module(text), parse_module(text)
    assert hits(after) == {"sum-of-products": 2}
    assert_same_bits(*evaluate(before, arguments), *evaluate(after, arguments))
    assert not hits(after)
