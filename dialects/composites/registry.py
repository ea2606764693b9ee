"""What an `oxide.*` composite is: a name, an attribute schema, a verifier and a decomposition.

A composite is `stablehlo.composite "oxide.softmax" %x {composite_attributes = {axis = 1 : i64}, ...}`.  Back ends
that know the name use it; all others inline the private function its `decomposition` names, so any consumer
of StableHLO can run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import TypeVar

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dims, hlo
from oxide.dialects.diagnostics import OxideError

PREFIX = "oxide."
AttributeValue = int | float | bool | str | tuple[int, ...]
Decomposition = Callable[..., ir.Value | Sequence[ir.Value]]
Function = TypeVar("Function", bound=Decomposition)


@dataclass(frozen=True)
class Composite:
    """One kind of composite.

    `attributes` maps each attribute to its Python type (int, float, bool, str, or tuple for a list of
    integers); those that are `optional` may be absent.  `verify(operand types, **attributes)` raises OxideError for
    a combination that has no meaning.  `decompose(*operands, **attributes)` builds it from StableHLO operations and
    gives its results.
    """

    name: str
    operands: tuple[int, int]
    attributes: Mapping[str, type]
    verify: Callable[..., None]
    decompose: Decomposition
    optional: frozenset[str] = frozenset()


REGISTRY: dict[str, Composite] = {}


def composite(
    name: str, *, operands: tuple[int, int], verify: Callable[..., None], **attributes: type
) -> Callable[[Function], Function]:
    """Register the decorated function as the decomposition of `oxide.<name>`.

    `operands` is the smallest and largest operand count.  An attribute that has a default in the function's
    signature is optional.
    """

    def add(decompose: Function) -> Function:
        full = PREFIX + name
        if full in REGISTRY:
            raise ValueError(f"composite {full} is registered twice")
        parameters = signature(decompose).parameters
        optional = frozenset(key for key in attributes if parameters[key].default is not Parameter.empty)
        REGISTRY[full] = Composite(full, operands, attributes, verify, decompose, optional)
        return decompose

    return add


# ------------------------------------------------------------------------------------------- building


@dataclass(frozen=True)
class Decomposed:
    """A private function that decomposes a composite; its sizes are in terms of its own symbols."""

    symbol: str
    results: Sequence[ir.RankedTensorType]
    constraints: Sequence[dims.Constraint]


@dataclass
class Library:
    """The decompositions of one module: equal composites share one private function."""

    module: ir.Module
    constraints: dims.Constraints
    _functions: dict[tuple, Decomposed] = field(default_factory=dict)

    def function(
        self, kind: Composite, types: Sequence[ir.RankedTensorType], values: Mapping[str, AttributeValue]
    ) -> Decomposed:
        """The function that decomposes `kind` for these operand types."""
        key = (kind.name, tuple(types), tuple(sorted(values.items())))
        if key not in self._functions:
            results: list[ir.RankedTensorType] = []

            def body(*operands: ir.Value) -> Sequence[ir.Value]:
                returned = kind.decompose(*operands, **values)
                returned = [returned] if isinstance(returned, ir.Value) else list(returned)
                results.extend(hlo.tensor_type(v) for v in returned)
                return returned

            with ir.Location.name(kind.name), dims.collected() as constraints:
                symbol = hlo.function(self.module, f"{kind.name}.impl", types, body)
            self._functions[key] = Decomposed(symbol, results, list(constraints))
        return self._functions[key]


_current: ContextVar[Library] = ContextVar("composite library")


@contextmanager
def library(module: ir.Module) -> Iterator[Library]:
    """Inside the block, `build` puts decompositions into this module, and constraints on sizes are collected."""
    with dims.collected() as constraints:
        token = _current.set(Library(module, constraints))
        try:
            yield _current.get()
        finally:
            _current.reset(token)


def build(name: str, operands: Sequence[ir.Value | None], **values: AttributeValue) -> list[ir.Value]:
    """Build `oxide.<name>` at the insertion point; trailing operands may be None (absent).

    Must run inside `library(module)`.  Raises OxideError when the verifier refuses.
    """
    kind = REGISTRY[PREFIX + name]
    present = [v for v in operands if v is not None]
    if any(v is not None for v in operands[len(present) :]):
        raise ValueError(f"only trailing operands of {kind.name} may be absent")
    types = [v.type for v in present]
    _check(kind, types, values)
    abstract = _Abstraction()
    decomposed = _current.get().function(kind, [abstract.generalize(v) for v in present], values)
    for constraint in decomposed.constraints:
        dims.require(abstract.specialize(constraint))
    results = [abstract.result(tensor) for tensor in decomposed.results]
    attributes = {key: to_attribute(value) for key, value in values.items()}
    return hlo.composite(kind.name, present, results, decomposed.symbol, attributes)


class _Abstraction:
    """The symbols of a private function: one for each different size that its caller does not know."""

    def __init__(self) -> None:
        self._symbols: dict[dims.Dim, dims.Dim] = {}

    def generalize(self, operand: ir.Value) -> ir.RankedTensorType:
        """The type of the function's argument for an operand of the caller."""
        tensor = hlo.tensor_type(operand)
        if tensor.has_static_shape:
            return tensor
        sizes = [d if isinstance(d, int) else self._symbol(d) for d in hlo.type_shape(tensor)]
        return hlo.make_type(sizes, tensor.element_type)

    def _symbol(self, size: dims.Dim) -> dims.Dim:
        return self._symbols.setdefault(size, dims.symbol(f"d{len(self._symbols)}"))

    def specialize(self, constraint: dims.Constraint) -> dims.Constraint:
        left, right = self._in_caller(constraint.left), self._in_caller(constraint.right)
        return dims.Constraint(constraint.relation, left, right, constraint.origin)

    def result(self, tensor: ir.RankedTensorType) -> ir.RankedTensorType:
        """The type in the caller of a result of the function."""
        if tensor.has_static_shape:
            return tensor
        return hlo.make_type([self._in_caller(d) for d in hlo.type_shape(tensor)], tensor.element_type)

    def _in_caller(self, size: dims.Size) -> dims.Size:
        return dims.rename(size, {str(local): outer for outer, local in self._symbols.items()})


# ---------------------------------------------------------------------------------- reading and checking


def attributes_of(op: ir.Operation) -> dict[str, AttributeValue]:
    """The composite attributes of a `stablehlo.composite` as Python values."""
    if "composite_attributes" not in op.attributes:
        return {}
    return {named.name: from_attribute(named.attr) for named in ir.DictAttr(op.attributes["composite_attributes"])}


def verify_composite(op: ir.Operation) -> None:
    """Check one `stablehlo.composite` against its schema.  Names outside `oxide.` pass.

    Raises OxideError for an unknown `oxide.` name, a missing, unknown or ill-typed attribute, a wrong operand
    count, or what the composite's own verifier refuses.
    """
    name = ir.StringAttr(op.attributes["name"]).value
    if not name.startswith(PREFIX):
        return
    if name not in REGISTRY:
        raise OxideError(f"unknown composite {name}; known are {', '.join(sorted(REGISTRY))}")
    _check(REGISTRY[name], [v.type for v in op.operands], attributes_of(op))


def _check(kind: Composite, types: Sequence[ir.Type], values: Mapping[str, AttributeValue]) -> None:
    if set(values) | kind.optional != set(kind.attributes):
        raise OxideError(f"{kind.name} takes attributes {sorted(kind.attributes)}, not {sorted(values)}")
    for key, value in values.items():
        expected = kind.attributes[key]
        if type(value) is not expected:
            raise OxideError(f"{kind.name}: attribute {key} is {value!r}, expected {expected.__name__}")
    low, high = kind.operands
    if not low <= len(types) <= high:
        raise OxideError(f"{kind.name} takes {low} to {high} operands, not {len(types)}")
    unranked = [str(t) for t in types if not isinstance(t, ir.RankedTensorType)]
    if unranked:
        raise OxideError(f"{kind.name} takes ranked tensors, not {', '.join(unranked)}")
    kind.verify([ir.RankedTensorType(t) for t in types], **values)


def to_attribute(value: AttributeValue) -> ir.Attribute:
    """bool, i64, f64, string, or array<i64: ...>."""
    if isinstance(value, bool):
        return ir.BoolAttr.get(value)
    if isinstance(value, int):
        return hlo.i64(value)
    if isinstance(value, float):
        return ir.FloatAttr.get(ir.F64Type.get(), value)
    if isinstance(value, str):
        return ir.StringAttr.get(value)
    return hlo.i64_array(value)


def from_attribute(attribute: ir.Attribute) -> AttributeValue:
    """The inverse of `to_attribute`.  Raises OxideError for other kinds of attribute."""
    for kind in (ir.BoolAttr, ir.IntegerAttr, ir.FloatAttr, ir.StringAttr):
        if isinstance(attribute, kind):
            return attribute.value
    if isinstance(attribute, ir.DenseI64ArrayAttr):
        return tuple(attribute)
    if isinstance(attribute, ir.DenseIntElementsAttr):  # what an i64 array is after a portable artefact
        return tuple(np.asarray(attribute).reshape(-1).tolist())
    raise OxideError(f"composite attribute {attribute} is not a bool, integer, float, string or i64 array")
