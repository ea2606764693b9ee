"""Simplify: rewrites that span operations or trade one for a cheaper one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxlib.mlir import ir

from oxide.dialects import composites
from oxide.dialects.effects import Effects
from oxide.dialects.rewrite import Pattern, PatternSet, RuleStatistics
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.dce import DeadCode
from oxide.passes.quantised_types import leaves_quantised
from oxide.passes.simplify import converts, group_norms, placed_converts, pointwise, strength
from oxide.passes.simplify.biases import MERGE_BIASES, merge_biases
from oxide.passes.simplify.chains import PRODUCT_CHAIN, order_chains
from oxide.passes.simplify.convolutions_cpu import CONVOLUTION_RULES, take_apart
from oxide.passes.simplify.layout import LAYOUT, Layout, Step, regions
from oxide.passes.simplify.merge import MERGE_PRODUCTS, merge_products
from oxide.passes.simplify.relayout import Rewriting
from oxide.passes.simplify.scales import SCALED_PRODUCT, fold_scales
from oxide.passes.simplify.sums import SUM_OF_PRODUCTS, merge_sums
from oxide.passes.simplify.terms import MERGE_TERMS, merge_terms
from oxide.passes.weight_values import WeightValues, find_weight_values


@register
@dataclass(frozen=True)
class Simplify(Pass):
    """Cancel transposes, merge products, and trade operations for cheaper ones.

    Without options every rule keeps each element as StableHLO defines it, bit for bit (NaN payloads aside); what
    StableHLO leaves open, in which order a product or reduction is summed, a back end may choose anew.  Run
    `canonicalize` and `fold-batch-norm` before, and `hoist-params` after, which transposes, scales and puts weights
    together once instead of in every call.  A module of quantised types is left, with a remark.
    """

    name = "simplify"
    layout: Literal["keep", "nchw", "nhwc", "auto"] = option(
        "keep", "layout of convolutions; auto is what costs the device the fewest transposed bytes"
    )
    convolutions: Literal["keep", "auto"] = option(
        "keep",
        "auto takes apart convolutions that the device runs badly whole: on CPUs, those in groups or of volumes",
    )
    device: Literal["cpu", "gpu", "tpu"] = option("cpu", "the device that `auto` is for")
    reassociate: bool = option(False, "let floats be computed in other steps, which changes their rounding")
    drop_rounding: bool = option(False, "let floats keep more bits than a conversion to fewer and back leaves")

    def run(self, module: ir.Module, log: PassLog) -> None:
        if leaves_quantised(module, self.name, log):
            return
        engine = PatternSet(self._patterns(), module.context, log.remark_at)
        log.rules.update(engine.statistics)
        before = -1
        # What one rule leaves can make room for another.
        while (rewrites := _rewrites(log)) != before:
            before = rewrites
            self._round(module, engine, log)

    def _round(self, module: ir.Module, engine: PatternSet, log: PassLog) -> None:
        # Uses that are not needed would count, and hold what they use where it is.
        DeadCode().run(module, log)
        main = functions.entry_function(module)
        if main is not None:
            with module.context, composites.library(module):
                while self._change_layouts(find_weight_values(main, Effects(module)), log):
                    pass
        with module.context, composites.library(module):
            engine.apply_greedily(module.operation)
        if self._for_cpu():
            with module.context:
                take_apart(module, log)
        if main is not None:
            with module.context:
                for rule in (fold_scales, merge_terms, merge_sums, order_chains):
                    rule(find_weight_values(main, Effects(module)), self.reassociate, log)
                for rule in (merge_products, merge_biases):
                    rule(find_weight_values(main, Effects(module)), log)

    def _change_layouts(self, program: WeightValues, log: PassLog) -> bool:
        """One round; True where it changed something, which can make room for another."""
        statistics = log.rules.setdefault(LAYOUT[0], RuleStatistics())
        wanted = self._wanted_layout()
        accepted: list[Step] = []
        for region in regions(program, wanted):
            statistics.tries += 1
            forced = self.layout == wanted and any(step.kind == "convolution" for step in region.steps)
            pays = forced or region.saved() > 0
            if pays:
                statistics.hits += 1
                accepted += region.steps
            verdict = "work on permuted tensors" if pays else "stay"
            log.remark(
                region.steps[0].op,
                f"{LAYOUT[0]}: {len(region.steps)} operations {verdict}, {region.nbytes['before']} bytes are "
                f"transposed before and {region.nbytes['after']} after",
            )
        Rewriting(wanted == "nhwc", program.known).apply(accepted)
        return bool(accepted)

    def _wanted_layout(self) -> Layout:
        """XLA on CPUs transposes for each convolution that is not NHWC; elsewhere it chooses layouts itself."""
        if self.layout != "auto":
            return self.layout
        return "nhwc" if self.device == "cpu" else "keep"

    def _for_cpu(self) -> bool:
        return self.convolutions == "auto" and self.device == "cpu"

    def _patterns(self) -> list[Pattern]:
        return [
            *strength.patterns(self.device, self.reassociate),
            *converts.patterns(self.drop_rounding),
            *placed_converts.PATTERNS,
            *group_norms.PATTERNS,
            *pointwise.patterns(self._for_cpu()),
        ]

    @classmethod
    def rules(cls) -> list[tuple[str, str]]:
        rules = [(rule.name, rule.summary) for rule in cls()._patterns()]
        return [
            LAYOUT,
            *rules,
            *CONVOLUTION_RULES,
            SCALED_PRODUCT,
            MERGE_TERMS,
            SUM_OF_PRODUCTS,
            PRODUCT_CHAIN,
            MERGE_PRODUCTS,
            MERGE_BIASES,
        ]


def _rewrites(log: PassLog) -> int:
    """How much was changed so far."""
    return sum(rule.hits for rule in log.rules.values()) + sum(log.counts.values())
