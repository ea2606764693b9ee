"""Replace composites by their decompositions."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import string, symbol
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.inlining import inline_bodies


@register
@dataclass(frozen=True)
class DecomposeComposites(Pass):
    """Replace stablehlo.composite by the body of its decomposition, for consumers that do not know its name.

    Names are composite names (`oxide.softmax`).  The decomposition functions stay until `symbol-dce`.
    """

    name = "decompose-composites"
    names: tuple[str, ...] = option((), "expand only these composites (default: all)")
    keep: tuple[str, ...] = option((), "leave these composites alone")

    def run(self, module: ir.Module, log: PassLog) -> None:
        log.count("composites expanded", inline_bodies(module, self._decomposition))

    def _decomposition(self, op: ir.Operation) -> str | None:
        if op.name != "stablehlo.composite":
            return None
        name = string(op, "name")
        if name in self.keep or (self.names and name not in self.names):
            return None
        return symbol(op, "decomposition")
