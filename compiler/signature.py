"""The signature of a model's `@main`: which arguments are inputs, which are weights, and what all are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import NAME, PARAM, PREPARE, SHAPE
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.dims import Size, parse_sizes

ENTRY = "main"


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of an input, output or parameter; a dynamic dimension is None.

    `symbolic` is the shape with what dynamic dimensions are called, when the model says so (`oxide.shape`).
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype
    symbolic: tuple[Size, ...] | None = None

    @property
    def is_static(self) -> bool:
        return None not in self.shape

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of a tensor without dynamic dimensions.  Raises OxideError when there is one."""
        if not self.is_static:
            raise OxideError(f"{self} has a dynamic shape")
        return tuple(size for size in self.shape if size is not None)

    def of_shape(self, shape: tuple[int | None, ...]) -> TensorSpec:
        """The same with another shape."""
        return TensorSpec(self.name, shape, self.dtype)

    @property
    def dimensions(self) -> str:
        """The shape as text: `1x3`, `1x?`, and `batch x 3` where dimensions have names; `scalar` for rank 0."""
        if self.symbolic is not None:
            return " x ".join(map(str, self.symbolic))
        return "x".join("?" if size is None else str(size) for size in self.shape) or "scalar"

    def __str__(self) -> str:
        """As StableHLO writes it: `x: 1x?xf32`; `x: batch x 3 x f32` where dimensions have names."""
        element = dtypes.spelling(self.dtype)
        if not self.shape:
            return f"{self.name}: {element}"
        return f"{self.name}: {self.dimensions}{' x ' if self.symbolic is not None else 'x'}{element}"


@dataclass(frozen=True)
class Preparation:
    """What the function that `hoist-params` makes takes, and what it gives `@main` as parameters."""

    function: str
    parameters: tuple[TensorSpec, ...]
    results: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class Signature:
    """Inputs, then parameters, in the order of `@main`'s arguments; outputs in the order of its results."""

    inputs: tuple[TensorSpec, ...]
    parameters: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preparation: Preparation | None = None

    @property
    def weights(self) -> tuple[TensorSpec, ...]:
        """What the model must be given: the parameters, or what they are prepared from."""
        if self.preparation is None:
            return self.parameters
        prepared = {spec.name for spec in self.preparation.results}
        given = [*self.preparation.parameters, *(spec for spec in self.parameters if spec.name not in prepared)]
        return tuple({spec.name: spec for spec in given}.values())

    @property
    def is_static(self) -> bool:
        return all(spec.is_static for spec in (*self.inputs, *self.parameters, *self.outputs))


def entry_function(module: ir.Module) -> ir.Operation:
    """The `func.func @main` of a module.  Raises OxideError when there is none."""
    functions = []
    for op in module.body.operations:
        operation = op.operation
        if operation.name == "func.func":
            name = ir.StringAttr(operation.attributes["sym_name"]).value
            if name == ENTRY:
                return operation
            functions.append(f"@{name}")
    found = ", ".join(functions[:10]) if functions else "no function"
    raise OxideError(f"the module has no @{ENTRY} function; it has {found}")


def read_signature(module: ir.Module) -> Signature:
    """Read `@main`'s signature.

    An argument with `oxide.param` is a weight; inputs and results without `oxide.name` are called `arg0`...,
    `result0`... by position.  Raises OxideError for a weight before an input, a name given twice, a type
    that is no ranked tensor, or weights that the function named by `oxide.prepare` does not give as `@main` takes
    them.
    """
    main = entry_function(module)
    signature = _read(main)
    with module.context:
        if PREPARE not in main.attributes:
            return signature
        return replace(signature, preparation=_preparation(module, main, signature))


def _preparation(module: ir.Module, main: ir.Operation, signature: Signature) -> Preparation:
    named, symbols = main.attributes[PREPARE], ir.SymbolTable(module.operation)
    name = named.value if isinstance(named, ir.StringAttr) else ""
    function = symbols[name].operation if name in symbols and name != ENTRY else None
    if function is None or function.name != "func.func" or len(function.regions[0].blocks) == 0:
        raise _refused(main, f"its weights come from {named}, which is no other function of the module")
    found = _read(function)
    taken = {spec.name: spec for spec in found.parameters}
    for spec in found.inputs:
        raise _refused(function, f"argument {spec} is no weight")
    for spec in found.outputs:
        if spec not in signature.parameters or spec.name in taken:
            raise _refused(function, f"result {spec} is no weight of @{ENTRY}")
    for spec in signature.parameters:
        if taken.get(spec.name, spec) != spec:
            raise _refused(function, f"{taken[spec.name]} is {spec} in @{ENTRY}")
    return Preparation(name, found.parameters, found.outputs)


def _read(function: ir.Operation) -> Signature:
    with function.context:
        kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
        inputs: list[TensorSpec] = []
        parameters: list[TensorSpec] = []
        for index, (type, attributes) in enumerate(
            zip(kind.inputs, _each(function, "arg_attrs", len(kind.inputs)), strict=True)
        ):
            param = _string(attributes, PARAM)
            if param is not None:
                parameters.append(_spec(function, param, type))
                continue
            name = _string(attributes, NAME) or f"arg{index}"
            if parameters:
                raise _refused(function, f"input {name!r} comes after a weight; inputs come first")
            inputs.append(_spec(function, name, type, attributes))
        outputs = [
            _spec(function, _string(attributes, NAME) or f"result{index}", type, attributes)
            for index, (type, attributes) in enumerate(
                zip(kind.results, _each(function, "res_attrs", len(kind.results)), strict=True)
            )
        ]
    for what, specs in (("inputs", inputs), ("weights", parameters), ("outputs", outputs)):
        _refuse_duplicates(function, what, specs)
    return Signature(tuple(inputs), tuple(parameters), tuple(outputs))


def require_static(signature: Signature, what: str) -> None:
    """Raise OxideError when a dimension is dynamic; `what` says which job cannot be done."""
    dynamic = [spec for spec in (*signature.inputs, *signature.parameters) if not spec.is_static]
    if dynamic:
        listed = "; ".join(map(str, dynamic))
        raise OxideError(f"{what} needs fixed shapes, but these are dynamic: {listed}")


def _each(function: ir.Operation, attribute: str, count: int) -> Iterable[ir.DictAttr | None]:
    if attribute not in function.attributes:
        return [None] * count
    return [ir.DictAttr(item) for item in ir.ArrayAttr(function.attributes[attribute])]


def _string(attributes: ir.DictAttr | None, key: str) -> str | None:
    if attributes is None or key not in attributes:
        return None
    value = attributes[key]
    if not isinstance(value, ir.StringAttr):
        raise OxideError(f"attribute {key} of @{ENTRY} must be a string, not {value}")
    return value.value


def _spec(function: ir.Operation, name: str, type: ir.Type, attributes: ir.DictAttr | None = None) -> TensorSpec:
    if not isinstance(type, ir.RankedTensorType):
        raise _refused(function, f"{name!r} is {type}; inputs, weights and outputs must be ranked tensors")
    shape = tuple(None if type.is_dynamic_dim(i) else type.get_dim_size(i) for i in range(type.rank))
    symbolic = None if type.has_static_shape else _symbolic(function, name, shape, _string(attributes, SHAPE))
    return TensorSpec(name, shape, dtypes.to_numpy(type.element_type), symbolic)


def _symbolic(
    function: ir.Operation, name: str, shape: tuple[int | None, ...], text: str | None
) -> tuple[Size, ...] | None:
    if text is None:
        return None
    sizes = parse_sizes(text)
    if len(sizes) != len(shape) or any(s is not None and s != z for s, z in zip(shape, sizes, strict=True)):
        raise _refused(function, f"the {SHAPE} of {name!r} is {text}, its type says {shape}")
    return sizes


def _refuse_duplicates(function: ir.Operation, what: str, specs: list[TensorSpec]) -> None:
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            raise _refused(function, f"two {what} are called {spec.name!r}")
        seen.add(spec.name)


def _refused(function: ir.Operation, why: str) -> OxideError:
    name = ir.StringAttr(function.attributes["sym_name"]).value
    return OxideError(f"@{name}: {why}", [Diagnostic("note", "the function", location_text(function.location))])
