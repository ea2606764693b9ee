"""Plans of fusions: legal by an independent check, never more bytes or kernels, and what they choose."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.decompose_composites import DecomposeComposites
from oxide.passes.fuse import Fuse
from oxide.passes.fuse.composites import Composites
from oxide.passes.fuse.devices import DEVICES
from oxide.passes.fuse.graph import Graph, graph_of
from oxide.passes.fuse.growth import Limits
from oxide.passes.fuse.order import Group
from oxide.passes.fuse.plan import Plan, plan_groups
from oxide.passes.fuse.traffic import Accountant

KINDS = ("loop", "input", "output")


def planned(module: ir.Module, device: str = "h100", max_ops: int = 32) -> tuple[Graph, Plan]:
    with module.context:
        graph = graph_of(module.body.operations[0].regions[0].blocks[0], Composites(module))
        return graph, plan_groups(graph, Limits(max_ops, KINDS, DEVICES[device]))


def check_plan(graph: Graph, plan: Plan, max_ops: int) -> None:
    """Members are disjoint and movable, and the groups and what is in none can be ordered by who reads whom."""
    unit = list(range(len(graph.nodes)))
    for number, group in enumerate(plan.groups, len(unit)):
        assert 0 < len(group.members) <= max_ops
        assert group.place in group.members
        assert set(group.members).isdisjoint(group.copies)
        for member in group.members:
            assert unit[member] == member, "an operation is in two groups"
            assert graph.nodes[member].role.name not in ("OPAQUE", "CONSTANT")
            unit[member] = number
        assert all(graph.nodes[copy].role.name in ("ELEMENTWISE", "INDEXING", "CONSTANT") for copy in group.copies)
    before: dict[int, set[int]] = {number: set() for number in unit}

    def reads(reader: int, operands: Sequence[int], local: Sequence[int]) -> None:
        for operand in operands:
            if operand not in local:
                assert operand not in plan.unused
                before[reader].add(unit[operand])

    for group in plan.groups:
        for copy in group.copies:
            reads(unit[group.place], graph.nodes[copy].operands, group.copies)
    local_to = {unit[group.place]: group.copies for group in plan.groups}
    for position, node in enumerate(graph.nodes):
        for user in node.users:
            if user not in plan.unused:
                reads(unit[user], [position], local_to.get(unit[user], ()))
    assert_acyclic({number: reads_from - {number} for number, reads_from in before.items()})


def assert_acyclic(before: dict[int, set[int]]) -> None:
    after: dict[int, list[int]] = {number: [] for number in before}
    for number, earlier in before.items():
        for one in earlier:
            after[one].append(number)
    waiting = {number: len(earlier) for number, earlier in before.items()}
    ready = [number for number, count in waiting.items() if not count]
    done = 0
    while ready:
        done += 1
        for number in after[ready.pop()]:
            waiting[number] -= 1
            if not waiting[number]:
                ready.append(number)
    assert done == len(before), "the groups read one another in a circle"


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 5, 32]), st.sampled_from(sorted(DEVICES)))
def test_plans_are_legal_and_never_move_more(seed: int, max_ops: int, device: str) -> None:
    module, _ = random_program(seed, operations=60, wide=True)
    graph, plan = planned(module, device, max_ops)
    check_plan(graph, plan, max_ops)
    accountant = Accountant(graph)
    before, after = accountant.before(), accountant.after(plan)
    assert after.kernels.total() <= before.kernels.total()
    assert after.bytes.total() <= before.bytes.total()


def test_the_check_finds_a_circle() -> None:
    graph, _ = planned(DOT_BETWEEN)
    circle = Plan([Group("loop", (0, 2), (), 2)], frozenset(), frozenset({0, 2}), 0, [])
    with pytest.raises(AssertionError, match="circle"):
        check_plan(graph, circle, 32)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([Fuse(device="cpu"), Fuse(device="h100"), Fuse(max_ops=5)]))
def test_values_of_wide_programs_are_bitwise_the_same(seed: int, fuse: Fuse) -> None:
    module, arguments = random_program(seed, wide=True)
    before = evaluate(module, arguments)
    fuse.run(module, PassLog())
    assert module.operation.verify()
    DecomposeComposites().run(module, PassLog())
    for old, new in zip(before, evaluate(module, arguments), strict=True):
        assert old.tobytes() == new.tobytes() or np.array_equal(old, new, equal_nan=True)


def main_of(body: str, arguments: str, results: str, rest: str = "") -> ir.Module:
    return parse_module(f"func.func @main({arguments}) -> ({results}) {{\n{body}\n}}\n{rest}")


SQUARE = "tensor<4x4xf32>"
DOT_BETWEEN = main_of(
    f"""%0 = stablehlo.exponential %x : {SQUARE}
    %1 = stablehlo.dot_general %0, %0, contracting_dims = [1] x [0] : ({SQUARE}, {SQUARE}) -> {SQUARE}
    %2 = stablehlo.add %x, %1 : {SQUARE}
    return %2 : {SQUARE}""",
    f"%x: {SQUARE}",
    SQUARE,
)
SOFTMAX = """
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %m = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [1]
    : (tensor<64x128xf32>, tensor<f32>) -> tensor<64xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<64xf32>) -> tensor<64x128xf32>
  %d = stablehlo.subtract %x, %mb : tensor<64x128xf32>
  %e = stablehlo.exponential %d : tensor<64x128xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [1]
    : (tensor<64x128xf32>, tensor<f32>) -> tensor<64xf32>
  %sb = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<64xf32>) -> tensor<64x128xf32>
  %y = stablehlo.divide %e, %sb : tensor<64x128xf32>
  return %y : tensor<64x128xf32>"""
ROWS = "tensor<64x128xf32>"


def groups_by_name(module: ir.Module, **options) -> list[tuple[str, list[str], list[str]]]:
    graph, plan = planned(module, **options)

    def names(positions: Sequence[int]) -> list[str]:
        found = (graph.nodes[position].op.name.removeprefix("stablehlo.") for position in positions)
        return [name for name in found if name != "constant"]

    return [(group.kind, names(group.members), names(group.copies)) for group in plan.groups]


def test_softmax_on_a_gpu_computes_the_exponentials_twice() -> None:
    module = main_of(SOFTMAX, f"%x: {ROWS}", ROWS)
    assert groups_by_name(module, device="h100") == [
        ("input", ["broadcast_in_dim", "subtract", "exponential", "reduce"], []),
        ("loop", ["broadcast_in_dim", "divide"], ["broadcast_in_dim", "subtract", "exponential"]),
    ]


def test_softmax_on_a_cpu_writes_the_exponentials() -> None:
    module = main_of(SOFTMAX, f"%x: {ROWS}", ROWS)
    assert groups_by_name(module, device="cpu") == [
        ("input", ["broadcast_in_dim", "subtract", "exponential", "reduce"], []),
        ("loop", ["broadcast_in_dim", "divide"], []),
    ]
    graph, plan = planned(module, device="cpu")
    exported = [graph.nodes[position].op.name for position in sorted(plan.exported)]
    assert exported[-3:] == ["stablehlo.exponential", "stablehlo.reduce", "stablehlo.divide"]


def test_bytes_of_softmax() -> None:
    graph, plan = planned(main_of(SOFTMAX, f"%x: {ROWS}", ROWS))
    size, row = 64 * 128 * 4, 64 * 4
    accountant = Accountant(graph)
    # maximum, two broadcasts, subtract, exponential, sum, divide.
    alone = (size + row) + 2 * (row + size) + 3 * size + 2 * size + (size + row) + 3 * size
    assert accountant.before().bytes.total() == alone
    # The maximum; sums from x and the maxima; the result from x, the maxima and the sums.
    assert accountant.after(plan).bytes.total() == (size + row) + (size + 2 * row) + (2 * size + 2 * row)


MOMENTS = """
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1]
    : (tensor<64x128xf32>, tensor<f32>) -> tensor<64xf32>
  %n = stablehlo.constant dense<128.0> : tensor<64xf32>
  %mean = stablehlo.divide %s, %n : tensor<64xf32>
  %sorted = "stablehlo.sort"(%mean) ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %p = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1> }) : (tensor<64xf32>) -> tensor<64xf32>
  %q = stablehlo.multiply %x, %x : tensor<64x128xf32>
  %t = stablehlo.reduce(%q init: %zero) applies stablehlo.add across dimensions = [1]
    : (tensor<64x128xf32>, tensor<f32>) -> tensor<64xf32>
  return %sorted, %t : tensor<64xf32>, tensor<64xf32>"""


def test_reductions_of_one_operand_are_siblings_and_run_before_what_reads_the_first() -> None:
    module = main_of(MOMENTS, f"%x: {ROWS}", "tensor<64xf32>, tensor<64xf32>")
    graph, plan = planned(module)
    check_plan(graph, plan, 32)
    (group,) = plan.groups
    assert plan.merged == 1
    assert graph.nodes[group.place].op.name == "stablehlo.divide"
    assert groups_by_name(module) == [("input", ["reduce", "divide", "multiply", "reduce"], [])]


def test_siblings_run_late_when_the_second_reads_what_comes_between() -> None:
    body = f"""%0 = stablehlo.exponential %x : {SQUARE}
    %1 = stablehlo.dot_general %x, %x, contracting_dims = [1] x [0] : ({SQUARE}, {SQUARE}) -> {SQUARE}
    %2 = stablehlo.transpose %1, dims = [1, 0] : ({SQUARE}) -> {SQUARE}
    %3 = stablehlo.add %x, %2 : {SQUARE}
    return %0, %3 : {SQUARE}, {SQUARE}"""
    graph, plan = planned(main_of(body, f"%x: {SQUARE}", f"{SQUARE}, {SQUARE}"))
    check_plan(graph, plan, 32)
    (group,) = plan.groups
    assert graph.nodes[group.place].op.name == "stablehlo.add"


def test_siblings_do_not_close_a_circle() -> None:
    graph, plan = planned(DOT_BETWEEN, max_ops=2)
    check_plan(graph, plan, 2)
    assert [group.kind for group in plan.groups] == ["output"]


GELU = """func.func private @gelu(%x: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %0 = stablehlo.tanh %x : tensor<64x128xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<64x128xf32>
  return %1 : tensor<64x128xf32>
}"""
COMPOSITE = 'stablehlo.composite "{name}" %0 {{decomposition = @{function}}} : ({rows}) -> {rows}'


def with_composite(name: str, function: str, definition: str) -> ir.Module:
    body = f"""%0 = stablehlo.negate %x : {ROWS}
    %1 = {COMPOSITE.format(name=name, function=function, rows=ROWS)}
    %2 = stablehlo.abs %1 : {ROWS}
    return %2 : {ROWS}"""
    return main_of(body, f"%x: {ROWS}", ROWS, definition)


SOFTMAX_FUNCTION = f"func.func private @softmax(%x: {ROWS}) -> {ROWS} {{{SOFTMAX}\n}}"


def test_an_elementwise_composite_moves_as_it_is() -> None:
    module = with_composite("oxide.gelu", "gelu", GELU)
    assert groups_by_name(module) == [("loop", ["negate", "composite", "abs"], [])]


def test_a_composite_with_reductions_stays_unless_expanded() -> None:
    module = with_composite("oxide.softmax", "softmax", SOFTMAX_FUNCTION)
    x = np.random.default_rng(0).standard_normal((64, 128)).astype(np.float32)
    (before,) = evaluate(module, [x])
    assert groups_by_name(module) == []
    log = PassLog()
    Fuse(expand=True).run(module, log)
    assert log.counts["composites expanded"] == 1
    assert log.counts["input fusions"] == 2
    (after,) = evaluate(module, [x])
    assert before.tobytes() == after.tobytes()


def test_a_composite_that_sorts_is_not_expanded() -> None:
    sorts = f"""func.func private @sorts(%x: {ROWS}) -> {ROWS} {{
      %0 = "stablehlo.sort"(%x) ({{
        ^bb0(%a: tensor<f32>, %b: tensor<f32>):
          %p = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
          stablehlo.return %p : tensor<i1> }}) : ({ROWS}) -> {ROWS}
      return %0 : {ROWS}
    }}"""
    log = PassLog()
    Fuse(expand=True).run(with_composite("lab.sorted", "sorts", sorts), log)
    assert log.counts == {"composites expanded": 0}


def test_the_report_says_kernels_and_bytes_by_kind(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    Fuse(device="h100", report="json", output=str(target)).run(main_of(SOFTMAX, f"%x: {ROWS}", ROWS), PassLog())
    report = json.loads(target.read_text())
    assert report["before"]["kernels"] == 7
    assert report["after"]["kernels"] == 3
    assert report["after"]["by_kind"]["loop"] == {"kernels": 1, "bytes": 2 * 64 * 128 * 4 + 2 * 64 * 4}
    assert report["copied_operations"] == 3


def test_declined_pairs_have_remarks() -> None:
    log = PassLog()
    Fuse().run(main_of(SOFTMAX, f"%x: {ROWS}", ROWS), log)
    messages = [remark.message for remark in log.remarks]
    assert (
        "stablehlo.reduce is not in the fusion of stablehlo.divide: "
        "the reduction's result is not read element by element" in messages
    )
