"""What the emitter knows about each IR value: its exact type and how to write it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size

# jax.numpy's names of the element types; those without one cannot be emitted.
JNP_NAMES: dict[str, str] = {
    "i1": "bool_",
    "i2": "int2",
    "i4": "int4",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "ui2": "uint2",
    "ui4": "uint4",
    "ui8": "uint8",
    "ui16": "uint16",
    "ui32": "uint32",
    "ui64": "uint64",
    "f4E2M1FN": "float4_e2m1fn",
    "f8E3M4": "float8_e3m4",
    "f8E4M3": "float8_e4m3",
    "f8E4M3FN": "float8_e4m3fn",
    "f8E4M3FNUZ": "float8_e4m3fnuz",
    "f8E4M3B11FNUZ": "float8_e4m3b11fnuz",
    "f8E5M2": "float8_e5m2",
    "f8E5M2FNUZ": "float8_e5m2fnuz",
    "f8E8M0FNU": "float8_e8m0fnu",
    "bf16": "bfloat16",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "complex<f32>": "complex64",
    "complex<f64>": "complex128",
}
WIDE = frozenset({"i64", "ui64", "f64", "complex<f64>"})


@dataclass(frozen=True)
class TensorType:
    """Shape and element type, in StableHLO's spelling; a size may depend on the arguments' sizes."""

    shape: tuple[Size, ...]
    element: str

    @cached_property
    def size(self) -> Size:
        total: Size = 1
        for size in self.shape:
            total = total * size
        return total

    @cached_property
    def is_static(self) -> bool:
        return all(isinstance(size, int) for size in self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @cached_property
    def dtype(self) -> np.dtype:
        return dtypes.from_spelling(self.element)

    @cached_property
    def is_float(self) -> bool:
        return self.element[0] == "f" or self.element == "bf16"

    @cached_property
    def is_complex(self) -> bool:
        return self.element.startswith("complex")

    @cached_property
    def is_integer(self) -> bool:
        return self.element != "i1" and self.element.lstrip("u")[0] == "i"

    @cached_property
    def is_unsigned(self) -> bool:
        return self.element.startswith("ui")

    def __str__(self) -> str:
        short = {"i1": "bool", "complex<f32>": "c64", "complex<f64>": "c128"}.get(self.element)
        short = short or self.element.replace("ui", "u")
        return f"{short}[{','.join(map(str, self.shape))}]"


def tensor_type(type_: ir.Type, shape: tuple[Size, ...] | None = None) -> TensorType:
    """The type with the given shape (default: its own).

    Raises OxideError for what a JAX array cannot be: unknown shapes, quantised elements, tokens.
    """
    if not isinstance(type_, ir.RankedTensorType):
        raise OxideError(f"a value of type {type_} is not an array")
    if shape is None and not type_.has_static_shape:
        raise OxideError(f"{type_} has a dynamic shape; give the model's inputs static shapes first")
    element = str(type_.element_type)
    if element not in JNP_NAMES:
        raise OxideError(f"element type {element} does not exist in JAX")
    return TensorType(tuple(type_.shape) if shape is None else shape, element)


@dataclass(slots=True)
class Reduction:
    """A `x.sum(axis=...)` that may yet become `keepdims=True` or a mean."""

    kind: str
    operand: ast.expr
    operand_type: TensorType
    axes: tuple[int, ...]
    build: Callable[[str, bool], ast.expr]


@dataclass(slots=True)
class Slicing:
    """A `x[1:2, :]` that may yet become `x[1]`: the operand, its index, and the result's shape."""

    operand: ast.expr
    key: list[ast.expr]
    shape: tuple[Size, ...]


@dataclass(slots=True)
class Floor:
    """A `maximum(x, low)` that may yet become `clip(x, low, high)`."""

    operand: ast.expr
    low: ast.expr


@dataclass(slots=True)
class Bound:
    """An expression whose value is an array of exactly `type`.

    `cost` counts the operations in it; a cost of 0 (a name, a weight) may be written more than once, anything
    else is written exactly once.
    """

    type: TensorType
    node: ast.expr
    cost: int = 0
    made: Reduction | Slicing | Floor | None = None


@dataclass(slots=True)
class Constant:
    """A constant that is written where it is used.

    `value` may be a zero-stride view; where the shape is not known it is a scalar that fills it.
    """

    type: TensorType
    value: np.ndarray
    node: ast.expr | None = None

    @property
    def splat(self) -> np.generic | None:
        """The one value of all elements, or None."""
        value = self.value
        if value.size == 1 or (value.size and not any(value.strides)):
            return value[(0,) * value.ndim]
        return None


@dataclass(slots=True)
class Sizes:
    """Numbers that follow from the shapes of the arguments, which are Python integers when JAX traces.

    `value` holds int and `Dim`; it has the shape of `type` (a zero-stride view where all elements are the same), or
    is a scalar that fills it.
    """

    type: TensorType
    value: np.ndarray

    @property
    def splat(self) -> Size | None:
        """The one value of all elements, or None."""
        repeated = self.value.size == 1 or (self.value.size and not any(self.value.strides))
        return self.value.flat[0] if repeated else None


@dataclass(slots=True)
class Spread:
    """A broadcast not written yet: dimension i of `source` is dimension `dims[i]` of the result."""

    type: TensorType
    source: Bound
    dims: tuple[int, ...]


Term = Bound | Constant | Sizes | Spread


def filled(type_: TensorType, number: np.ndarray) -> np.ndarray:
    """One number as the `value` of a Constant or of Sizes of any shape."""
    scalar = number.reshape(())
    return np.broadcast_to(scalar, [int(n) for n in type_.shape]) if type_.is_static else scalar
