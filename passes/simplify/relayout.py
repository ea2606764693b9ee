"""Rewriting of the regions that `layout` finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.passes.canonicalize.matching import producer, shape_of
from oxide.passes.simplify import carriers
from oxide.passes.simplify.carriers import Permutation
from oxide.passes.simplify.layout import Step


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
            step.op.erase()
        for op in reversed(self._restored):
            if next(iter(op.results[0].uses), None) is None:
                op.erase()

    def _rewrite(self, step: Step) -> None:
        op, p = step.op, step.p
        if step.kind == "transpose":
            x, q = self._twins.get(op.operands[0], (op.operands[0], p))
            self._define(op.results[0], x, carriers.after(q, integers(op, "permutation")))
            return
        if step.kind == "convolution":
            _, q = carriers.convolution_permutations(op, self._channels_last)
            x = self._twin(op.operands[0], p)
            is_weight = op.operands[1] in self._weights
            self._define(op.results[0], carriers.convolution(op, x, is_weight, self._channels_last), q)
            return
        operands = [self._twin(value, p) if hlo.rank(value) == len(p) else value for value in op.operands]
        if step.kind == "absorbed":
            for result, value in zip(op.results, carriers.absorbed(op, operands, p), strict=True):
                result.replace_all_uses_with(value)
            return
        for result, value in zip(op.results, carriers.carried(op, operands, p), strict=True):
            self._define(result, value, p)

    def _define(self, value: ir.Value, twin: ir.Value, p: Permutation) -> None:
        """Let uses of a value read a transpose of its twin, until they are rewritten themselves."""
        if p == tuple(range(len(p))):
            value.replace_all_uses_with(twin)
            return
        restored = _reordered(twin, p)
        if not isinstance(restored.owner, ir.Block) and restored != twin:
            self._restored.append(restored.owner.operation)
        value.replace_all_uses_with(restored)
        self._twins[restored] = twin, p

    def _twin(self, value: ir.Value, p: Permutation) -> ir.Value:
        if value in self._twins and self._twins[value][1] == p:
            return self._twins[value][0]
        if (value, p) not in self._entries:
            self._entries[value, p] = _made(value, p)
        return self._entries[value, p]


def _made(value: ir.Value, p: Permutation) -> ir.Value:
    """The twin of a value that has none."""
    spread = producer(value, "stablehlo.broadcast_in_dim")
    if spread is None:
        return _reordered(value, carriers.inverse(p))
    places = [p[axis] for axis in integers(spread, "broadcast_dimensions")]
    order = sorted(range(len(places)), key=places.__getitem__)
    source = hlo.transpose(spread.operands[0], order)
    return hlo.broadcast_in_dim(source, carriers.permuted(p, shape_of(value)), sorted(places))


def _reordered(value: ir.Value, p: Permutation) -> ir.Value:
    """A transpose, written as a reshape where it is one."""
    shape = shape_of(value)
    if carriers.is_transpose([shape[axis] for axis in p], p):
        return hlo.transpose(value, p)
    return hlo.reshape(value, [shape[axis] for axis in p])
