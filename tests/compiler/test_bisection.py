"""Bisecting pipelines with seeded bugs: the pass, the rewrite, and how it is told."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from seeded_bugs import Crashing, Failing, Spoil, Wrong, crash_on_maximum

from oxide.bisection import ENGINES, Check, Culprit, bisect, results_check
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.rewrite import counting_rewrites
from oxide.model import Model
from oxide.passes.base import REGISTRY
from oxide.passes.manager import run_pipeline
from oxide.passes.pipeline import parse_pipeline
from oxide.samples import random_inputs
from oxide.tools.bisection import main

# The wrong rule fires at "second" and, harmlessly, at "first", whose operands are equal.
SOURCE = """func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = stablehlo.negate %x : tensor<4xf32>
  %1 = stablehlo.negate %0 : tensor<4xf32>
  %2 = stablehlo.multiply %1, %y : tensor<4xf32> loc("product")
  %3 = stablehlo.minimum %2, %2 : tensor<4xf32> loc("first")
  %4 = stablehlo.minimum %2, %x : tensor<4xf32> loc("second")
  %5 = stablehlo.sine %y : tensor<4xf32> loc("wave")
  %6 = stablehlo.negate %4 : tensor<4xf32>
  %7 = stablehlo.negate %6 : tensor<4xf32>
  %8 = stablehlo.add %3, %5 : tensor<4xf32>
  return %7, %8 : tensor<4xf32>, tensor<4xf32>
}"""


@pytest.fixture(autouse=True)
def seeded_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Wrong, Failing, Spoil, Crashing):
        monkeypatch.setitem(REGISTRY, kind.name, kind)


@cache  # a check keeps the process that runs its modules
def check_by(engine: str = "pjrt") -> Check:
    model = Model(parse_module(SOURCE), {})
    return results_check(model, random_inputs(model.inputs), engine=engine)


def culprit_of(pipeline: str, engine: str = "pjrt") -> Culprit | None:
    module = parse_module(SOURCE)
    before = str(module)
    culprit = bisect(module, parse_pipeline(pipeline), check_by(engine))
    assert str(module) == before
    return culprit


def test_the_interpreter_judges_too():
    culprit = culprit_of("test-wrong", "interpreter")
    assert culprit is not None
    assert culprit.rewrite is not None
    assert culprit.rewrite.location == 'loc("second")'


def test_the_pass_and_the_rewrite_that_change_a_result():
    culprit = culprit_of("cse,symbol-privatize{exclude=main},test-wrong,dce,cse")
    assert culprit is not None
    assert (culprit.number, culprit.step.name) == (3, "test-wrong")
    assert "result0: relative error" in culprit.complaint
    assert "minimum" in str(culprit.before)
    rewrite = culprit.rewrite
    assert rewrite is not None
    assert (rewrite.rule, rewrite.operation, rewrite.location) == (
        "minimum-of-product",
        "stablehlo.minimum",
        'loc("second")',
    )
    assert rewrite.total == 4
    # The rewrite before it leaves the results as they are, this one does not.
    check = check_by()
    for limit, right in ((rewrite.number - 1, True), (rewrite.number, False)):
        with counting_rewrites({"rewrite": limit}):
            module = run_pipeline(parse_module(SOURCE), "test-wrong")
        assert (check(module) == "") is right
    # It is the n-th of its rule: when only that rule is limited, the same holds.
    for limit, right in ((rewrite.application - 1, True), (rewrite.application, False)):
        with counting_rewrites({"minimum-of-product": limit}):
            module = run_pipeline(parse_module(SOURCE), "test-wrong")
        assert (check(module) == "") is right


def test_a_rule_that_raises():
    culprit = culprit_of("cse,test-failing")
    assert culprit is not None
    assert culprit.number == 2
    assert culprit.complaint.startswith("internal error in pass test-failing: KeyError")
    assert "reproducer" not in culprit.complaint
    assert culprit.rewrite is not None
    assert (culprit.rewrite.rule, culprit.rewrite.location) == ("sine", 'loc("wave")')


def test_a_pass_without_rules_that_leaves_an_invalid_module():
    culprit = culprit_of("cse,test-spoil,dce")
    assert culprit is not None
    assert (culprit.number, culprit.step.name, culprit.rewrite) == (2, "test-spoil", None)
    assert "the pass left invalid IR" in culprit.complaint


def test_a_pass_that_crashes():
    culprit = culprit_of("cse,test-crashing,dce")
    assert culprit is not None
    assert (culprit.number, culprit.step.name, culprit.rewrite) == (2, "test-crashing", None)
    assert "pass test-crashing: the process crashed (SIGSEGV)" in culprit.complaint
    assert "in _crash at seeded_bugs.py:" in culprit.complaint


def test_a_module_that_crashes_the_engine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ENGINES, "crashing", crash_on_maximum)
    culprit = culprit_of("cse,test-wrong,dce", "crashing")
    assert culprit is not None
    assert (culprit.number, culprit.step.name) == (2, "test-wrong")
    assert "the process crashed (SIGABRT)" in culprit.complaint
    assert culprit.rewrite is not None
    assert culprit.rewrite.rule == "minimum-of-product"


def test_a_native_pass_that_refuses():
    culprit = culprit_of("cse,stablehlo-refine-arguments{types=tensor<f32>}")
    assert culprit is not None
    assert (culprit.number, culprit.rewrite) == (2, None)


def test_nothing_is_wrong():
    assert culprit_of("cse,canonicalize,dce,func.func(chlo-legalize-to-stablehlo)") is None


def test_tolerance_is_the_callers():
    model = Model(parse_module(SOURCE), {})
    check = results_check(model, random_inputs(model.inputs), tolerance=1e9)
    assert bisect(model.module, parse_pipeline("test-wrong"), check) is None


def test_what_is_wrong_from_the_start_is_refused():
    with pytest.raises(OxideError, match="wrong before any pass: so it is"):
        bisect(parse_module(SOURCE), parse_pipeline("cse"), lambda module: "so it is")


def test_tool_says_what_it_found_and_leaves_the_passes_input(tmp_path: Path, capsys):
    source, before = tmp_path / "source.mlir", tmp_path / "before.mlir"
    source.write_text(SOURCE)
    assert main([str(source), "--pass-pipeline=cse,test-wrong,dce", "-o", str(before)]) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(
        r"pass 2 of 3: test-wrong\n"
        r"  result0: relative error \S+ exceeds 0\.0001\n"
        r'rewrite \d of 4: stablehlo.minimum at loc\("second"\)\n'
        r"  rule minimum-of-product, application \d of it\n"
        r"to see it: oxide-opt \S+before.mlir '--pass-pipeline=builtin.module\(test-wrong\)'"
        r" --debug-counter=rewrite=\d\n",
        out,
    )
    assert "minimum" in before.read_text()


def test_tool_runs_given_inputs(tmp_path: Path, capsys):
    source = tmp_path / "source.mlir"
    source.write_text(SOURCE)
    inputs = []
    for name in ("arg0", "arg1"):  # of ones: minimum and maximum of 1 and 1 are the same
        np.save(tmp_path / f"{name}.npy", np.ones(4, np.float32))
        inputs += ["--input", f"{name}={tmp_path / name}.npy"]
    assert main([str(source), "--pass-pipeline=test-wrong", *inputs]) == 1
    assert "no pass makes" in capsys.readouterr().err


def test_tool_takes_a_test(tmp_path: Path, capsys):
    source = tmp_path / "source.mlir"
    source.write_text(SOURCE)
    arguments = [str(source), "--pass-pipeline=cse,test-wrong", "--test", "grep -q minimum {}", "--status", "1"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "pass 2 of 2: test-wrong\n  the test ended with status 1\n" in out
    # Both minima must be gone.
    assert "rule minimum-of-product, application 2 of it" in out


def test_tool_refuses_an_unknown_engine(tmp_path: Path, capsys):
    source = tmp_path / "source.mlir"
    source.write_text(SOURCE)
    assert main([str(source), "--engine", "gpu"]) == 1
    assert "pjrt or interpreter, not gpu" in capsys.readouterr().err
