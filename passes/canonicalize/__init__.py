"""Canonicalize: constants are folded, identities removed and equal programs written one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.rewrite import Pattern, PatternSet
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.canonicalize import (
    arithmetic,
    comparisons,
    contraction,
    control,
    conversions,
    divisions,
    folding,
    gathers,
    iotas,
    logic,
    loops,
    maps,
    open_shapes,
    ranges,
    reductions,
    results,
    selection,
    shapes,
    signs,
    sums,
    updates,
    windows,
)
from oxide.passes.canonicalize.constants import merge_constants
from oxide.passes.canonicalize.fast_math import FLAGS, fast_math

_FAMILIES = (
    folding,
    arithmetic,
    divisions,
    sums,
    signs,
    logic,
    comparisons,
    ranges,
    selection,
    conversions,
    shapes,
    open_shapes,
    iotas,
    windows,
    updates,
    gathers,
    contraction,
    reductions,
    maps,
    control,
    results,
    loops,
)
_FOLD_LIMIT = 4096


def patterns(fold_limit: int, flags: Sequence[str] = ()) -> list[Pattern]:
    """All rules; constant folding first, so that no identity rewrites what is about to vanish."""
    rules = [pattern for family in _FAMILIES for pattern in family.PATTERNS]
    return [folding.constant_fold(fold_limit), *rules, *fast_math(flags)]


@register
@dataclass(frozen=True)
class Canonicalize(Pass):
    """Fold constants, remove identities and bring equal programs to one form.

    Every rule holds bit for bit for all values of its types (NaN payloads aside) unless `fast-math` allows more.
    Dead pure operations go, equal constants of a block become one, and a second run changes nothing.
    """

    name = "canonicalize"
    fold_limit: int = option(_FOLD_LIMIT, "largest number of elements in a folded constant that is not a splat")
    fast_math: tuple[str, ...] = option((), f"assumptions about floats that rules may use, of {', '.join(FLAGS)}")

    def run(self, module: ir.Module, log: PassLog) -> None:
        unknown = [flag for flag in self.fast_math if flag not in FLAGS]
        if unknown:
            raise OxideError(f"canonicalize: fast-math takes {', '.join(FLAGS)}, not {', '.join(unknown)}")
        apply(patterns(self.fold_limit, self.fast_math), module, log)

    @classmethod
    def rules(cls) -> list[tuple[str, str]]:
        return [(rule.name, rule.summary) for rule in patterns(_FOLD_LIMIT)]


@register
@dataclass(frozen=True)
class Fold(Pass):
    """Evaluate operations whose operands are constants, as StableHLO's specification says, and nothing else.

    What the specification leaves open (integer division by zero, a float outside an integer's range) stays.
    """

    name = "fold"
    limit: int = option(_FOLD_LIMIT, "largest number of elements in a folded constant that is not a splat")

    def run(self, module: ir.Module, log: PassLog) -> None:
        apply([folding.constant_fold(self.limit), *folding.PATTERNS], module, log)

    @classmethod
    def rules(cls) -> list[tuple[str, str]]:
        return [(rule.name, rule.summary) for rule in (folding.constant_fold(_FOLD_LIMIT), *folding.PATTERNS)]


def apply(rules: Sequence[Pattern], module: ir.Module, log: PassLog) -> None:
    """Rewrite and merge constants until neither changes the module: each can make room for the other."""
    engine = PatternSet(rules, module.context, log.remark_at)
    log.count("constants merged", merge_constants(module))
    while True:
        engine.apply_greedily(module.operation)
        merged = merge_constants(module)
        log.count("constants merged", merged)
        if not merged:
            break
    log.rules.update(engine.statistics)
