"""Equal constants of a block are one operation."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.passes.canonicalize.matching import producer

_CONSTANT = "stablehlo.constant"
# Regions that run in place: what encloses them may be used inside.  The regions of reductions, sorts and scatters
# stand for functions of scalars and keep their own constants.
_RUN_IN_PLACE = frozenset({"stablehlo.case", "stablehlo.if", "stablehlo.while"})


@dataclass
class _Scope:
    """A block, its constants by what they are, and the operation of the enclosing block that holds it."""

    block: ir.Block
    holder: ir.Operation | None = None
    outer: _Scope | None = None
    constants: dict[Hashable, ir.Operation] = field(default_factory=dict)


def merge_constants(module: ir.Module) -> int:
    """Let equal constants share the first of them; answers how many operations that removed.

    A constant inside a branch or a loop merges with an equal one of the block around it, wherever that stands.
    """
    removed = 0
    pending = [_Scope(module.body)]
    while pending:
        scope = pending.pop()
        for view in list(scope.block.operations):
            op = view.operation
            if op.name == _CONSTANT:
                removed += _merge(op, scope)
                continue
            for region in op.regions:
                for block in region.blocks:
                    pending.append(_Scope(block, op, scope if op.name in _RUN_IN_PLACE else None))
    return removed


def _merge(op: ir.Operation, scope: _Scope) -> bool:
    key = key_of(op)
    inner: _Scope = scope
    around: _Scope | None = scope
    while around is not None:
        known = around.constants.get(key)
        if known is not None:
            holder = inner.holder
            if around is not scope and holder is not None and not known.is_before_in_block(holder):
                known.move_before(holder)
            op.results[0].replace_all_uses_with(known.results[0])
            op.erase()
            return True
        inner, around = around, around.outer
    scope.constants[key] = op
    return False


def key_of(op: ir.Operation) -> Hashable:
    """Everything a constant is: its value and whatever attributes came with it."""
    try:
        attributes = tuple((name, op.attributes[name]) for name in op.attributes)
    except TypeError:
        # The bindings have no class for the attribute of a complex constant; its text says as much.
        return str(op)
    return (*attributes, op.results[0].type)


def are_equal_constants(values: Sequence[ir.Value]) -> bool:
    """True when all values are constants of equal value and attributes."""
    constants = [producer(value, _CONSTANT) for value in values]
    known = [key_of(constant) for constant in constants if constant is not None]
    return len(known) == len(constants) and len(set(known)) == 1
