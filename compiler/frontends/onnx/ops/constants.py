"""Operators that make tensors from attributes and shapes: Constant, ConstantOfShape, Shape, Range, EyeLike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.dims import Dim, maximum
from oxide.frontends.onnx.initializers import element_dtype
from oxide.frontends.onnx.registry import Node, lowering


@lowering("Constant", 1, 9, 11, 12, 13, 19, 21, 23, 24, 25)
def constant(
    node: Node,
    *,
    value: np.ndarray | None = None,
    sparse_value: np.ndarray | None = None,
    value_int: int | None = None,
    value_ints: list[int] | None = None,
    value_float: float | None = None,
    value_floats: list[float] | None = None,
    value_string: str | None = None,
    value_strings: list[str] | None = None,
) -> ir.Value:
    if value_string is not None or value_strings is not None:
        raise node.error("string tensors have no StableHLO counterpart")
    choices: dict[str, Any] = {
        "value": value,
        "sparse_value": sparse_value,
        "value_int": None if value_int is None else np.array(value_int, np.int64),
        "value_ints": None if value_ints is None else np.array(value_ints, np.int64),
        "value_float": None if value_float is None else np.array(value_float, np.float32),
        "value_floats": None if value_floats is None else np.array(value_floats, np.float32),
    }
    return _constant(node, choices)


def _constant(node: Node, choices: dict[str, np.ndarray | None]) -> ir.Value:
    given = {name: array for name, array in choices.items() if array is not None}
    if len(given) != 1:
        raise node.error(f"exactly one value attribute is needed, found {sorted(given) or 'none'}")
    (array,) = given.values()
    return hlo.constant(array)


@lowering("ConstantOfShape", 9, 20, 21, 23, 24, 25)
def constant_of_shape(node: Node, shape: ir.Value, *, value: np.ndarray | None = None) -> ir.Value:
    filler = np.zeros(1, np.float32) if value is None else value
    if filler.size != 1:
        raise node.error(f"attribute value has {filler.size} elements, expected one")
    return hlo.full(node.numbers(shape, "input"), filler.reshape(())[()], filler.dtype)


@lowering("Shape", 1, 13, 15, 19, 21, 23, 24, 25)
def shape(node: Node, x: ir.Value, *, start: int = 0, end: int | None = None) -> ir.Value:
    return hlo.sizes(hlo.shape(x)[start:end])


@lowering("Size", 1, 13, 19, 21, 23, 24, 25)
def size(node: Node, x: ir.Value) -> ir.Value:
    return hlo.constant(hlo.size(x), np.int64)


@lowering("Range", 11, 27)
def range_27(node: Node, start: ir.Value, limit: ir.Value, delta: ir.Value, *, stash_type: int = 1) -> ir.Value:
    if stash_type != 1:
        raise node.error(f"stash_type {stash_type} is not supported, expected 1 (float32)")
    return _range(node, start, limit, delta)


def _range(node: Node, start: ir.Value, limit: ir.Value, delta: ir.Value) -> ir.Value:
    """start + i * delta for ceil((limit - start) / delta) values; half precision is computed in float32."""
    dtype = hlo.dtype(start)
    first, last, step = (node.number(v, name) for v, name in ((start, "start"), (limit, "limit"), (delta, "delta")))
    if step == 0:
        raise node.error("delta is 0")
    if dtypes.is_float(dtype) and not all(math.isfinite(v) for v in (first, last, step)):
        raise node.error(f"a range from {first} to {last} by {step} is not defined")
    if dtypes.is_float(dtype):
        count = max(int(np.ceil((float(last) - float(first)) / float(step))), 0)
    else:
        first, last, step = (v if isinstance(v, Dim) else int(v) for v in (first, last, step))
        count = maximum((last - first + step - (1 if step > 0 else -1)) // step, 0)
    wide = np.promote_types(dtype, np.float32) if dtypes.is_float(dtype) and dtype.itemsize < 4 else dtype
    steps = hlo.multiply(hlo.iota([count], 0, wide), hlo.constant(step, wide))
    return hlo.convert(hlo.add(steps, hlo.constant(first, wide)), dtype)


@lowering("EyeLike", 9, 22)
def eye_like(node: Node, x: ir.Value, *, dtype: int | None = None, k: int = 0) -> ir.Value:
    """Ones on the k-th diagonal."""
    dims = hlo.shape(x)
    if len(dims) != 2:
        raise node.error(f"the input has shape {dims}, expected two dimensions")
    target = hlo.dtype(x) if dtype is None else element_dtype(dtype, "attribute dtype")
    diagonal = hlo.equal(hlo.add(hlo.iota(dims, 0, np.int64), k), hlo.iota(dims, 1, np.int64))
    return hlo.convert(diagonal, target)
