"""Model inputs and outputs: TypeProto to shapes, with the sizes that the caller gives to named dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxlib.mlir import ir
from onnx import TensorShapeProto, TypeProto

from oxide.dialects import hlo
from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.dialects.dims import (
    Dim,
    Size,
    find_sources,
    is_at_least,
    parse_size,
    rename,
    symbol,
    symbols,
)
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.initializers import DATA_TYPES, element_dtype

# Longer names of dimensions are not looked at as arithmetic, nor are products of more factors.
_MAX_EXPRESSION = 200
_MAX_FACTORS = 8


@dataclass(frozen=True)
class InputType:
    """Name, shape and dtype of a tensor among the model's inputs."""

    name: str
    shape: tuple[Size, ...]
    dtype: np.dtype


@dataclass
class Dimensions:
    """The sizes of named dimensions: numbers that the caller gave, and symbols for the others.

    `sizes` are the given numbers by name, `shapes` whole given shapes by input, `names` the plain names among the
    dimensions of the inputs.  A name such as `past + 1` is arithmetic where all it mentions are such names, and a
    symbol of its own where not.  `overridden` says that inputs may have other sizes than those the model was
    exported with; exporters leave some of those in the types of outputs, so these are then not held against it.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    overridden: bool = False

    @staticmethod
    def of(sizes: Mapping[str, int] | None, shapes: Mapping[str, Sequence[int]] | None) -> Dimensions:
        dims = Dimensions({k: int(v) for k, v in (sizes or {}).items()})
        dims.shapes = {name: tuple(int(d) for d in shape) for name, shape in (shapes or {}).items()}
        bad = [quoted(k) for k, v in dims.sizes.items() if v < 0]
        bad += [quoted(k) for k, shape in dims.shapes.items() if any(d < 0 for d in shape)]
        if bad:
            raise OxideError(f"negative size given for {', '.join(bad)}")
        return dims

    def size(self, name: str) -> Size:
        """The size of a named dimension."""
        self.used.add(name)
        if name in self.sizes:
            return self.sizes[name]
        size = self.expression(name)
        self.used.update(symbols(size))
        return rename(size, self.sizes)

    def expression(self, name: str) -> Dim:
        """What a name stands for, before sizes are given."""
        if name not in self.names and len(name) <= _MAX_EXPRESSION and name.count("*") <= _MAX_FACTORS:
            try:
                size = parse_size(name)
            except OxideError:
                return symbol(name)
            if isinstance(size, Dim) and self.names.issuperset(symbols(size)):
                return size
        return symbol(name)


def input_types(inputs: Mapping[str, TypeProto], dims: Dimensions) -> list[InputType]:
    """The shapes and dtypes of the model's inputs; a dimension that nobody gives a size to stays symbolic.

    Raises OxideError for inputs that are not tensors or have no shape.
    """
    unknown_inputs = sorted(dims.shapes.keys() - inputs.keys())
    if unknown_inputs:
        have = ", ".join(map(quoted, inputs)) or "none"
        raise OxideError(f"no input is called {', '.join(map(quoted, unknown_inputs))}; the inputs are: {have}")
    dims.names = {name for name in _names(inputs) if name.isidentifier()}
    dims.overridden = any(not _is_fixed(dim) for p in inputs.values() for dim in p.tensor_type.shape.dim)
    _bind_given_shapes(inputs, dims)
    shapeless: list[Diagnostic] = []
    found: list[InputType] = []
    for name, proto in inputs.items():
        tensor = _tensor(proto, f"input {quoted(name)}")
        dtype = element_dtype(tensor.elem_type, f"input {quoted(name)}")
        if name not in dims.shapes and not tensor.HasField("shape"):
            shapeless.append(Diagnostic("error", f"input {quoted(name)} has no shape"))
            continue
        found.append(InputType(name, _input_shape(name, tensor, dims), dtype))
    if shapeless:
        raise OxideError(
            "the model has inputs without a shape; give one to each with shapes={input: shape} "
            "(--shape INPUT=D0,D1,...)",
            shapeless,
        )
    unknown = sorted(dims.sizes.keys() - dims.used)
    if unknown:
        names = ", ".join(map(quoted, sorted(_names(inputs)))) or "none"
        raise OxideError(
            f"no input has a dimension called {', '.join(map(quoted, unknown))}; the named dimensions are: {names}"
        )
    return found


def _tensor(proto: TypeProto, what: str) -> TypeProto.Tensor:
    kind = proto.WhichOneof("value")
    if kind != "tensor_type":
        found = (kind or "no").removesuffix("_type")
        raise OxideError(f"{what} has {found} type; the boundary of a model must be tensors")
    return proto.tensor_type


def _bind_given_shapes(inputs: Mapping[str, TypeProto], dims: Dimensions) -> None:
    """A whole shape also binds the named dimensions it covers."""
    for name, shape in dims.shapes.items():
        tensor = _tensor(inputs[name], f"input {quoted(name)}")
        if not tensor.HasField("shape"):
            continue
        declared = tensor.shape.dim
        if len(declared) != len(shape):
            raise OxideError(f"input {quoted(name)} has rank {len(declared)}, the shape given has {len(shape)}")
        for dim, size in zip(declared, shape, strict=True):
            if dim.HasField("dim_value"):
                dims.overridden |= dim.dim_value != size
            elif dim.dim_param:
                _bind(name, dim.dim_param, size, dims)


def _bind(input_name: str, name: str, size: int, dims: Dimensions) -> None:
    """Give a named dimension a size; where the name is arithmetic, the symbol that it can be solved for."""
    dims.used.add(name)
    whole = rename(dims.expression(name), dims.sizes)
    for source in find_sources([[whole]]):
        if len(symbols(whole)) == 1:
            dims.sizes.setdefault(source.symbol, source.value(size, {}))
            dims.used.add(source.symbol)
    have = rename(dims.expression(name), dims.sizes)
    if isinstance(have, int) and have != size:
        raise OxideError(f"dimension {quoted(name)} of input {quoted(input_name)} is {size}, but {have} elsewhere")


def _input_shape(name: str, tensor: TypeProto.Tensor, dims: Dimensions) -> tuple[Size, ...]:
    if name in dims.shapes:
        return dims.shapes[name]
    sizes = [_size(dim, dims) for dim in tensor.shape.dim]
    return tuple(_unnamed(name, axis, dims) if size is None else size for axis, size in enumerate(sizes))


def _unnamed(input_name: str, axis: int, dims: Dimensions) -> Dim:
    """A symbol for a dimension without a name."""
    name = re.sub(r"\W", "_", f"{input_name}_dim{axis}", flags=re.ASCII)
    while name in dims.names:
        name += "_"
    dims.names.add(name)
    return symbol(name)


def _is_fixed(dim: TensorShapeProto.Dimension) -> bool:
    return dim.HasField("dim_value") and dim.dim_value >= 0  # exporters write -1 for "unknown"


def _size(dim: TensorShapeProto.Dimension, dims: Dimensions) -> Size | None:
    """None for a dimension without size or name."""
    if _is_fixed(dim):
        return dim.dim_value
    return dims.size(dim.dim_param) if dim.dim_param else None


def _names(inputs: Mapping[str, TypeProto]) -> set[str]:
    return {d.dim_param for proto in inputs.values() for d in proto.tensor_type.shape.dim if d.dim_param}


def output_mismatch(proto: TypeProto, value: ir.Value) -> str:
    """Why a value does not have the element type and rank that the model declares for it; empty when it does."""
    if proto.WhichOneof("value") is None:
        return ""
    tensor = _tensor(proto, "output")
    dtype, shape = hlo.dtype(value), hlo.shape(value)
    if tensor.elem_type:
        declared_dtype = element_dtype(tensor.elem_type, "the declared type")
        if dtype != declared_dtype:
            return f"it has element type {dtype}, the model declares {declared_dtype}"
    if not tensor.HasField("shape"):
        return ""
    if len(tensor.shape.dim) != len(shape):
        return f"it has shape {shape}, the model declares rank {len(tensor.shape.dim)}"
    return ""


def size_mismatch(proto: TypeProto, value: ir.Value, open_axis: int | None, dims: Dimensions) -> str:
    """How the sizes of a value of the right rank differ from those that the model declares; empty when they do not.

    Converters declare wrong ones (skl2onnx does for half a dozen estimators), which onnxruntime only warns about.
    The size along `open_axis` depends on data and is not compared.
    """
    if not proto.tensor_type.HasField("shape") or dims.overridden:
        return ""
    shape = hlo.shape(value)
    declared = [_size(dim, dims) for dim in proto.tensor_type.shape.dim]
    pairs = enumerate(zip(declared, shape, strict=True))
    if all(axis == open_axis or not _differ(want, have) for axis, (want, have) in pairs):
        return ""
    return f"it has shape {shape}, the model declares {tuple('?' if d is None else d for d in declared)}"


def _differ(want: Size | None, have: Size) -> bool:
    """Whether two sizes are different whatever their symbols are."""
    if want is None or want == have:
        return False
    return isinstance(want - have, int) or is_at_least(want - have, 1) or is_at_least(have - want, 1)


def type_proto(value: ir.Value) -> TypeProto:
    """The TypeProto of a value, for function bodies that depend on their inputs' types."""
    proto = TypeProto()
    proto.tensor_type.elem_type = DATA_TYPES[hlo.dtype(value)]
    for size in hlo.shape(value):
        dim = proto.tensor_type.shape.dim.add()
        if isinstance(size, Dim):
            dim.dim_param = str(size)
        else:
            dim.dim_value = size
    proto.tensor_type.shape.SetInParent()
    return proto
