"""The end of building with symbolic sizes: sizes become arithmetic on `get_dimension_size`, types lose them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.attributes import CONSTRAINTS, SHAPE, string
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Atom, Constraint, Dim, Size, Source, find_sources, is_at_least
from oxide.dialects.hlo.core import constant, emit, i64, make_type, type_shape
from oxide.dialects.hlo.elementwise import (
    add,
    convert,
    divide,
    less,
    maximum,
    minimum,
    multiply,
    remainder,
    select,
    subtract,
)
from oxide.dialects.hlo.shape_ops import concatenate, reshape
from oxide.dialects.hlo.symbolic import OPERATION, read_sizes


def resolve_sizes(module: ir.Module, constraints: Iterable[Constraint] = ()) -> None:
    """Turn a module that was built with symbolic sizes into plain StableHLO.

    `oxide.dims` become arithmetic at the entry of their function and types become `tensor<?x...>`.  The arguments
    and results of `@main` keep their sizes as `oxide.shape`, and `constraints` become its `oxide.constraints`.
    Raises OxideError when a size is not determined by the shapes of a function's arguments.
    """
    functions = [op.operation for op in module.body.operations if op.operation.name == "func.func"]
    if not any(_encoded(argument.type) for f in functions for argument in _entry(f).arguments):
        return
    for function in functions:
        _compute_sizes(function)
        if string(function, "sym_name") == "main":
            _keep_shapes(function)
            relations = [_relation(c) for c in constraints]
            if relations:
                function.attributes[CONSTRAINTS] = ir.ArrayAttr.get(relations)
    _erase_encodings(module)


def _entry(function: ir.Operation) -> ir.Block:
    return function.regions[0].blocks[0]


def _encoded(kind: ir.Type) -> bool:
    return isinstance(kind, ir.RankedTensorType) and isinstance(kind.encoding, ir.StringAttr)


def _relation(constraint: Constraint) -> ir.DictAttr:
    fields = {"relation": str(constraint), "origin": constraint.origin}
    return ir.DictAttr.get({name: ir.StringAttr.get(text) for name, text in fields.items() if text})


# ------------------------------------------------------------------------------------------------- values


def _compute_sizes(function: ir.Operation) -> None:
    pending: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == OPERATION:
            pending.append(op)
        return ir.WalkResult.ADVANCE

    function.walk(visit)
    used = [op for op in pending if any(True for _ in op.results[0].uses)]
    if used:
        entry = _entry(function)
        with ir.InsertionPoint(entry.operations[0]), ir.Location.name("sizes"):
            arithmetic = _Arithmetic(list(entry.arguments))
            for op in used:
                op.results[0].replace_all_uses_with(arithmetic.tensor(op))
    for op in pending:
        op.erase()


class _Arithmetic:
    """Values of sizes at the entry of a function, each computed once; scalars are i64."""

    def __init__(self, arguments: Sequence[ir.Value]) -> None:
        self._arguments = arguments
        shapes = [type_shape(a.type) if isinstance(a.type, ir.RankedTensorType) else () for a in arguments]
        self._sources = {source.symbol: source for source in find_sources(shapes)}
        self._values: dict[Size | Atom, ir.Value] = {}
        self._rows: dict[Size, ir.Value] = {}
        self._tensors: dict[tuple[str, str], ir.Value] = {}

    def tensor(self, op: ir.Operation) -> ir.Value:
        """The value of an `oxide.dims`."""
        key = str(op.attributes["sizes"]), str(op.results[0].type)
        if key not in self._tensors:
            sizes = read_sizes(op)
            element = ir.RankedTensorType(op.results[0].type).element_type
            if sizes.ndim:
                value = reshape(concatenate([self._row(size) for size in sizes.flat], 0), sizes.shape)
            else:
                value = self.size(sizes.item())
            target = make_type(sizes.shape, element)
            self._tensors[key] = value if value.type == target else emit("stablehlo.convert", [value], target)
        return self._tensors[key]

    def _row(self, size: Size) -> ir.Value:
        """A size as a vector of one element."""
        if size not in self._rows:
            known = isinstance(size, int)
            self._rows[size] = constant(np.array([size])) if known else reshape(self.size(size), [1])
        return self._rows[size]

    def size(self, size: Size) -> ir.Value:
        if size not in self._values:
            self._values[size] = constant(size, np.int64) if isinstance(size, int) else self._polynomial(size)
        return self._values[size]

    def _polynomial(self, size: Dim) -> ir.Value:
        total: ir.Value | None = None
        # Positive terms first, so that the sum starts with one where there is any.
        for monomial, factor in sorted(size.terms, key=lambda term: term[1] < 0):
            term: ir.Value | None = None
            for atom, power in monomial:
                for _ in range(power):
                    term = self._atom(atom) if term is None else multiply(term, self._atom(atom))
            if term is None:
                term = constant(abs(factor), np.int64)
            elif abs(factor) != 1:
                term = multiply(term, abs(factor))
            if total is None:
                total = term if factor > 0 else subtract(constant(0, np.int64), term)
            else:
                total = (add if factor > 0 else subtract)(total, term)
        assert total is not None
        return total

    def _atom(self, atom: Atom) -> ir.Value:
        if atom not in self._values:
            self._values[atom] = self._symbol(atom.name) if atom.kind == "symbol" else self._operation(atom)
        return self._values[atom]

    def _symbol(self, name: str) -> ir.Value:
        if name not in self._sources:
            raise OxideError(f"no argument has a dimension that tells the size {name!r}")
        source: Source = self._sources[name]
        argument = self._arguments[source.tensor]
        size = emit(
            "stablehlo.get_dimension_size", [argument], make_type([], np.int32), {"dimension": i64(source.axis)}
        )
        value = convert(size, np.int64)
        if source.rest != 0:
            value = subtract(value, self.size(source.rest))
        return value if source.factor == 1 else divide(value, source.factor)

    def _operation(self, atom: Atom) -> ir.Value:
        a, b, *more = [self.size(operand) for operand in atom.operands]
        if atom.kind in ("max", "min"):
            combine = maximum if atom.kind == "max" else minimum
            value = combine(a, b)
            for other in more:
                value = combine(value, other)
            return value
        top, bottom = atom.operands
        truncated = is_at_least(top, 0) and is_at_least(bottom, 0)
        if atom.kind == "//":
            quotient = divide(a, b)
            return quotient if truncated else select(less(remainder(a, b), 0), subtract(quotient, 1), quotient)
        rest = remainder(a, b)
        return rest if truncated else select(less(rest, 0), add(rest, b), rest)


# -------------------------------------------------------------------------------------------------- types


def _keep_shapes(function: ir.Operation) -> None:
    arguments = [a.type for a in _entry(function).arguments]
    terminator = list(_entry(function).operations)[-1].operation
    results = [v.type for v in terminator.operands]
    for attribute, types in (("arg_attrs", arguments), ("res_attrs", results)):
        given = ir.ArrayAttr(function.attributes[attribute]) if attribute in function.attributes else None
        rows = [ir.DictAttr.get({})] * len(types) if given is None else [ir.DictAttr(row) for row in given]
        function.attributes[attribute] = ir.ArrayAttr.get(
            [_with_shape(row, kind) for row, kind in zip(rows, types, strict=True)]
        )


def _with_shape(row: ir.DictAttr, kind: ir.Type) -> ir.DictAttr:
    sizes = ir.RankedTensorType(kind).encoding if _encoded(kind) else None
    if sizes is None:
        return row
    return ir.DictAttr.get({**{named.name: named.attr for named in row}, SHAPE: sizes})


def _erase_encodings(module: ir.Module) -> None:
    plain: dict[ir.Type, ir.Type] = {}

    def without(kind: ir.Type) -> ir.Type:
        if kind not in plain:
            tensor = ir.RankedTensorType(kind)
            plain[kind] = ir.RankedTensorType.get(tensor.shape, tensor.element_type)
        return plain[kind]

    def visit(op: ir.Operation) -> ir.WalkResult:
        for value in _values(op):
            if _encoded(value.type):
                value.set_type(without(value.type))
        if op.name == "func.func":
            signature = ir.FunctionType(ir.TypeAttr(op.attributes["function_type"]).value)
            inputs, results = (
                [without(kind) if _encoded(kind) else kind for kind in kinds]
                for kinds in (signature.inputs, signature.results)
            )
            op.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def _values(op: ir.Operation) -> Iterator[ir.Value]:
    yield from op.results
    for region in op.regions:
        for block in region.blocks:
            yield from block.arguments
