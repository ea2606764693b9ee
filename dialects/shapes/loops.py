"""How often loops run."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import keyword
from oxide.dialects.constants import constant_value
from oxide.dialects.dims import Dim, Size
from oxide.dialects.shapes.facts import Symbolic


@dataclass(frozen=True)
class Counter:
    """The value of a loop's state, at `position`, that is `start` at first and goes up by 1 while it is less than
    `end`."""

    position: int
    start: Size
    end: Size


def trip_count(loop: ir.OpView, facts: Symbolic) -> Size | None:
    """How often a `stablehlo.while` runs when it counts one of its values up by 1 to a fixed number.

    while i < n: ...; i += 1        n - i
    """
    counter = find_counter(loop, facts)
    if counter is None:
        return None
    trips = counter.end - counter.start
    return max(trips, 0) if isinstance(trips, int) else trips


def find_counter(loop: ir.OpView, facts: Symbolic) -> Counter | None:
    """The value by which a `stablehlo.while` counts how often it runs, if there is one."""
    condition, step = (region.blocks[0] for region in loop.regions)
    *_, decision = condition.operations
    compare = decision.operands[0].owner
    if isinstance(compare, ir.Block) or compare.name != "stablehlo.compare":
        return None
    counter, limit = compare.operands
    arguments: list[ir.Value] = list(condition.arguments)
    if keyword(compare, "comparison_direction") != "LT" or counter not in arguments:
        return None
    position = arguments.index(counter)
    *_, terminator = step.operations
    following = terminator.operands[position].owner
    if isinstance(following, ir.Block) or following.name != "stablehlo.add":
        return None
    start, end = _number(loop.operands[position], facts), _number(limit, facts)
    by_one = following.operands[0] == step.arguments[position] and _number(following.operands[1], facts) == 1
    if start is None or end is None or not by_one:
        return None
    return Counter(position, start, end)


def _number(value: ir.Value, facts: Symbolic) -> Size | None:
    """The one integer that a scalar is known to be."""
    if not isinstance(value.owner, ir.Block) and value.owner.name == "stablehlo.constant":
        known = constant_value(value)
    else:
        known = facts.contents(value)
    number = known.item() if known is not None and known.size == 1 else None
    return number if isinstance(number, int | Dim) and not isinstance(number, bool) else None
