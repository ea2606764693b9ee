"""Raise: the operations a decomposed graph is made of become the composites they compute."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import composites
from oxide.dialects.attributes import symbol
from oxide.dialects.rewrite import Pattern, PatternSet
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.quantised_types import leaves_quantised
from oxide.passes.raise_ import (
    activations,
    attention,
    batch_norm,
    einsum,
    group_norm,
    im2col,
    norms,
    quantised,
    quantised_layers,
    reductions,
    rotary,
    separable,
    sequences,
    softmax,
)

# What a phase makes the next one reads, and a larger pattern is tried before the smaller ones it contains.
_PHASES: tuple[list[Pattern], ...] = (
    reductions.PATTERNS,
    [*softmax.PATTERNS, *activations.PATTERNS, *norms.AFFINE, *group_norm.AFFINE, *batch_norm.PATTERNS],
    [*norms.SCALED, *group_norm.SCALED],
    group_norm.BARE,
    norms.BARE,
    [*rotary.PATTERNS, *sequences.PATTERNS, *quantised.PATTERNS, *im2col.PATTERNS],
    [*quantised_layers.PATTERNS, *separable.PATTERNS],
    attention.PATTERNS,
    [*softmax.AFTERWARDS, *einsum.PATTERNS],
)


@register
@dataclass(frozen=True)
class Raise(Pass):
    """Recognise softmax, activations, norms, attention, rotary positions and others in their decompositions.

    A composite replaces operations that compute the same function of real numbers with the same constants, and
    that treat what overflows in the same way; only the order of rounding may differ.  Constants, axes and masks are
    read, never assumed.  Products of reshaped tensors and of dequantised integers become one `dot_general` on what
    these are made of, products of patches (im2col) the convolution that reads the same elements.  Operations whose
    results are used elsewhere stay, and so do those of open sizes and modules of quantised types.  A separable
    convolution, and a linear layer with its bias and activation, get no name: no back end has one operation for
    them, and other passes act on their parts (`fuse` makes an output fusion of such a layer).  Run `inline`,
    `canonicalize` and `cse` before, which write equal programs in one way, and `canonicalize` and `dce` after.
    """

    name = "raise"
    integer_convolutions: bool = option(
        False, "convolve 8-bit integers in int32 where that is exact; XLA is slow at it on CPUs"
    )

    def run(self, module: ir.Module, log: PassLog) -> None:
        if leaves_quantised(module, self.name, log):
            return
        functions = _functions(module)
        with composites.library(module):
            for phase in self._phases():
                engine = PatternSet(phase, module.context, log.remark_at)
                for function in functions:
                    engine.apply_greedily(function)
                log.rules.update(engine.statistics)
        log.count("composites made", sum(rule.hits for rule in log.rules.values()))

    def _phases(self) -> list[list[Pattern]]:
        return [*([quantised_layers.INTEGERS] if self.integer_convolutions else []), *_PHASES]

    @classmethod
    def rules(cls) -> list[tuple[str, str]]:
        return [(rule.name, rule.summary) for phase in cls(integer_convolutions=True)._phases() for rule in phase]


def _functions(module: ir.Module) -> list[ir.Operation]:
    """The functions of a module that decompose no composite: those would become calls of themselves."""
    decompositions: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.composite":
            decompositions.add(symbol(op, "decomposition"))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    functions = [view.operation for view in module.body.operations if view.operation.name == "func.func"]
    return [op for op in functions if ir.StringAttr(op.attributes["sym_name"]).value not in decompositions]
