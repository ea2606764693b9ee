"""Adds up what the operations of a module cost: `rules` says what each does.

* Calls and composites cost what the function they stand for does; `case` and `if` the most of any branch; a
  `while` as often as it runs where that is a number or a size, else once (`unknown_trips`).
* Bytes are what an operation reads and writes when it runs alone, as XLA counts them (`rules.traffic`); a fusion
  (`oxide.fusion`) runs as one, all other composites as the operations they stand for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.dialects import dims
from oxide.dialects.attributes import string, symbol
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size
from oxide.dialects.effects import ELEMENTWISE
from oxide.dialects.shapes import Symbolic, open_sizes, trip_count
from oxide.passes.cost_analysis.rules import (
    ALGORITHMS,
    APPLICATIONS,
    CONTRACTIONS,
    TRANSCENDENTAL,
    kernel_traffic,
    size,
    traffic,
)

FUSION = "oxide.fusion"


@dataclass
class Cost:
    """Counts of an operation or of everything a function does.

    `operations` names composites by their own name and leaves their decompositions out; constants and terminators
    are counted too.  `uncounted` are operations whose FLOPs no rule can say because a size is open, by name.
    """

    flops: Size = 0
    transcendentals: Size = 0
    bytes: Size = 0
    operations: Counter[str] = field(default_factory=Counter)
    uncounted: Counter[str] = field(default_factory=Counter)
    unknown_trips: int = 0

    def add(self, other: Cost, times: Size = 1) -> None:
        """Add another's counts; its operations stay as many, however often they run."""
        self.flops += other.flops * times
        self.transcendentals += other.transcendentals * times
        self.bytes += other.bytes * times
        self.uncounted += other.uncounted
        self.operations += other.operations
        self.unknown_trips += other.unknown_trips

    @property
    def intensity(self) -> float | None:
        """FLOPs and transcendentals a byte; None where a count is no number or nothing moves."""
        work = self.flops + self.transcendentals
        if not isinstance(work, int) or not isinstance(self.bytes, int) or not self.bytes:
            return None
        return work / self.bytes


def module_cost(module: ir.Module, entry: str = "main") -> Cost:
    """The cost of one call of `entry`.  Raises what `operation_costs` does."""
    return total(cost for _, cost in operation_costs(module, entry))


def total(costs: Iterable[Cost]) -> Cost:
    result = Cost()
    for cost in costs:
        result.add(cost)
    return result


def operation_costs(module: ir.Module, entry: str = "main") -> list[tuple[ir.OpView, Cost]]:
    """Every operation of `entry` with its cost, calls and loops as one.

    Raises OxideError when there is no such function, UnknownShapes when open sizes cannot be followed through
    the calls of a module.
    """
    functions = {
        ir.StringAttr(op.attributes["sym_name"]).value: op
        for op in module.body.operations
        if op.operation.name == "func.func"
    }
    if entry not in functions:
        raise OxideError(f"the module has no function @{entry}")
    facts = open_sizes(module, functions, _numbered())
    counter = _Counter(functions, facts)
    return [(op, counter.operation(op)) for block in functions[entry].regions[0].blocks for op in block.operations]


def _numbered() -> Callable[[str], str]:
    """Names that are wanted twice get a number."""
    taken: Counter[str] = Counter()

    def fresh(wanted: str) -> str:
        taken[wanted] += 1
        return wanted if taken[wanted] == 1 else f"{wanted}_{taken[wanted]}"

    return fresh


class _Counter:
    def __init__(self, functions: Mapping[str, ir.OpView], facts: Symbolic) -> None:
        self._functions = functions
        self._facts = facts
        # By function and by what is known about the operands' shapes.
        self._known: dict[object, tuple[Cost, Size]] = {}

    def operation(self, op: ir.OpView) -> Cost:
        name = op.operation.name
        if name == "func.call":
            cost = Cost(operations=Counter({name: 1}))
            cost.add(self._call(op, symbol(op.operation, "callee"))[0])
            return cost
        if name == "stablehlo.composite":
            return self._composite(op)
        if name in ("stablehlo.case", "stablehlo.if"):
            return self._branches(op)
        cost = Cost(operations=Counter({name: 1}))
        if name == "stablehlo.while":
            trips = trip_count(op, self._facts)
            condition, body = (self._region(region) for region in op.regions)
            cost.add(condition, 1 if trips is None else trips + 1)
            cost.add(body, 1 if trips is None else trips)
            cost.unknown_trips += trips is None
            return cost
        cost.bytes = traffic(self._facts, op)
        self._count(op, cost)
        return cost

    def _count(self, op: ir.OpView, cost: Cost) -> None:
        name = op.operation.name
        if name in TRANSCENDENTAL:
            cost.transcendentals = size(self._facts, op.results[0])
        elif name in ELEMENTWISE:
            cost.flops = size(self._facts, op.results[0])
        elif name in APPLICATIONS:
            times = APPLICATIONS[name](self._facts, op)
            if times is None:
                cost.uncounted[name] += 1
            else:
                each = self._region(op.regions[-1])
                cost.flops, cost.transcendentals = each.flops * times, each.transcendentals * times
        elif name in CONTRACTIONS or name in ALGORITHMS:
            flops = (CONTRACTIONS.get(name) or ALGORITHMS[name])(self._facts, op)
            if flops is None:
                cost.uncounted[name] += 1
            else:
                cost.flops = flops

    def _region(self, region: ir.Region) -> Cost:
        return total(self.operation(op) for block in region.blocks for op in block.operations)

    def _branches(self, op: ir.OpView) -> Cost:
        branches = [self._region(region) for region in op.regions]
        cost = Cost(operations=Counter({op.operation.name: 1}))
        for branch in branches:
            cost.flops = dims.maximum(cost.flops, branch.flops)
            cost.transcendentals = dims.maximum(cost.transcendentals, branch.transcendentals)
            cost.bytes = dims.maximum(cost.bytes, branch.bytes)
            cost.operations += branch.operations
            cost.uncounted += branch.uncounted
            cost.unknown_trips += branch.unknown_trips
        return cost

    def _composite(self, op: ir.OpView) -> Cost:
        name = string(op.operation, "name")
        inside, moved = self._call(op, symbol(op.operation, "decomposition"))
        cost = Cost()
        cost.add(inside)
        cost.operations = Counter({name: 1})
        if name == FUSION:
            cost.bytes = moved
        return cost

    def _call(self, op: ir.OpView, callee: str) -> tuple[Cost, Size]:
        """What a function costs, and the bytes it moves when its operations run together."""
        operands = list(op.operands)
        key = (callee, self._facts.call_key(operands))
        if key not in self._known:
            # MLIR allows recursion; a function that is being counted adds nothing to itself.
            self._known[key] = Cost(), 0
            function = self._functions.get(callee)
            if function is not None and function.regions[0].blocks:
                if self._facts.active:
                    self._facts.enter_call(function.regions[0].blocks[0], operands)
                block = function.regions[0].blocks[0]
                self._known[key] = self._region(function.regions[0]), kernel_traffic(self._facts, block)
        return self._known[key]
