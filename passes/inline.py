"""Inline function calls."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import symbol
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.inlining import inline_bodies

_FRONTEND = "mhlo.frontend_attributes"


@register
@dataclass(frozen=True)
class Inline(Pass):
    """Replace func.call by the called function's body.

    Composites stay (`decompose-composites` expands those), and so do called functions (`symbol-dce` removes
    the ones left without a caller), and calls that XLA is told not to inline (the frontend attribute
    `inlineable` is "false") unless `only` names their function.  Recursive calls are refused.
    """

    name = "inline"
    only: tuple[str, ...] = option((), "inline calls of these functions only")

    def run(self, module: ir.Module, log: PassLog) -> None:
        log.count("calls inlined", inline_bodies(module, self._callee))

    def _callee(self, op: ir.Operation) -> str | None:
        if op.name != "func.call":
            return None
        name = symbol(op, "callee")
        return name if name in self.only or not (self.only or _stays(op)) else None


def _stays(call: ir.Operation) -> bool:
    attributes = call.attributes
    frontend = ir.DictAttr(attributes[_FRONTEND]) if _FRONTEND in attributes else {}
    return "inlineable" in frontend and ir.StringAttr(frontend["inlineable"]).value == "false"
