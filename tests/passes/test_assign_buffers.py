"""Buffer plans are sound, near the lower bound, and compute the same numbers inside one arena."""

import json
import re
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
import pytest
from called_programs import called_twice
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from plan_mutations import main_of, operations
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.assign_buffers.attributes import SCRATCH, SLICE, arena_size, scratch_of, slices_of
from oxide.passes.assign_buffers.checker import check_plan
from oxide.passes.assign_buffers.executor import execute
from oxide.passes.base import PassLog
from oxide.passes.fuse import Fuse

Results = Literal["separate", "arena"]


def assigned(module: ir.Module, results: Results = "arena") -> dict[str, int]:
    log = PassLog()
    AssignBuffers(results=results).run(module, log)
    assert module.operation.verify()
    return log.counts


def same(left: list[np.ndarray], right: list[np.ndarray]) -> None:
    for old, new in zip(left, right, strict=True):
        assert old.dtype == new.dtype
        np.testing.assert_array_equal(old, new)


def named(module: ir.Module, name: str) -> list[ir.Operation]:
    return [op for op in operations(module) if op.name == f"stablehlo.{name}"]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.sampled_from(["separate", "arena"]))
def test_running_in_the_arena_gives_the_same_numbers(
    seed: int, fuse_first: bool, called: bool, results: Results
) -> None:
    module, arguments = random_program(seed)
    if called:
        module = called_twice(module)
    expected = evaluate(module, arguments)
    if fuse_first:
        Fuse().run(module, PassLog())
    counts = assigned(module, results)
    assert counts["lower bound bytes"] <= counts["arena bytes"] <= counts["bytes without reuse"]
    same(expected, execute(module, arguments))


CHAIN = """func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  %1 = stablehlo.reverse %0, dims = [0] : tensor<100xf32>
  %2 = stablehlo.add %0, %1 : tensor<100xf32>
  %3 = stablehlo.reverse %2, dims = [0] : tensor<100xf32>
  return %3 : tensor<100xf32>
}"""


def mutated(text: str, name: str, numbers: list[int], index: int = 0) -> ir.Module:
    module = parse_module(text)
    assigned(module)
    with module.context:
        named(module, name)[index].attributes[SLICE] = ir.DenseI64ArrayAttr.get(numbers)
    return module


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("add", [32, 400], "misaligned"),
        ("add", [-64, 400], "outside the arena|no slice"),
        ("add", [1 << 20, 400], "outside the arena"),
        ("add", [0, 396], "slice of 396 bytes for a value of 400"),
        ("add", [0, 400, 0, 400], "1 results and 2 slices"),
    ],
)
def test_the_checker_names_what_is_wrong_with_a_slice(name: str, numbers: list[int], message: str) -> None:
    module = mutated(CHAIN, name, numbers)
    with pytest.raises(OxideError, match=message):
        check_plan(module)


def test_the_checker_finds_an_overwritten_value() -> None:
    module = parse_module(CHAIN)
    assigned(module)
    first = slices_of(named(module, "exponential")[0])[0]
    assert first is not None
    with module.context:
        named(module, "reverse")[0].attributes[SLICE] = ir.DenseI64ArrayAttr.get(list(first))
    with pytest.raises(OxideError) as error:
        check_plan(module)
    text = str(error.value)
    assert "stablehlo.reverse writes over its own operand 0" in text
    assert "stablehlo.add reads operand 0 after its bytes were overwritten" in text


LOOP = """func.func @main(%n: tensor<i32>, %x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %kept = stablehlo.negate %x : tensor<8xf32>
  %y = stablehlo.abs %x : tensor<8xf32>
  %i, %a, %b = stablehlo.while(%i0 = %zero, %a0 = %x, %b0 = %y) : tensor<i32>, tensor<8xf32>, tensor<8xf32>
    cond {
      %p = stablehlo.compare LT, %i0, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %i1 = stablehlo.add %i0, %one : tensor<i32>
      %s = stablehlo.add %a0, %kept : tensor<8xf32>
      stablehlo.return %i1, %b0, %s : tensor<i32>, tensor<8xf32>, tensor<8xf32>
    }
  return %a, %b : tensor<8xf32>, tensor<8xf32>
}"""


# The same with the new values left as they are: nothing is computed where it is carried.
EXCHANGE = LOOP.replace("%i1, %b0, %s :", "%i1, %b0, %a0 :")


@pytest.mark.parametrize("results", ["separate", "arena"])
@pytest.mark.parametrize("program", [LOOP, EXCHANGE])
@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
def test_a_loop_that_swaps_its_carried_values(rounds: int, program: str, results: Results) -> None:
    module = parse_module(program)
    arguments = [np.array(rounds, np.int32), np.arange(8, dtype=np.float32) - 3]
    expected = evaluate(module, arguments)
    assigned(module, results)
    same(expected, execute(module, arguments))


def test_values_that_trade_places_need_memory_besides() -> None:
    module = parse_module(EXCHANGE)
    assigned(module)
    (end,) = [op for op in named(module, "return") if scratch_of(op) is not None]
    with module.context:
        del end.attributes[SCRATCH]
    with pytest.raises(OxideError, match=r"return needs 32 bytes of scratch memory and has 0"):
        check_plan(module)


def test_the_checker_sees_what_the_next_iteration_would_miss() -> None:
    module = parse_module(LOOP)
    assigned(module)
    kept = slices_of(named(module, "negate")[0])[0]
    assert kept is not None
    # The sum written over %kept is harmless in the first iteration and wrong in the second.
    with module.context:
        named(module, "add")[1].attributes[SLICE] = ir.DenseI64ArrayAttr.get(list(kept))
    with pytest.raises(OxideError, match="add reads operand 1 after its bytes were overwritten"):
        check_plan(module)


def test_elementwise_chain_works_in_place() -> None:
    module = parse_module("""func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
      %0 = stablehlo.exponential %x : tensor<100xf32>
      %1 = stablehlo.negate %0 : tensor<100xf32>
      %2 = stablehlo.add %1, %1 : tensor<100xf32>
      return %2 : tensor<100xf32>
    }""")
    counts = assigned(module)
    assert counts["buffers"] == 1
    assert counts["arena bytes"] == 448


def test_an_operand_that_is_needed_later_is_not_overwritten() -> None:
    module = parse_module("""func.func @main(%x: tensor<100xf32>) -> (tensor<100xf32>, tensor<100xf32>) {
      %0 = stablehlo.exponential %x : tensor<100xf32>
      %1 = stablehlo.negate %0 : tensor<100xf32>
      return %0, %1 : tensor<100xf32>, tensor<100xf32>
    }""")
    assert assigned(module)["arena bytes"] == 896


def test_reshape_is_a_view_and_keeps_its_operand_alive() -> None:
    module = parse_module("""func.func @main(%x: tensor<4x4xf32>) -> (tensor<16xf32>, tensor<4x4xf32>) {
      %0 = stablehlo.negate %x : tensor<4x4xf32>
      %1 = stablehlo.reshape %0 : (tensor<4x4xf32>) -> tensor<16xf32>
      %2 = stablehlo.abs %0 : tensor<4x4xf32>
      return %1, %2 : tensor<16xf32>, tensor<4x4xf32>
    }""")
    assert assigned(module)["buffers"] == 2
    negate, reshape = named(module, "negate")[0], named(module, "reshape")[0]
    assert slices_of(negate) == slices_of(reshape) != slices_of(named(module, "abs")[0])


def test_updating_a_cache_that_dies_happens_in_place() -> None:
    module = parse_module("""func.func @main(%x: tensor<64xf32>, %u: tensor<4xf32>, %i: tensor<i32>)
        -> tensor<64xf32> {
      %0 = stablehlo.negate %x : tensor<64xf32>
      %1 = stablehlo.dynamic_update_slice %0, %u, %i
        : (tensor<64xf32>, tensor<4xf32>, tensor<i32>) -> tensor<64xf32>
      return %1 : tensor<64xf32>
    }""")
    assert assigned(module)["buffers"] == 1


@pytest.mark.parametrize(
    ("update", "returned", "buffers"),
    [
        ("%u", "%2", 1),
        # The old values are read after the new ones are written, or while they are.
        ("%u", "%2, %0", 2),
        ("%part", "%2", 2),
    ],
)
def test_a_fused_update_happens_in_place_where_nothing_else_reads_the_old_values(
    update: str, returned: str, buffers: int
) -> None:
    count = returned.count("%")
    kinds = ", ".join(["tensor<64xf32>"] * count)
    module = parse_module(f"""
    func.func @main(%x: tensor<64xf32>, %u: tensor<4xf32>, %i: tensor<i32>) -> ({kinds}) {{
      %0 = stablehlo.reverse %x, dims = [0] {{oxide.pinned}} : tensor<64xf32>
      %part = stablehlo.slice %0 [2:6] : (tensor<64xf32>) -> tensor<4xf32>
      %1 = stablehlo.negate {update} : tensor<4xf32>
      %2 = stablehlo.dynamic_update_slice %0, %1, %i
        : (tensor<64xf32>, tensor<4xf32>, tensor<i32>) -> tensor<64xf32>
      return {returned} : {kinds}
    }}""")
    arguments = [np.arange(64, dtype=np.float32), np.ones(4, np.float32), np.array(4, np.int32)]
    expected = evaluate(module, arguments)
    Fuse().run(module, PassLog())
    assert "loop_dynamic_update_slice" in str(module)
    assert assigned(module)["buffers"] == buffers
    same(expected, execute(module, arguments))


def test_arguments_and_constants_stay_the_callers() -> None:
    module = parse_module("""func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>) {
      %c = stablehlo.constant dense<1.0> : tensor<4xf32>
      %r = stablehlo.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
      return %x, %c, %r : tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>
    }""")
    assert assigned(module)["arena bytes"] == 0
    assert arena_size(main_of(module)) == 0
    x = np.arange(4, dtype=np.float32)
    same([x, np.ones(4, np.float32), x.reshape(2, 2)], execute(module, [x]))


def test_dynamic_shapes_are_refused_with_their_places() -> None:
    module = parse_module("""func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
      %0 = stablehlo.negate %x : tensor<?xf32> loc("first")
      %1 = stablehlo.negate %0 : tensor<?xf32> loc("second")
      return %1 : tensor<?xf32>
    }""")
    with pytest.raises(OxideError, match="no size known at compile time") as error:
        assigned(module)
    assert [detail.location for detail in error.value.diagnostics] == ['loc("first")', 'loc("second")']


def test_the_executor_names_an_operation_it_cannot_run() -> None:
    module = parse_module("""func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
      %0 = stablehlo.cholesky %x, lower = true : tensor<4x4xf32> loc("factor")
      return %0 : tensor<4x4xf32>
    }""")
    assigned(module)
    with pytest.raises(OxideError, match=r'cannot run stablehlo.cholesky\nloc\("factor"\)'):
        execute(module, [np.eye(4, dtype=np.float32)])


def test_the_report_names_every_buffer(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    AssignBuffers(results="arena", report="json", output=str(path)).run(parse_module(CHAIN), PassLog())
    found = json.loads(path.read_text())
    assert found["arena_bytes"] == found["lower_bound_bytes"] == 896
    assert found["no_reuse_bytes"] == 4 * 448
    writers = [value["operation"] for buffer in found["buffers"] for value in buffer["values"]]
    assert writers == ["stablehlo.exponential", "stablehlo.add", "stablehlo.reverse", "stablehlo.reverse"]
    assert [buffer["at_peak"] for buffer in found["buffers"]] == [True, True, False]


def test_the_page_has_a_rectangle_for_every_buffer_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    module = parse_module(CHAIN.replace("%2 = stablehlo.add %0, %1 : tensor<100xf32>", ADDITION))
    AssignBuffers(results="arena", report="html", output=str(path)).run(module, PassLog())
    text = path.read_text()
    page = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>").replace('<meta charset="utf-8">', ""))
    svg = "{http://www.w3.org/2000/svg}"
    rectangles = page.findall(f".//{svg}rect")
    assert [(rect.get("y"), rect.get("height")) for rect in rectangles] == [
        ("332.14", "267.86"),
        ("32.14", "267.86"),
        ("32.14", "267.86"),
    ]
    # The last reversal, at time 4 of 0 to 5.
    assert float(rectangles[2].get("x", 0)) == pytest.approx(800)
    assert 'stablehlo.add tensor<100xf32> at loc("a <b> & c")' in page.findtext(f".//{svg}rect[1]/{svg}title", "")
    assert not re.search(r"<script|<link|src=|href=|url\(", text)


ADDITION = '%2 = stablehlo.add %0, %1 : tensor<100xf32> loc("a <b> & c")'


RESULT = """func.func @main(%x: tensor<16xf32>) -> (tensor<16xf32>, tensor<4x4xf32>) {
  %0 = stablehlo.reverse %x, dims = [0] : tensor<16xf32>
  %1 = stablehlo.reverse %0, dims = [0] : tensor<16xf32>
  %2 = stablehlo.reshape %1 : (tensor<16xf32>) -> tensor<4x4xf32>
  return %1, %2 : tensor<16xf32>, tensor<4x4xf32>
}"""


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ([(0, 64), (0, 64)], "results without memory of their own"),
        ([(0, 64), (64, 64)], "returns result 1 from elsewhere"),
        ([(0, 64), (96, 64)], "memory .* is misaligned or overlaps"),
    ],
)
def test_the_checker_names_what_is_wrong_with_the_memory_of_results(
    slices: list[tuple[int, int]], message: str
) -> None:
    module = parse_module(RESULT)
    assert assigned(module, "separate")["arena bytes"] == 0
    with module.context:
        given = [ir.DictAttr.get({SLICE: ir.DenseI64ArrayAttr.get(list(pair))}) for pair in slices]
        main_of(module).attributes["res_attrs"] = ir.ArrayAttr.get(given)
    with pytest.raises(OxideError, match=message):
        check_plan(module)


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OxideError, match="missing"):
        AssignBuffers(report="text", output=str(tmp_path / "missing" / "plan")).run(parse_module(CHAIN), PassLog())
