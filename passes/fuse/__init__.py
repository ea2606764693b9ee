"""Fuse: operations that are best computed together become `oxide.fusion` composites (DESIGN section 2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import symbol
from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.fuse.graph import graph_of
from oxide.passes.fuse.outline import outline
from oxide.passes.fuse.plan import plan_groups

KINDS = ("loop", "input", "output")
_CONTROL_FLOW = frozenset({"stablehlo.while", "stablehlo.if", "stablehlo.case"})


@register
@dataclass(frozen=True)
class Fuse(Pass):
    """Group producers and consumers into oxide.fusion composites.

    loop: elementwise operations with the broadcasts, reshapes, transposes and slices between them; input: a
    reduction with the elementwise operations that feed it; output: a dot_general or convolution with the
    elementwise operations on its result.  A value that is also used elsewhere becomes one more result.  The
    operations themselves move into the decomposition, so the values are the same bit for bit.  Decompositions
    of composites are left alone, and so are operations with dynamic shapes or foreign attributes.
    """

    name = "fuse"
    max_ops: int = option(32, "largest number of operations in one fusion")
    kinds: tuple[str, ...] = option(KINDS, "kinds of fusion to make, of loop, input and output")

    def run(self, module: ir.Module, log: PassLog) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or self.max_ops < 2:
            raise OxideError(f"fuse: kinds must be of {', '.join(KINDS)} and max-ops at least 2, got {self}")
        symbols = ir.SymbolTable(module.operation)
        # Planned before anything moves: outlined functions must not be fused again.
        blocks = list(_blocks_to_fuse(module))
        with module.context:
            for block in blocks:
                nodes = graph_of(block)
                for group in plan_groups(nodes, self.max_ops, self.kinds):
                    composite = outline(group, nodes, symbols, module.body)
                    log.count(f"{group.kind} fusions")
                    log.remark(composite, f"{group.kind} fusion of {len(group.members)} operations")


def _blocks_to_fuse(module: ir.Module) -> Iterator[ir.Block]:
    """The blocks of functions that are no composite's decomposition, and those of control flow inside them."""
    opaque: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.composite":
            opaque.add(symbol(op, "decomposition"))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for view in module.body.operations:
        function = view.operation
        if function.name == "func.func" and ir.StringAttr(function.attributes["sym_name"]).value not in opaque:
            pending = [block for region in function.regions for block in region.blocks]
            while pending:
                block = pending.pop()
                yield block
                for inner in block.operations:
                    if inner.operation.name in _CONTROL_FLOW:
                        pending.extend(b for region in inner.operation.regions for b in region.blocks)
