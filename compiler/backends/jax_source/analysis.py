"""Which operations of a block are needed, and how often each value is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from jaxlib.mlir import ir

from oxide.backends.jax_source import idioms, loops
from oxide.dialects.shapes import Symbolic, is_assertion

RETURNS = frozenset({"func.return", "stablehlo.return"})
# A private function with at most this many operations is written where it is called.
SMALL_FUNCTION = 3
_WEIGHTLESS = RETURNS | {"stablehlo.constant", "stablehlo.convert", "stablehlo.broadcast_in_dim"}
_NEVER_SMALL = frozenset(
    {
        "stablehlo.while",
        "stablehlo.case",
        "stablehlo.if",
        "stablehlo.composite",
        "stablehlo.custom_call",
        "func.call",
    }
)


@dataclass
class Analysis:
    """Facts about the blocks visited so far.

    `live` holds a block's needed operations in order, `uses` how often a value is written (not there: never),
    `idioms` the operations that stand for several, `returned` the values that are all a block returns.
    """

    live: dict[ir.Block, list[ir.OpView]] = field(default_factory=dict)
    uses: dict[ir.Value, int] = field(default_factory=dict)
    idioms: dict[ir.Operation, idioms.Match] = field(default_factory=dict)
    symbolic: Symbolic = field(default_factory=Symbolic)
    returned: set[ir.Value] = field(default_factory=set)

    def visit(self, block: ir.Block) -> list[ir.OpView]:
        """The live operations of a block, last operation first on the way, regions included."""
        if block in self.live:
            return self.live[block]
        live: list[ir.OpView] = []
        for op in reversed(list(block.operations)):
            used = any(r in self.uses for r in op.results)
            if not (used or op.operation.name in RETURNS or _has_effect(op)):
                continue
            live.append(op)
            match = None if op.operation in self.idioms else _idiom(op, self.symbolic)
            if match is not None:
                self.idioms |= {op.operation: match, **match.inner}
            for region in op.regions:
                self._visit_region(region)
            operands = self._operands(op)
            if op.operation.name in RETURNS and len(operands) == 1:
                self.returned.add(operands[0])
            for operand in operands:
                self.uses[operand] = self.uses.get(operand, 0) + 1
        self.live[block] = live[::-1]
        return self.live[block]

    def _visit_region(self, region: ir.Region) -> None:
        """A use inside a region counts twice: computing a value again in every iteration is no improvement."""
        for block in region.blocks:
            live = self.visit(block)
            inside = {r for op in live for r in op.results} | set(block.arguments)
            for op in live:
                for operand in self._operands(op):
                    if operand not in inside:
                        self.uses[operand] = self.uses.get(operand, 0) + 1

    def values_returned(self, terminator: ir.OpView) -> Sequence[ir.Value]:
        """What a block gives to the operation around it, as that is written."""
        match = self.idioms.get(terminator.operation)
        return terminator.operands if match is None else match.operands

    def _operands(self, op: ir.OpView) -> Sequence[ir.Value]:
        """The values that are written for an operation: not sizes, which are numbers."""
        if self.symbolic.is_known(op):
            return []
        match = self.idioms.get(op.operation)
        if match is not None:
            return match.operands
        if not self.symbolic.active:
            return op.operands
        if is_assertion(op):
            return []
        return [v for i, v in enumerate(op.operands) if not self.symbolic.is_size_operand(op, i)]


def _idiom(op: ir.OpView, symbolic: Symbolic) -> idioms.Match | None:
    find = loops.find if op.operation.name == "stablehlo.while" else idioms.find
    return find(op, symbolic)


def _has_effect(op: ir.OpView) -> bool:
    return op.operation.name == "stablehlo.custom_call" and str(op.attributes.get("has_side_effect", "")) == "true"


def is_small(live: Sequence[ir.OpView]) -> bool:
    """Whether a function of these operations reads best where it is called."""
    work = (op.operation.name for op in live if op.operation.name not in _WEIGHTLESS)
    first = list(islice(work, SMALL_FUNCTION + 1))
    return len(first) <= SMALL_FUNCTION and _NEVER_SMALL.isdisjoint(first)
