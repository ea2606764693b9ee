"""Model inputs and outputs: TypeProto to MLIR types, with symbolic dimensions bound to sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jaxlib.mlir import ir
from onnx import TensorShapeProto, TypeProto

from oxide.dialects import hlo
from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.initializers import DATA_TYPES, element_dtype
from oxide.model import TensorSpec


@dataclass
class Dimensions:
    """Sizes the caller gave: for named dimensions, and whole shapes for inputs by name.

    This is where symbolic dimensions end today; a front end that keeps them makes dynamic types here.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
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


def input_specs(inputs: Mapping[str, TypeProto], dims: Dimensions) -> list[TensorSpec]:
    """The shapes and dtypes of the model's inputs.

    Raises OxideError for inputs that are not tensors, and one that lists every dimension without a size.
    """
    unknown_inputs = sorted(dims.shapes.keys() - inputs.keys())
    if unknown_inputs:
        have = ", ".join(map(quoted, inputs)) or "none"
        raise OxideError(f"no input is called {', '.join(map(quoted, unknown_inputs))}; the inputs are: {have}")
    _bind_given_shapes(inputs, dims)
    open_dims: list[Diagnostic] = []
    specs: list[TensorSpec] = []
    for name, proto in inputs.items():
        tensor = _tensor(proto, f"input {quoted(name)}")
        dtype = element_dtype(tensor.elem_type, f"input {quoted(name)}")
        shape = _input_shape(name, tensor, dims, open_dims)
        if shape is not None:
            specs.append(TensorSpec(name, tuple(shape), dtype))
    if open_dims:
        raise OxideError(
            "the model has dimensions without a size; give one to each with dims={name: size} "
            "(--dim NAME=SIZE) or shapes={input: shape} (--shape INPUT=D0,D1,...)",
            open_dims,
        )
    unknown = sorted(dims.sizes.keys() - dims.used)
    if unknown:
        names = ", ".join(map(quoted, sorted(_symbols(inputs)))) or "none"
        raise OxideError(
            f"no input has a dimension called {', '.join(map(quoted, unknown))}; the named dimensions are: {names}"
        )
    return specs


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
            symbol = dim.dim_param
            if dim.HasField("dim_value"):
                dims.overridden |= dim.dim_value != size
            elif symbol and dims.sizes.setdefault(symbol, size) != size:
                raise OxideError(
                    f"dimension {quoted(symbol)} of input {quoted(name)} is {size}, "
                    f"but {dims.sizes[symbol]} elsewhere"
                )


def _input_shape(
    name: str, tensor: TypeProto.Tensor, dims: Dimensions, open_dims: list[Diagnostic]
) -> Sequence[int] | None:
    if name in dims.shapes:
        dims.used.update(d.dim_param for d in tensor.shape.dim)
        return dims.shapes[name]
    if not tensor.HasField("shape"):
        open_dims.append(Diagnostic("error", f"input {quoted(name)} has no shape"))
        return None
    sizes = [_size(dim, dims) for dim in tensor.shape.dim]
    for axis, (dim, size) in enumerate(zip(tensor.shape.dim, sizes, strict=True)):
        if size is None:
            symbol = quoted(dim.dim_param) if dim.dim_param else "unnamed"
            open_dims.append(Diagnostic("error", f"input {quoted(name)}, dimension {axis}: {symbol}"))
    return None if None in sizes else [size for size in sizes if size is not None]


def _size(dim: TensorShapeProto.Dimension, dims: Dimensions) -> int | None:
    if dim.HasField("dim_value") and dim.dim_value >= 0:  # exporters write -1 for "unknown"
        return dim.dim_value
    dims.used.add(dim.dim_param)
    return dims.sizes.get(dim.dim_param) if dim.dim_param else None


def _symbols(inputs: Mapping[str, TypeProto]) -> set[str]:
    return {d.dim_param for proto in inputs.values() for d in proto.tensor_type.shape.dim if d.dim_param}


def output_mismatch(proto: TypeProto, value: ir.Value, open_axis: int | None, dims: Dimensions) -> str:
    """Why a value does not have the type that the model declares for it; empty when it does.

    The size along `open_axis` depends on data and is not compared.
    """
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
    declared = [_size(dim, dims) for dim in tensor.shape.dim]
    if len(declared) != len(shape):
        return f"it has shape {shape}, the model declares rank {len(declared)}"
    pairs = enumerate(zip(declared, shape, strict=True))
    fits = all(want in (None, have) or axis == open_axis for axis, (want, have) in pairs)
    if not fits and not dims.overridden:
        return f"it has shape {shape}, the model declares {tuple('?' if d is None else d for d in declared)}"
    return ""


def type_proto(value: ir.Value) -> TypeProto:
    """The TypeProto of a value, for function bodies that depend on their inputs' types."""
    proto = TypeProto()
    proto.tensor_type.elem_type = DATA_TYPES[hlo.dtype(value)]
    for size in hlo.shape(value):
        proto.tensor_type.shape.dim.add().dim_value = size
    proto.tensor_type.shape.SetInParent()
    return proto
