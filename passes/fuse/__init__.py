"""Fuse: operations that are best computed together become `oxide.fusion` composites (DESIGN section 2.5)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from jaxlib.mlir import ir

from oxide.dialects.attributes import string, symbol
from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.fuse.composites import Composites
from oxide.passes.fuse.devices import DEVICES
from oxide.passes.fuse.graph import Graph, graph_of
from oxide.passes.fuse.growth import Limits
from oxide.passes.fuse.outline import outline
from oxide.passes.fuse.plan import Plan, plan_groups
from oxide.passes.fuse.report import KINDS, Report
from oxide.passes.fuse.roles import CONTROL_FLOW, Role
from oxide.passes.fuse.traffic import Accountant
from oxide.passes.inlining import Callee, inline_bodies
from oxide.passes.writing import write_report


@register
@dataclass(frozen=True)
class Fuse(Pass):
    """Group producers and consumers into oxide.fusion composites.

    loop: elementwise operations with the broadcasts, reshapes, transposes, slices, gathers, pads and concatenations
    between them, and a dynamic_update_slice of what they compute; input: a reduction of one or several operands
    with what feeds it and elementwise operations on its result; output: a dot_general or convolution with
    elementwise operations on its result.  A value that is also used elsewhere becomes one more result.  Groups over
    the same space that read the same operand become one.  Operations that are cheaper to compute again than to
    read, by the numbers of a device, are copied; the default is a GPU, as fusions are for what makes a kernel of
    each.  The operations themselves move into the decomposition, so the values are the same bit for bit.

    Elementwise composites (`oxide.gelu`) are operations like others and move as they are.  Those that hold
    reductions or broadcasts stay outside, for consumers that have a kernel for them, unless `expand` opens them.
    Operations with dynamic shapes or foreign attributes stay too.
    """

    name = "fuse"
    max_ops: int = option(32, "largest number of operations in one fusion")
    kinds: tuple[str, ...] = option(KINDS, "kinds of fusion to make, of loop, input and output")
    device: Literal["cpu", "h100", "h200", "tpu"] = option("h100", "whose speed decides what is copied")
    expand: bool = option(False, "open composites (softmax, norms) that consist of what fusions are made of")
    report: Literal["none", "text", "json"] = option("none", "kernels and bytes before and after, by kind")
    output: str = option("-", "file for the report; - is standard error")

    def run(self, module: ir.Module, log: PassLog) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or self.max_ops < 2:
            raise OxideError(f"fuse: kinds must be of {', '.join(KINDS)} and max-ops at least 2, got {self}")
        decompositions = _decompositions(module)
        with module.context:
            if self.expand:
                log.count("composites expanded", inline_bodies(module, _expandable(Composites(module))))
            report = self._fuse(module, decompositions, log)
        if self.report != "none":
            text = report.as_text() if self.report == "text" else json.dumps(report.as_json(), indent=2)
            write_report(text + "\n", self.output)

    def _fuse(self, module: ir.Module, decompositions: Collection[str], log: PassLog) -> Report:
        symbols, composites, report = ir.SymbolTable(module.operation), Composites(module), Report(self.device)
        limits = Limits(self.max_ops, self.kinds, DEVICES[self.device])
        # Planned before anything moves: outlined functions must not be fused again.
        for block in list(_blocks_to_fuse(module, decompositions)):
            graph = graph_of(block, composites)
            plan = plan_groups(graph, limits)
            _account(report, graph, plan, log)
            for group, composite in outline(plan, graph.nodes, symbols, module.body):
                log.count(f"{group.kind} fusions")
                log.remark(composite, f"{group.kind} fusion of {len(group.members)} operations")
        return report


def _account(report: Report, graph: Graph, plan: Plan, log: PassLog) -> None:
    """Add a block to the report, and say what was declined; before anything moves."""
    accountant = Accountant(graph)
    report.before.add(accountant.before())
    report.after.add(accountant.after(plan))
    copied = sum(graph.nodes[p].role is not Role.CONSTANT for group in plan.groups for p in group.copies)
    report.copied += copied
    for counted, amount in (("operations copied", copied), ("siblings merged", plan.merged)):
        if amount:
            log.count(counted, amount)
    for pair in plan.declined:
        report.declined[pair.reason] += 1
        producer, root = graph.nodes[pair.position].op, graph.nodes[pair.root].op
        log.remark(producer, f"{producer.name} is not in the fusion of {root.name}: {pair.reason}")


def _expandable(composites: Composites) -> Callee:
    def callee(op: ir.Operation) -> str | None:
        is_open = op.name == "stablehlo.composite" and composites.is_expandable(op)
        return symbol(op, "decomposition") if is_open else None

    return callee


def _decompositions(module: ir.Module) -> set[str]:
    """Functions that composites stand for, which stay as they are."""
    found: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.composite":
            found.add(symbol(op, "decomposition"))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def _blocks_to_fuse(module: ir.Module, decompositions: Collection[str]) -> Iterator[ir.Block]:
    """The blocks of all other functions, and those of control flow inside them."""
    for view in module.body.operations:
        function = view.operation
        if function.name != "func.func" or string(function, "sym_name") in decompositions:
            continue
        pending = [block for region in function.regions for block in region.blocks]
        while pending:
            block = pending.pop()
            yield block
            for inner in block.operations:
                if inner.operation.name in CONTROL_FLOW:
                    pending.extend(b for region in inner.operation.regions for b in region.blocks)
