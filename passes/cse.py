"""Common subexpression elimination."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.base import Pass, PassLog, register

_COMMUTATIVE = frozenset(
    f"stablehlo.{name}" for name in ("add", "and", "maximum", "minimum", "multiply", "or", "xor")
)
# Deterministic on paper; merging two generators would still tie streams the program keeps apart.
KEPT_APART = frozenset({"stablehlo.rng_bit_generator"})
# Operations by their structure, those of the blocks around behind those of the block itself.
Seen = ChainMap[Hashable, ir.Operation]
# Their regions read values of the block around them; in others (reductions, sorts) XLA allows no captures.
_CONTROL_FLOW = frozenset({"stablehlo.case", "stablehlo.if", "stablehlo.while"})


@register
@dataclass(frozen=True)
class CommonSubexpressions(Pass):
    """Let equal pure operations share their results.

    Equal means the same name, operands, attributes, result types and regions; the operands of commutative
    operations may come in either order.  The branches of conditionals and the bodies of loops share with what
    comes before them in the blocks around; a reduction's or a sort's may not capture values, and share within.
    """

    name = "cse"

    def run(self, module: ir.Module, log: PassLog) -> None:
        effects = Effects(module)
        # Blocks that are being walked, the innermost last: the operations still to see, and those seen.
        walk: list[tuple[Iterator[ir.Operation], Seen]] = [_start(module.body, ChainMap())]
        while walk:
            operations, seen = walk[-1]
            op = next(operations, None)
            if op is None:
                walk.pop()
            elif not (_may_merge(op, effects) and _merged(op, seen, log)):
                scope = seen if op.name in _CONTROL_FLOW else Seen()
                walk.extend(_start(block, scope.new_child()) for region in op.regions for block in region.blocks)


def _start(block: ir.Block, seen: Seen) -> tuple[Iterator[ir.Operation], Seen]:
    return iter([view.operation for view in block.operations]), seen


def _merged(op: ir.Operation, seen: Seen, log: PassLog) -> bool:
    """Replace an operation by an equal one seen before, or else remember it."""
    earlier = seen.setdefault(structure(op, {}), op)
    if earlier == op:
        return False
    for old, new in zip(op.results, earlier.results, strict=True):
        old.replace_all_uses_with(new)
    op.erase()
    log.count("operations merged")
    return True


def _may_merge(op: ir.Operation, effects: Effects) -> bool:
    return len(op.results) > 0 and op.name not in KEPT_APART and effects.is_pure(op)


def structure(op: ir.Operation, local: dict[ir.Value, int]) -> Hashable:
    """What an operation computes, as a hashable value; `local` numbers the values defined in its regions."""
    operands: list[Hashable] = [local.get(value, value) for value in op.operands]
    if op.name in _COMMUTATIVE:
        operands.sort(key=hash)
    attributes = tuple((name, _attribute(op, name)) for name in op.attributes)
    types = tuple(result.type for result in op.results)
    regions = tuple(region_structure(region, local) for region in op.regions)
    return (op.name, tuple(operands), attributes, types, regions)


def _attribute(op: ir.Operation, name: str) -> Hashable:
    try:
        return op.attributes[name]
    except TypeError:
        # The bindings have no class for the attribute of a complex constant; its text says as much.
        return str(op)


def region_structure(region: ir.Region, local: dict[ir.Value, int]) -> Hashable:
    """What the operations of a region compute; see `structure`."""
    blocks = []
    for block in region.blocks:
        for argument in block.arguments:
            local[argument] = len(local)
        inner = []
        for view in block.operations:
            inner.append(structure(view.operation, local))
            for result in view.operation.results:
                local[result] = len(local)
        blocks.append((tuple(argument.type for argument in block.arguments), tuple(inner)))
    return tuple(blocks)
