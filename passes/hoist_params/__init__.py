"""Work on weights moves to `@prepare`, which runs once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.hoist_params.calls import lift_from_calls
from oxide.passes.hoist_params.move import move
from oxide.passes.hoist_params.plan import Group, groups
from oxide.passes.weight_values import WeightValues, find_weight_values, nbytes


@register
@dataclass(frozen=True)
class HoistParams(Pass):
    """Move what depends on weights and constants alone to @prepare, which runs once when a model is loaded.

    @main takes what @prepare returns as weights, named after the weight they come from (`fc.weight_transposed`);
    a weight that only @prepare reads leaves @main's arguments.  Loops, branches and the functions that @main calls
    are searched too.  The operations are the same, so nothing but XLA's own fusion of them can change a bit.
    Reshapes, broadcasts and iotas move only with what reads them.  Weights that the model updates, random numbers,
    effects and what sizes depend on stay.  `inline-prepare` is the inverse.
    """

    name = "hoist-params"
    max_growth: int = option(1 << 20, "bytes by which the weights that @main takes may grow in all")

    def run(self, module: ir.Module, log: PassLog) -> None:
        main = functions.entry_function(module)
        if main is None:
            return
        with module.context:
            room = self.max_growth - _growth_so_far(main, functions.prepare_function(module, main))
            lift_from_calls(module, main, Effects(module), room)
            program = find_weight_values(main, Effects(module), inside=True)
            for op, reason in program.declined:
                log.remark(op, f"hoist-params: {op.name} of weights stays, it {reason}")
            accepted = self._accepted(program, main, functions.prepare_function(module, main), log)
            if accepted:
                move(module, main, program, accepted, log)

    def _accepted(
        self, program: WeightValues, main: ir.Operation, prepare: ir.Operation | None, log: PassLog
    ) -> list[Group]:
        """The groups that fit into the allowed growth, those that add least first."""
        accepted: list[Group] = []
        growth = _growth_so_far(main, prepare)
        for group in sorted(groups(program, list(functions.weights(main).values())), key=lambda g: g.growth):
            if growth + group.growth <= self.max_growth:
                growth += group.growth
                accepted.append(group)
            else:
                op = program.operations[group.operations[-1]]
                log.remark(
                    op,
                    f"hoist-params: {op.name} of weights stays, {group.growth} bytes more would exceed "
                    f"max-growth={self.max_growth}",
                )
        return sorted(accepted, key=lambda group: group.operations)


def _growth_so_far(main: ir.Operation, prepare: ir.Operation | None) -> int:
    """Bytes that earlier runs added to the weights of `@main`."""
    if prepare is None:
        return 0
    taken = functions.weights(main)
    added = functions.results(prepare).values()
    freed = [w for name, w in functions.weights(prepare).items() if name not in taken and hlo.size(w) > 1]
    return _bytes(list(added)) - _bytes(freed)


def _bytes(values: Sequence[ir.Value]) -> int:
    return sum(map(nbytes, values))
