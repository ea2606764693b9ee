"""Sums and maxima are of the tensors that other operations read, not of reshapes of them."""

from __future__ import annotations

from collections.abc import Iterator

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.fold.contraction import reducer
from oxide.passes.canonicalize.matching import number, shape_of
from oxide.passes.raise_.matching import Rebuilt, rule
from oxide.passes.raise_.views import reshaped

_KINDS = {"stablehlo.add": "add", "stablehlo.maximum": "max"}
_PLACING = frozenset(f"stablehlo.{name}" for name in ("broadcast_in_dim", "reduce", "reshape"))


def _reduction(op: ir.Operation) -> Rebuilt | None:
    """reduce(reshape(x)) -> reshape(reduce(x)), where x has the dimensions in which it is computed with"""
    operand = op.operands[0]
    kind = _KINDS.get(reducer(op) or "") if len(op.operands) == 2 else None
    initial = None if kind is None else number(op.operands[1])
    if kind is None or initial is None or _is_computed_with(operand):
        return None
    if initial != (0 if kind == "add" else hlo.lowest(hlo.dtype(operand))):
        return None
    found = next((seen for seen in _with_other_units(operand) if _is_computed_with(seen[0])), None)
    if found is None or any(reshape.block != op.block for reshape in found[1]):
        return None
    x, path = found
    reduced = integers(op, "dimensions")
    axes = [other for axis, other in zip(_wide_axes(operand), _wide_axes(x), strict=True) if axis in reduced]

    def build() -> ir.Value:
        for reshape in path:
            if not reshape.is_before_in_block(op):
                reshape.move_before(op)
        return hlo.reduce(x, kind, axes)

    return Rebuilt(build) if axes else None


def _wide_axes(value: ir.Value) -> list[int]:
    return [axis for axis, size in enumerate(shape_of(value)) if size != 1]


def _with_other_units(value: ir.Value) -> Iterator[tuple[ir.Value, list[ir.Operation]]]:
    """What has the dimensions of a value, but for those of size 1, and the reshapes that make it."""
    wide = [shape_of(value)[axis] for axis in _wide_axes(value)]
    pending: list[tuple[ir.Value, list[ir.Operation]]] = [(reshaped(value), [])]
    while pending:
        source, path = pending.pop()
        if [shape_of(source)[axis] for axis in _wide_axes(source)] == wide:
            yield source, path
        uses = [use.owner.operation for use in source.uses]
        pending += [(op.results[0], [*path, op]) for op in uses if op.name == "stablehlo.reshape"]


def _is_computed_with(value: ir.Value) -> bool:
    return any(use.owner.operation.name not in _PLACING for use in value.uses)


PATTERNS = [rule("reduction-of-what-is-used", ["stablehlo.reduce"], _reduction)]
