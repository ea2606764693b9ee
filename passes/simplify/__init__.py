"""Simplify: rewrites that span operations or trade one for a cheaper one."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.dialects.rewrite import Pattern, PatternSet
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.hoist_params import functions
from oxide.passes.hoist_params.weight_values import find_weight_values
from oxide.passes.simplify import converts, pointwise, strength
from oxide.passes.simplify.merge import MERGE_PRODUCTS, merge_products


@register
@dataclass(frozen=True)
class Simplify(Pass):
    """Merge products by several weights, and trade operations for cheaper ones.

    Every rule keeps each element's value as StableHLO defines it, bit for bit (NaN payloads aside), where no option
    allows more; a library may sum a larger product in another order.  Run `canonicalize` before, and `hoist-params`
    after, which puts weights together once instead of in every call.
    """

    name = "simplify"
    drop_rounding: bool = option(False, "let floats keep more bits than a conversion to fewer and back leaves")

    def run(self, module: ir.Module, log: PassLog) -> None:
        engine = PatternSet(self._patterns(), module.context, log.remark_at)
        engine.apply_greedily(module.operation)
        log.rules.update(engine.statistics)
        main = functions.entry_function(module)
        if main is not None:
            with module.context:
                merge_products(find_weight_values(main, Effects(module)), log)

    def _patterns(self) -> list[Pattern]:
        return [*strength.PATTERNS, *converts.patterns(self.drop_rounding), *pointwise.PATTERNS]

    @classmethod
    def rules(cls) -> list[tuple[str, str]]:
        return [*((rule.name, rule.summary) for rule in cls()._patterns()), MERGE_PRODUCTS]
