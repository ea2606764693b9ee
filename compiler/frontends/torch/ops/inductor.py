"""Operators that only torch.compile's graphs have: torch._inductor defines them, which takes a while to import."""

from __future__ import annotations

from jaxlib.mlir import ir
from torch._inductor import inductor_prims as _defines_operators  # noqa: F401

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("prims.fma.default")
def fma(node: Node, a: Value, b: Value, c: Value) -> Value:
    """a * b + c; whether the product is rounded first is left to XLA."""
    return hlo.add(hlo.multiply(a, b), c)
