"""Canonicalize: constants are folded, identities removed and equal programs written one way."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.rewrite import Pattern, PatternSet
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.canonicalize import arithmetic, control, folding, shapes, windows


def patterns(fold_limit: int) -> list[Pattern]:
    """All rules; constant folding first, so that no identity rewrites what is about to vanish."""
    return [
        folding.constant_fold(fold_limit),
        *folding.PATTERNS,
        *arithmetic.PATTERNS,
        *shapes.PATTERNS,
        *windows.PATTERNS,
        *control.PATTERNS,
    ]


@register
@dataclass(frozen=True)
class Canonicalize(Pass):
    """Fold constants, remove identities and bring equal programs to one form.

    Every rule holds bit for bit for all values of its types (NaN payloads aside), dead pure operations go,
    and a second run changes nothing.
    """

    name = "canonicalize"
    fold_limit: int = option(4096, "largest number of elements in a folded constant that is not a splat")

    def run(self, module: ir.Module, log: PassLog) -> None:
        rules = PatternSet(patterns(self.fold_limit), module.context)
        rules.apply_greedily(module.operation)
        log.rules.update(rules.statistics)
