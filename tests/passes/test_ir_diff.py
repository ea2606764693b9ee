"""Diffs between passes: values keep their names, and only what changed is shown."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.context import parse_module
from oxide.passes.base import Pass, PassLog
from oxide.passes.instrumentation import Selection
from oxide.passes.ir_diff import DiffPrinting, keep_names
from oxide.passes.manager import PassManager
from oxide.passes.pipeline import Pipeline, parse_pipeline


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def test_values_keep_their_names():
    before = lines("""
        %0 = stablehlo.sine %arg0 : f
        %1 = stablehlo.cosine %0 : f
        %2:2 = "while"(%0, %1) : f
        return %2#1 : f""")
    after = lines("""
        %0 = stablehlo.tanh %arg0 : f
        %1 = stablehlo.sine %arg0 : f
        %2 = stablehlo.cosine %1 : f
        %3:2 = "while"(%1, %2) : f
        return %3#1 : f""")
    assert keep_names(before, after) == after[1:]


def test_another_operand_is_a_change():
    before = lines("""
        %0 = stablehlo.sine %arg0 : f
        %1 = stablehlo.cosine %arg0 : f
        return %0 : f""")
    after = [*before[:2], "return %1 : f"]
    assert keep_names(before, after) == before


def test_a_value_that_is_gone_has_a_name_of_its_own():
    before = lines("""
        %0 = stablehlo.negate %arg0 : f
        %1 = stablehlo.sine %0 : f
        return %1 : f""")
    after = lines("""
        %0 = stablehlo.sine %arg0 : f
        return %0 : f""")
    assert keep_names(before, after) == lines("""
        %old0 = stablehlo.negate %arg0 : f
        %0 = stablehlo.sine %old0 : f
        return %0 : f""")


def test_a_loop_reads_values_from_outside_under_its_own_names():
    before = lines("""
        %0 = stablehlo.while(%iterArg = %arg0) : f
        %1 = stablehlo.while(%iterArg = %0) : f""")
    after = lines("""
        %0 = stablehlo.while(%iterArg_1 = %arg0) : f
        %1 = stablehlo.while(%iterArg_2 = %0) : f""")
    assert keep_names(before, after) == after


@dataclass(frozen=True)
class Edit(Pass):
    """Append a dead operation to @f, add @g, erase @h and set an attribute of the module."""

    name = "test-edit"

    def run(self, module: ir.Module, log: PassLog) -> None:
        symbols = ir.SymbolTable(module.operation)
        block = symbols["f"].operation.regions[0].blocks[0]
        with ir.InsertionPoint.at_block_terminator(block), ir.Location.unknown():
            stablehlo.tanh(block.arguments[0])
        symbols["h"].operation.erase()
        module.body.append(ir.Operation.parse("func.func private @g()"))
        module.operation.attributes["oxide.mark"] = ir.UnitAttr.get()


def test_functions_and_attributes_that_come_and_go():
    module = parse_module("""
        func.func private @h()
        func.func @f(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }
        func.func @main() { return }""")
    shown: list[str] = []
    printing = DiffPrinting(shown.append, Selection(all=True))
    PassManager(Pipeline((Edit(),)), instrumentations=[printing]).run(module)
    (text,) = shown
    header, *rest = text.splitlines()
    assert header == "// -----// IR Diff After Edit (test-edit) //----- //"
    changed = [line for line in rest if line[:1] in "+-" and line]
    assert changed == [
        "--- module before",
        "+++ module after",
        "+oxide.mark = unit",
        "--- @h before",
        "+++ @h after",
        "-func.func private @h()",
        "--- @f before",
        "+++ @f after",
        "+  %0 = stablehlo.tanh %arg0 : tensor<f32>",
        "--- @g before",
        "+++ @g after",
        "+func.func private @g()",
    ]


def test_nothing_is_printed_where_nothing_changed():
    shown: list[str] = []
    printing = DiffPrinting(shown.append, Selection(all=True))
    module = parse_module("func.func @main() { return }")
    PassManager(parse_pipeline("cse,dce"), instrumentations=[printing]).run(module)
    assert shown == []
