"""oxide-reduce as a program: what the test command is given, exit statuses, and what is left behind."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from oxide.dialects.context import BYTECODE_MAGIC, parse_module
from oxide.tools.reduce import main

SOURCE = """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  %1 = stablehlo.tanh %0 : tensor<2xf32>
  %2 = stablehlo.cosine %1 : tensor<2xf32>
  return %2 : tensor<2xf32>
}
"""
SMALL = """module {
  func.func @main() {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<1xf32>
    %0 = stablehlo.tanh %cst : tensor<1xf32>
    return
  }
}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.mlir"
    path.write_text(SOURCE)
    return path


def test_module_is_reduced(source, tmp_path, capfd):
    small = tmp_path / "small.mlir"
    assert main([str(source), "--test", "grep -q tanh {}", "-o", str(small)]) == 0
    assert small.read_text() == SMALL
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("5 -> 4 operations after ")


def test_path_is_appended_where_the_command_has_no_braces(source, tmp_path):
    small = tmp_path / "small.mlir"
    assert main([str(source), "--test", "grep -q tanh", "-o", str(small)]) == 0
    assert small.read_text() == SMALL


def test_another_status_may_be_the_interesting_one(source, tmp_path):
    small = tmp_path / "small.mlir"
    command = "grep -q tanh {} && exit 7"
    assert main([str(source), "--test", command, "--status", "7", "-o", str(small)]) == 0
    assert small.read_text() == SMALL


def test_bytecode_in_and_out(source, tmp_path):
    from oxide.artefacts import serialize

    portable = tmp_path / "portable.mlirbc"
    portable.write_bytes(serialize(parse_module(SOURCE)))
    small = tmp_path / "small.mlirbc"
    log = tmp_path / "log"
    oxide_opt = f"{shlex.quote(sys.executable)} -m oxide.tools.opt"
    command = f"head -c 4 {{}} >> {shlex.quote(str(log))}; {oxide_opt} {{}} | grep -q tanh"
    # One test of a real tool takes a second, so only the first few are made.
    assert main([str(portable), "--test", command, "--time-limit", "2", "-o", str(small)]) == 0
    assert "tanh" in str(parse_module(small.read_bytes()))
    assert log.read_bytes().replace(BYTECODE_MAGIC, b"") == b""


def test_what_is_not_interesting_is_said_with_the_tests_output(source, tmp_path, capsys):
    small = tmp_path / "small.mlir"
    assert main([str(source), "--test", "echo no such bug; exit 3", "-o", str(small)]) == 1
    assert "is not interesting: the test ended with status 3:\nno such bug" in capsys.readouterr().err
    assert not small.exists()


def test_a_test_that_hangs_is_ended_with_what_it_started(source, tmp_path, capsys):
    test = ["--test", "sleep 60 | sleep 60", "--test-timeout", "0.2"]
    assert main([str(source), *test, "-o", str(tmp_path / "small.mlir")]) == 1
    assert "the test ran out of time" in capsys.readouterr().err


def test_time_limit_leaves_what_there_is(source, tmp_path, capsys):
    small = tmp_path / "small.mlir"
    assert main([str(source), "--test", "grep -q tanh {}", "--time-limit", "0", "-o", str(small)]) == 0
    assert "cosine" in small.read_text()
    assert "the time limit ended the search" in capsys.readouterr().err


def test_invalid_input_is_refused(tmp_path, capsys):
    path = tmp_path / "broken.mlir"
    path.write_text("func.func @main( {")
    assert main([str(path), "--test", "true", "-o", str(tmp_path / "o.mlir")]) == 1
    assert "broken.mlir" in capsys.readouterr().err


def test_interrupted(source, tmp_path, monkeypatch):
    def interrupt(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("oxide.reduction.reduce_module", interrupt)
    small = tmp_path / "small.mlir"
    assert main([str(source), "--test", "true", "-o", str(small)]) == 130
    assert "cosine" in small.read_text()
