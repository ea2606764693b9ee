"""Every elementwise operation of StableHLO and CHLO: written as JAX and equal to what XLA computes."""

from __future__ import annotations

import numpy as np
import pytest
from jax_source_oracle import check

from oxide.dialects import dtypes

UNARY_FLOAT = [
    "abs",
    "cbrt",
    "ceil",
    "cosine",
    "exponential",
    "exponential_minus_one",
    "floor",
    "is_finite",
    "log",
    "log_plus_one",
    "logistic",
    "negate",
    "round_nearest_afz",
    "round_nearest_even",
    "rsqrt",
    "sign",
    "sine",
    "sqrt",
    "tan",
    "tanh",
]
UNARY_INTEGER = ["abs", "count_leading_zeros", "negate", "not", "popcnt", "sign"]
BINARY = ["add", "atan2", "divide", "maximum", "minimum", "multiply", "power", "remainder", "subtract"]
INTEGER_BINARY = [
    "add",
    "and",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "or",
    "power",
    "remainder",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
    "subtract",
    "xor",
]
CHLO_UNARY = [
    "asinh",
    "atan",
    "bessel_i1e",
    "conj",
    "cosh",
    "digamma",
    "erf",
    "erf_inv",
    "erfc",
    "is_inf",
    "is_neg_inf",
    "is_pos_inf",
    "lgamma",
    "sinh",
    "square",
    "tan",
]


def apply_each(names: list[str], operands: int, dtype: str) -> str:
    """A module that applies each operation to the same operands and returns all results."""
    t = f"tensor<3x4x{dtype}>"
    lines, results = [], []
    for i, name in enumerate(names):
        result = "tensor<3x4xi1>" if ".is_" in name else t
        values = "%x, %y" if operands == 2 else "%x"
        lines.append(f'%{i} = "{name}"({values}) : ({", ".join([t] * operands)}) -> {result}')
        results.append(result)
    arguments = f"%x: {t}, %y: {t}" if operands == 2 else f"%x: {t}"
    values = ", ".join(f"%{i}" for i in range(len(names)))
    body = "\n".join(lines)
    types = ", ".join(results)
    return f"func.func @main({arguments}) -> ({types}) {{\n{body}\nreturn {values} : {types} }}"


def stablehlo_names(names: list[str]) -> list[str]:
    return [f"stablehlo.{n}" for n in names]


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "f16"])
def test_unary_float(dtype: str) -> None:
    check(apply_each(stablehlo_names(UNARY_FLOAT), 1, dtype))


@pytest.mark.parametrize("dtype", ["i8", "i32", "i64", "ui8", "ui32"])
def test_unary_integer(dtype: str) -> None:
    signed_only = ("abs", "negate", "sign")
    names = [n for n in UNARY_INTEGER if not (dtype.startswith("u") and n in signed_only)]
    check(apply_each(stablehlo_names(names), 1, dtype))


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16"])
def test_binary_float(dtype: str) -> None:
    check(apply_each(stablehlo_names(BINARY), 2, dtype))


@pytest.mark.parametrize("dtype", ["i8", "i32", "i64", "ui8", "ui32"])
def test_binary_integer(dtype: str) -> None:
    check(apply_each(stablehlo_names(INTEGER_BINARY), 2, dtype))


def test_binary_bool() -> None:
    names = ["add", "and", "maximum", "minimum", "multiply", "or", "xor"]
    check(apply_each(stablehlo_names(names), 2, "i1"))


def test_complex() -> None:
    unary = ["exponential", "log", "negate", "sqrt", "tanh", "cosine", "rsqrt", "sign"]
    check(apply_each(stablehlo_names(unary), 1, "complex<f32>"), tolerance=1e-5)
    binary = ["add", "divide", "multiply", "power", "subtract"]
    check(apply_each(stablehlo_names(binary), 2, "complex<f32>"), tolerance=1e-5)


def test_chlo_unary() -> None:
    check(apply_each([f"chlo.{n}" for n in CHLO_UNARY], 1, "f32"), tolerance=1e-5)


@pytest.mark.parametrize("name", ["acos", "acosh", "asin", "atanh"])
def test_chlo_unary_on_its_domain(name: str) -> None:
    x = np.linspace(1.0 if name == "acosh" else -0.9, 1.9 if name == "acosh" else 0.9, 12, dtype=np.float32)
    check(apply_each([f"chlo.{name}"], 1, "f32"), [x.reshape(3, 4)], tolerance=1e-5)


@pytest.mark.parametrize("name", ["next_after", "polygamma", "zeta"])
def test_chlo_binary(name: str) -> None:
    x = np.array([1, 2, 1, 3] * 3, np.float32).reshape(3, 4) + (name == "zeta")
    check(apply_each([f"chlo.{name}"], 2, "f32"), [x, x + 0.5], tolerance=1e-4)


@pytest.mark.parametrize("direction", ["EQ", "NE", "LT", "LE", "GT", "GE"])
@pytest.mark.parametrize("kind", ["FLOAT", "TOTALORDER"])
def test_compare(direction: str, kind: str) -> None:
    values = np.array([0.0, -0.0, np.nan, -np.nan, 1.0, -np.inf], np.float32)
    x, y = (np.ascontiguousarray(v) for v in np.broadcast_arrays(values[:, None], values))
    check(
        f"""func.func @main(%x: tensor<6x6xf32>, %y: tensor<6x6xf32>) -> tensor<6x6xi1> {{
          %0 = stablehlo.compare {direction}, %x, %y, {kind} : (tensor<6x6xf32>, tensor<6x6xf32>) -> tensor<6x6xi1>
          return %0 : tensor<6x6xi1> }}""",
        [x, y],
    )


DTYPES = [
    "i1",
    "i8",
    "i16",
    "i32",
    "i64",
    "ui8",
    "ui16",
    "ui32",
    "ui64",
    "bf16",
    "f16",
    "f32",
    "f64",
    "i4",
    "ui4",
    "f8E4M3FN",
    "f8E5M2",
    "f8E4M3FNUZ",
]


@pytest.mark.parametrize("source", ["i1", "i8", "i32", "f32", "bf16", "i64"])
def test_convert(source: str) -> None:
    values = np.array([0, 1, 1, 0, 2]).astype(np.bool_ if source == "i1" else np.int8)
    s, results = f"tensor<5x{source}>", [f"tensor<5x{t}>" for t in DTYPES]
    lines = [f"%{i} = stablehlo.convert %x : ({s}) -> {t}" for i, t in enumerate(results)]
    returned = ", ".join(f"%{i}" for i in range(len(results)))
    text = f"""func.func @main(%x: {s}) -> ({", ".join(results)}) {{
        {chr(10).join(lines)}
        return {returned} : {", ".join(results)} }}"""
    expected = [values.astype(dtypes.from_spelling(t)) for t in DTYPES]
    check(text, [values.astype(dtypes.from_spelling(source))], expected=expected)
