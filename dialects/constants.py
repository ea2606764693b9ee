"""Constants: numpy arrays to and from MLIR dense attributes, for every element type."""

from __future__ import annotations

import re

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text

# Element types whose memory the bindings hand to numpy; the others are read from the printed attribute.
_BUFFERED = {np.dtype(np.bool_), *(np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8))}
_BUFFERED |= {np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)}
_DENSE = re.compile(r"dense<(.*?)> ?: ?tensor<", re.DOTALL)
_ELEMENT = re.compile(r"\(([^,()]+),([^,()]+)\)|([^\s,\[\]()]+)")


def dense(array: np.ndarray) -> ir.DenseElementsAttr:
    """The dense attribute of an array.  An array whose strides are all zero (np.broadcast_to of a scalar)
    becomes a splat, whose size does not depend on the shape."""
    array = np.asarray(array)
    element = dtypes.to_mlir(array.dtype)
    shape = array.shape
    if array.size > 1 and not any(array.strides):
        array = array[(0,) * array.ndim].reshape(1)
    return ir.DenseElementsAttr.get(np.ascontiguousarray(array), type=element, shape=shape)


def defining_constant(value: ir.Value) -> ir.Operation | None:
    """The `stablehlo.constant` that defines a value and holds its elements, or None."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    operation = owner.operation
    return operation if holds_constant(operation) else None


def holds_constant(operation: ir.Operation) -> bool:
    """Whether an operation is a `stablehlo.constant` whose elements are in the IR."""
    return operation.name == "stablehlo.constant" and holds_elements(operation, "value")


def holds_elements(operation: ir.Operation, name: str) -> bool:
    """Whether attribute `name` has elements: False for a `dense_resource`, whose bytes the bindings cannot read."""
    try:
        attribute = operation.attributes[name]
    except TypeError:
        return True  # complex elements, for whose attribute there is no Python class
    return isinstance(attribute, ir.DenseElementsAttr)


def constant_value(value: ir.Value) -> np.ndarray | None:
    """The array a `stablehlo.constant` result stands for, or None for any other value.

    Splats come back as zero-stride views whatever their shape; the array must not be written to.
    """
    constant = defining_constant(value)
    return None if constant is None else read_constant(constant)


def different_elements(array: np.ndarray) -> np.ndarray:
    """A view of every element that a constant stores: one along the dimensions that repeat it (of stride 0)."""
    return array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)]


def read_constant(constant: ir.Operation) -> np.ndarray:
    """The array of a `stablehlo.constant`, of any element type numpy and ml_dtypes know.

    Raises OxideError for a `dense_resource`, which has no elements in the IR.
    """
    tensor = ir.RankedTensorType(constant.results[0].type)
    if not holds_elements(constant, "value"):
        where = Diagnostic("error", "dense_resource constant", location_text(constant.location))
        raise OxideError("the elements of a dense_resource constant cannot be read", [where])
    return read_elements(constant, "value", dtypes.to_numpy(tensor.element_type), tuple(tensor.shape))


def read_elements(operation: ir.Operation, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """The array of a dense attribute, the only one of its operation.  Splats come back as zero-stride views."""
    if dtype in _BUFFERED:
        return np.asarray(operation.attributes[name])
    # The bindings have no buffer for small and complex types (and no attribute class at all for complex), so
    # the printed form is read: hexadecimal bytes for more than a hundred elements, literals otherwise.
    return _parse_dense(str(operation), dtype, shape)


def _parse_dense(text: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    match = _DENSE.search(text)
    if match is None:
        raise ValueError(f"not a dense constant: {text[:80]}")
    body = match.group(1)
    if body.startswith('"0x'):
        data = np.frombuffer(bytes.fromhex(body[3:-1]), dtype=dtype)
    else:
        data = np.array(
            [_element(m, dtype) for m in _ELEMENT.finditer(body)],
            dtype=dtype,
        )
    if data.size == 1:
        return np.broadcast_to(data.reshape(()), shape)
    return data.reshape(shape)


def _element(match: re.Match[str], dtype: np.dtype) -> complex | np.generic | int:
    if match.group(3) is None:
        part = np.dtype(np.float32 if dtype == np.complex64 else np.float64)
        return complex(float(_scalar(match.group(1), part)), float(_scalar(match.group(2), part)))
    return _scalar(match.group(3), dtype)


def _scalar(text: str, dtype: np.dtype) -> np.generic | int:
    text = text.strip()
    if dtypes.is_integer(dtype):
        return int(text)
    if text.startswith("0x"):
        bits = int(text, 16).to_bytes(dtype.itemsize, "little")
        return np.frombuffer(bits, dtype=dtype)[0]
    return np.array(float(text)).astype(dtype)[()]
