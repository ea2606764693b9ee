"""Rewriting of the regions that `layout` finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.passes.canonicalize.matching import producer, shape_of
from oxide.passes.simplify import carriers, layouts
from oxide.passes.simplify.layout import Step
from oxide.passes.simplify.permutations import (
    Permutation,
    between,
    identity,
    inverse,
    is_transpose,
    permuted,
)


class Rewriting:
    """Rewrites regions: each operation to one on twins, with transposes to what is not in the region."""

    def __init__(self, channels_last: bool, weights: Mapping[ir.Value, bool]) -> None:
        self._channels_last = channels_last
        self._weights = weights
        self._twins: dict[ir.Value, tuple[ir.Value, Permutation]] = {}
        self._entries: dict[tuple[ir.Value, Permutation], ir.Value] = {}
        self._restored: list[ir.Operation] = []

    def apply(self, steps: Iterable[Step]) -> None:
        """Rewrite in the order of the block: no value that is remembered here is erased later."""
        for step in sorted(steps, key=lambda step: step.position):
            with step.op.location, ir.InsertionPoint(step.op):
                self._rewrite(step)
        for op in reversed(self._restored):
            if all(next(iter(result.uses), None) is None for result in op.results):
                op.erase()

    def _rewrite(self, step: Step) -> None:
        op, how = step.op, step.how
        if step.kind == "transpose":
            x = op.operands[0]
            results = [self._twins[x][0] if x in self._twins else x]
        elif step.kind == "convolution":
            x = self._twin(op.operands[0], how.reads[0])
            results = [layouts.convolution(op, x, op.operands[1] in self._weights, self._channels_last)]
        else:
            operands = [self._twin(value, p) for value, p in zip(op.operands, how.reads, strict=True)]
            results = carriers.carried(op, operands, how)
        if op.name == "stablehlo.broadcast_in_dim" and how.result != identity(len(how.result)):
            # What is left of its uses reads the operation itself, on what is restored for it.
            self._twins[op.results[0]] = results[0], how.result
            self._restored.append(op)
            return
        for result, twin in zip(op.results, results, strict=True):
            self._define(result, twin, how.result)
        op.erase()

    def _define(self, value: ir.Value, twin: ir.Value, p: Permutation) -> None:
        """Let uses of a value read a transpose of its twin, until they are rewritten themselves."""
        if p == identity(len(p)):
            value.replace_all_uses_with(twin)
            return
        restored = _reordered(twin, p)
        if not isinstance(restored.owner, ir.Block) and restored != twin:
            self._restored.append(restored.owner.operation)
        value.replace_all_uses_with(restored)
        self._twins[restored] = twin, p

    def _twin(self, value: ir.Value, p: Permutation | None) -> ir.Value:
        """What an operation reads instead of a value: itself, its twin, or one that is made."""
        if p is None:
            return value
        twin, have = self._twins.get(value, (value, identity(len(p))))
        if have == p:
            return twin
        if (value, p) not in self._entries:
            self._entries[value, p] = _made(twin, between(have, p))
        return self._entries[value, p]


def _made(value: ir.Value, order: Permutation) -> ir.Value:
    """transpose(value, order), without a transpose where the operation that makes it can give it in that order."""
    shape, p = shape_of(value), inverse(order)
    spread, counted = producer(value, "stablehlo.broadcast_in_dim"), producer(value, "stablehlo.iota")
    if counted is not None:
        return hlo.iota(permuted(p, shape), p[integer(counted, "iota_dimension")], hlo.dtype(value))
    if spread is None:
        return _reordered(value, order)
    places = [p[axis] for axis in integers(spread, "broadcast_dimensions")]
    source = _reordered(spread.operands[0], inverse(places))
    return hlo.broadcast_in_dim(source, permuted(p, shape), sorted(places))


def _reordered(value: ir.Value, p: Permutation) -> ir.Value:
    """A transpose, written as a reshape where it is one."""
    shape = [shape_of(value)[axis] for axis in p]
    return hlo.transpose(value, p) if is_transpose(shape, p) else hlo.reshape(value, shape)
