"""Running pipelines: what survives a failure, what is verified, what is reported and reproduced."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from jaxlib.mlir import ir

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import REGISTRY, Pass, PassLog, option, register
from oxide.passes.instrumentation import IRPrinting, Selection
from oxide.passes.manager import PassManager, clone_module, run_pipeline, verify_module
from oxide.passes.pipeline import parse_pipeline
from oxide.passes.report import RunReport, StepReport, statistics_table, timing_table
from oxide.passes.reproducer import read_reproducer, reproducer_text

ADD = """module @net attributes {oxide.version = 1 : i32} {
  func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.add %x, %x : tensor<2xf32>
    return %0 : tensor<2xf32>
  }
}
"""


def _entry(module: ir.Module) -> ir.Operation:
    return module.body.operations[0].operation


@dataclass(frozen=True)
class Mark(Pass):
    """Set an attribute on the first function."""

    name = "test-mark"
    label: str = option("mark", "the attribute's value")

    def run(self, module: ir.Module, log: PassLog) -> None:
        _entry(module).attributes["oxide.mark"] = ir.StringAttr.get(self.label)
        log.count("marks")
        log.rules["set-mark"] = RuleStatistics(tries=7, hits=1)
        log.remark(_entry(module), "marked")


@dataclass(frozen=True)
class Refuse(Mark):
    """Change the module, then refuse it."""

    name = "test-refuse"

    def run(self, module: ir.Module, log: PassLog) -> None:
        super().run(module, log)
        raise OxideError("too small", [Diagnostic("error", "no room here", "net.mlir:3:5")])


@dataclass(frozen=True)
class Break(Mark):
    """Change the module, then fail as a wrong program does."""

    name = "test-break"

    def run(self, module: ir.Module, log: PassLog) -> None:
        super().run(module, log)
        raise KeyError("oops")


@dataclass(frozen=True)
class Spoil(Pass):
    """Leave IR that does not verify."""

    name = "test-spoil"

    def run(self, module: ir.Module, log: PassLog) -> None:
        _entry(module).attributes["function_type"] = ir.TypeAttr.parse("(tensor<2xf32>) -> tensor<3xf32>")


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    passes = (Mark, Refuse, Break, Spoil)
    for cls in passes:
        register(cls)
    yield
    for cls in passes:
        del REGISTRY[cls.name]


@pytest.fixture
def module() -> ir.Module:
    return parse_module(ADD, name="net.mlir")


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def _asm(module: ir.Module) -> str:
    return str(module.operation.get_asm(enable_debug_info=True))


def test_the_result_is_a_clone_unless_asked_otherwise(module: ir.Module) -> None:
    before = _asm(module)
    result = run_pipeline(module, "test-mark{label=a}")
    assert _asm(module) == before
    assert 'oxide.mark = "a"' in _asm(result)
    assert run_pipeline(module, "test-mark", in_place=True) is module
    assert 'oxide.mark = "mark"' in _asm(module)


def test_a_clone_equals_its_original(module: ir.Module) -> None:
    assert _asm(clone_module(module)) == _asm(module)


@pytest.mark.parametrize("name", ["test-refuse", "test-break", "test-spoil"])
def test_the_module_survives_a_failing_pipeline(module: ir.Module, name: str) -> None:
    before = _asm(module)
    with pytest.raises(OxideError):
        run_pipeline(module, f"test-mark,{name}")
    assert _asm(module) == before


def test_a_refusal_passes_through_unchanged(module: ir.Module, tmp_path: Path) -> None:
    with pytest.raises(OxideError) as caught:
        run_pipeline(module, "test-refuse")
    assert caught.value.message == "too small"
    assert [d.location for d in caught.value.diagnostics] == ["net.mlir:3:5"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pipeline", "what"),
    [("test-mark,test-break", "KeyError: 'oops'"), ("test-mark,test-spoil", "the pass left invalid IR")],
)
def test_an_internal_error_leaves_a_reproducer(module: ir.Module, tmp_path: Path, pipeline: str, what: str) -> None:
    with pytest.raises(OxideError, match=re.escape(what)) as caught:
        run_pipeline(module, pipeline)
    (path,) = tmp_path.iterdir()
    assert str(path) in caught.value.message
    text = path.read_text()
    assert what in text
    assert str(read_reproducer(text, path.name).pipeline) == f"builtin.module({pipeline})"
    # The input of the run is in it, not what the passes had made of it.
    assert _asm(parse_module(text)) == _asm(module)


def test_verification_names_the_operation_and_can_be_left_out(module: ir.Module) -> None:
    with pytest.raises(OxideError) as caught:
        run_pipeline(module, "test-spoil")
    assert [d.location for d in caught.value.diagnostics] == ["net.mlir:4:5"]
    run_pipeline(module, "test-spoil", verify_each=False)


def test_composites_are_verified_after_each_pass() -> None:
    text = """module {
      func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
        %0 = stablehlo.composite "oxide.softmax" %x {composite_attributes = {axis = 0 : i64},
          decomposition = @impl} : (tensor<2xf32>) -> tensor<2xf32>
        return %0 : tensor<2xf32>
      }
      func.func private @impl(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }
    }"""
    assert verify_module(parse_module(text)) == []
    (wrong,) = verify_module(parse_module(text.replace("axis = 0", "axes = 0"), name="net.mlir"))
    assert wrong.location == "net.mlir:3:14"
    assert "axis" in wrong.message


def test_a_failing_native_pass_gives_its_diagnostics(module: ir.Module) -> None:
    with pytest.raises(OxideError, match="pass stablehlo-refine-arguments failed") as caught:
        run_pipeline(module, "stablehlo-refine-arguments{types=tensor<2xf32>,tensor<2xf32>}")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.location == "net.mlir:2:3"
    assert "number of refinements must match" in diagnostic.message


def test_the_named_reproducer_is_there_after_any_failure_only(module: ir.Module, tmp_path: Path) -> None:
    path = tmp_path / "crash.mlir"
    path.write_text("old")
    PassManager(parse_pipeline("test-mark"), reproducer=path).run(clone_module(module))
    assert not path.exists()
    with pytest.raises(OxideError):
        PassManager(parse_pipeline("test-mark,test-refuse"), reproducer=path).run(clone_module(module))
    reproduction = read_reproducer(path.read_text(), "crash.mlir")
    assert str(reproduction.pipeline) == "builtin.module(test-mark,test-refuse)"
    assert reproduction.verify_each


def test_the_named_reproducer_is_there_after_the_process_died(module: ir.Module, tmp_path: Path) -> None:
    path = tmp_path / "crash.mlir"
    code = """
import os, sys
from pathlib import Path
from oxide.dialects.context import parse_module
from oxide.passes.manager import PassManager
from oxide.passes.pipeline import parse_pipeline
from oxide.passes.print_op_stats import PrintOpStats
PrintOpStats.run = lambda *_: os._exit(7)
PassManager(parse_pipeline("print-op-stats"), reproducer=Path(sys.argv[1])).run(parse_module(sys.argv[2]))
"""
    died = subprocess.run([sys.executable, "-c", code, str(path), ADD], check=False)
    assert died.returncode == 7
    assert str(read_reproducer(path.read_text(), "crash.mlir").pipeline) == "builtin.module(print-op-stats)"
    assert str(parse_module(path.read_text())) == str(module)


def test_a_local_reproducer_holds_the_failing_pass_and_its_input(module: ir.Module, tmp_path: Path) -> None:
    path = tmp_path / "crash.mlir"
    manager = PassManager(
        parse_pipeline("test-mark{label=a},test-refuse"),
        verify_each=False,
        reproducer=path,
        local_reproducer=True,
    )
    with pytest.raises(OxideError):
        manager.run(clone_module(module))
    reproduction = read_reproducer(path.read_text(), "crash.mlir")
    assert str(reproduction.pipeline) == "builtin.module(test-refuse)"
    assert not reproduction.verify_each
    assert 'oxide.mark = "a"' in str(parse_module(path.read_text()))


def test_a_reproducer_keeps_any_option_text(module: ir.Module) -> None:
    pipeline = parse_pipeline('test-mark{label="a\\n\\"}#-}\\\\ é"}')
    text = reproducer_text(module, pipeline, verify_each=True, reason=["two\nlines", "// #-}"])
    assert read_reproducer(text, "r.mlir").pipeline == pipeline
    assert _asm(parse_module(text)) == _asm(module)


def test_a_file_without_a_pipeline_is_no_reproducer() -> None:
    with pytest.raises(OxideError, match=r"net\.mlir is no reproducer"):
        read_reproducer(ADD, "net.mlir")


def _dumps(module: ir.Module, pipeline: str, **flags: object) -> list[str]:
    texts: list[str] = []
    printing = IRPrinting(emit=texts.append, **flags)  # pyright: ignore[reportArgumentType]
    with suppress(OxideError):
        PassManager(parse_pipeline(pipeline), instrumentations=[printing]).run(module)
    return [re.findall(r"// -----// IR Dump (.*) //----- //", text)[0] for text in texts]


EVERY = Selection(all=True)
MARK_ONLY = Selection(frozenset(["test-mark"]))


def test_ir_is_printed_around_the_selected_passes(module: ir.Module) -> None:
    dumps = _dumps(module, "test-mark,symbol-dce", print_before=EVERY, print_after=MARK_ONLY)
    assert dumps[:2] == ["Before Mark (test-mark)", "After Mark (test-mark)"]
    assert len(dumps) == 3
    assert dumps[2].endswith("(symbol-dce)")


def test_ir_is_printed_after_changes_only(module: ir.Module) -> None:
    dumps = _dumps(module, "test-mark,test-mark", print_after=EVERY, only_changes=True)
    assert dumps == ["After Mark (test-mark)"]


def test_ir_is_printed_after_a_failure(module: ir.Module) -> None:
    dumps = _dumps(module, "test-mark,test-refuse", on_failure=True)
    assert dumps == ["After Refuse Failed (test-refuse)"]


def test_ir_goes_to_a_folder(module: ir.Module, tmp_path: Path) -> None:
    assert _dumps(module, "test-mark,test-refuse", print_after=EVERY, folder=tmp_path / "d") == []
    folder = tmp_path / "d" / "builtin_module_net"
    assert sorted(p.name for p in folder.iterdir()) == ["0_test-mark.mlir", "1_test-refuse_failed.mlir"]
    assert "oxide.mark" in str(parse_module((folder / "0_test-mark.mlir").read_text()))


def test_the_report_counts_rules_and_remarks(module: ir.Module) -> None:
    manager = PassManager(parse_pipeline("test-mark"))
    manager.run(module)
    assert [(d.severity, d.message, d.location) for d in manager.report.remarks()] == [
        ("remark", "marked", "net.mlir:2:3")
    ]
    table = statistics_table(manager.report)
    assert re.search(r"Mark \(test-mark\)\n +\(S\) +1 marks\n +\(R\) set-mark +7 tries +1 hits\n", table)


def test_timing_shares_add_up() -> None:
    report = RunReport([StepReport("A (a)", 0.5, 0.25), StepReport("A (a)", 0.5)])
    lines = timing_table(report.timings(), total=2.0).splitlines()
    assert lines[-5:] == [
        "    0.5000 ( 25.0%)  A (a)",
        "    0.2500 ( 12.5%)  (V) after A (a)",
        "    0.5000 ( 25.0%)  A (a)",
        "    0.7500 ( 37.5%)  Rest",
        "    2.0000 (100.0%)  Total",
    ]
    merged = timing_table(report.timings(), total=2.0, merge=True).splitlines()
    assert merged[-4] == "    1.0000 ( 50.0%)  A (a)"
