"""Common subexpression elimination."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes.base import Pass, PassLog, register

_COMMUTATIVE = frozenset(
    f"stablehlo.{name}" for name in ("add", "and", "maximum", "minimum", "multiply", "or", "xor")
)
# Deterministic on paper; merging two generators would still tie streams the program keeps apart.
KEPT_APART = frozenset({"stablehlo.rng_bit_generator"})


@register
@dataclass(frozen=True)
class CommonSubexpressions(Pass):
    """Let equal pure operations of one block share their results.

    Equal means the same name, operands, attributes, result types and regions; the operands of commutative
    operations may come in either order.  Every block keeps its own table: sharing a value with a region inside
    would make the region capture it, which reductions may not do and loops pay for.
    """

    name = "cse"

    def run(self, module: ir.Module, log: PassLog) -> None:
        effects = Effects(module)
        blocks = [module.body]
        while blocks:
            for op in _merge_equal(blocks.pop(), effects, log):
                blocks.extend(block for region in op.regions for block in region.blocks)


def _merge_equal(block: ir.Block, effects: Effects, log: PassLog) -> list[ir.Operation]:
    """Merge equal operations of one block; answer those that remain."""
    known: dict[Hashable, ir.Operation] = {}
    remaining = []
    for view in list(block.operations):
        op = view.operation
        if _may_merge(op, effects):
            earlier = known.setdefault(structure(op, {}), op)
            if earlier != op:
                for old, new in zip(op.results, earlier.results, strict=True):
                    old.replace_all_uses_with(new)
                op.erase()
                log.count("operations merged")
                continue
        remaining.append(op)
    return remaining


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
