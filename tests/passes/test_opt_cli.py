"""oxide-opt as a program: streams, exit statuses, files, broken input.  What it does to IR is in lit_tests/opt."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from oxide.passes import reference
from oxide.passes.print_op_stats import PrintOpStats
from oxide.tools import opt
from oxide.tools.opt_arguments import parse_command_line

ADD = """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.add %x, %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
"""
BROKEN = "func.func @main( {\n"

# Runs the tool in this process on some standard input; gives status, standard output and standard error.
Run = Callable[..., tuple[object, bytes, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    def runner(*arguments: str, stdin: str | bytes = ADD) -> tuple[object, bytes, str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            status: object = opt.main(arguments)
        except SystemExit as stop:
            status = stop.code
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    return runner


def test_ir_goes_to_standard_output_and_reports_to_standard_error(run: Run) -> None:
    status, out, err = run("--print-op-stats", "--mlir-timing", "--mlir-print-ir-after-all", "--remarks")
    assert status == 0
    assert out.decode().startswith("module {\n  func.func @main")
    assert b"IR Dump" not in out
    assert "IR Dump After PrintOpStats (print-op-stats)" in err
    assert "Total Execution Time" in err
    assert "stablehlo.add" in err


@pytest.mark.parametrize("form", ["text", "bytecode", "portable"])
def test_every_form_of_input(run: Run, tmp_path: Path, form: str) -> None:
    data = ADD.encode()
    if form == "bytecode":
        _, data, _ = run("--emit-bytecode")
    if form == "portable":
        from jaxlib.mlir.dialects import stablehlo

        from oxide.dialects.context import parse_module

        data = stablehlo.serialize_portable_artifact(parse_module(ADD), stablehlo.get_minimum_version())
    path = tmp_path / "input"
    path.write_bytes(data)
    _, expected, _ = run()
    assert run(str(path)) == (0, expected, "")
    assert run("-", stdin=data) == (0, expected, "")


def test_the_output_file_appears_whole_or_stays_as_it_was(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.mlir"
    target.write_text("old")
    status, out, err = run("-o", str(target), stdin=BROKEN)
    assert (status, out) == (1, b"")
    assert "<stdin>:1:17: error:" in err
    assert target.read_text() == "old"
    assert run("-o", str(target))[:2] == (0, b"")
    assert "stablehlo.add" in target.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["out.mlir"]


def test_output_into_a_device_and_into_nowhere(run: Run, tmp_path: Path) -> None:
    assert run("-o", "/dev/null")[0] == 0
    status, _, err = run("-o", str(tmp_path / "no" / "folder.mlir"))
    assert status == 1
    assert "cannot write" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--canonicalise"], "unknown flag --canonicalise"),
        (["--print-op-stat"], "did you mean --print-op-stats?"),
        (["--print-op-stats=jsn"], "no option jsn; did you mean json?"),
        (["--vhlo-to-version=zzz=1"], "no such option zzz"),
        (["--pass-pipeline=builtin.module(nothing-like-it)"], "unknown pass nothing-like-it"),
        (["--pass-pipeline=builtin.module(sccp"], "expected ',' or ')'"),
        (["--pass-pipeline=sccp", "--sccp"], "exclude each other"),
        (["--sccp", "--mlir-print-ir-after=scp"], "unknown pass scp; did you mean sccp"),
        (["--verify-each=perhaps"], "true or false"),
        (["--verify-diagnostics=some"], "invalid choice"),
        (["--emit-bytecode-version=x"], "invalid int"),
        (["a.mlir", "b.mlir"], "unrecognized arguments: b.mlir"),
    ],
)
def test_wrong_usage_has_status_2(run: Run, arguments: list[str], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, b"")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BROKEN, "<stdin>:1:17: error: expected"),
        (b"\xff\xfe\xfd", "<stdin>"),
        (b"", "empty"),
        ('"a.b"() : () -> ()', "<stdin>:1:1: error: unregistered operation a.b"),
        (b"ML\xefR" + bytes(range(64)), "<stdin>"),
        ("tuple<" * 100_000, "<stdin>"),
        ("module {" * 100_000 + "}" * 100_000, "<stdin>"),
    ],
)
def test_bad_input_has_status_1_and_a_message(run: Run, data: str | bytes, message: str) -> None:
    status, out, err = run(stdin=data)
    assert (status, out) == (1, b"")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("flag", ["--mlir-print-ir-tree-dir", "--mlir-pass-pipeline-crash-reproducer"])
def test_a_place_that_cannot_be_written_has_status_1(run: Run, tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").touch()
    status, out, err = run("--print-op-stats", f"{flag}={tmp_path}/file/below")
    assert (status, out) == (1, b"")
    assert f"{tmp_path}/file/below" in err
    assert "Not a directory" in err
    assert "Traceback" not in err


def test_a_missing_file_has_status_1(run: Run) -> None:
    status, _, err = run("no/such.mlir")
    assert status == 1
    assert "cannot read no/such.mlir" in err


def test_an_unregistered_operation_is_accepted_on_request(run: Run) -> None:
    status, out, _ = run("-allow-unregistered-dialect", stdin='"a.b"() : () -> ()')
    assert status == 0
    assert b'"a.b"()' in out


def test_an_internal_error_leaves_a_reproducer_and_says_where(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: PrintOpStats, module: object, log: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(PrintOpStats, "run", broken)
    status, out, err = run("--print-op-stats")
    (path,) = tmp_path.iterdir()
    assert (status, out) == (1, b"")
    assert (
        f"internal error in pass print-op-stats: ZeroDivisionError: division by zero; a reproducer is in {path}"
        in err
    )
    assert run("--run-reproducer", str(path))[0] == 1
    monkeypatch.undo()
    assert run("--run-reproducer", str(path))[0] == 0


def test_pass_flags_keep_their_order_and_do_not_swallow_the_file(tmp_path: Path) -> None:
    line = parse_command_line(
        ["-b=x=1 y=2", "--verify-each", "in.mlir", "--a", "-o", "--b", "--split-input-file", "-b"], ["a", "b"]
    )
    assert [(p.name, p.options) for p in line.passes] == [("b", "x=1 y=2"), ("a", ""), ("b", "")]
    assert (line.options.input, line.options.output) == ("in.mlir", "--b")
    assert line.options.verify_each is True
    assert line.options.split_input_file == "// -----"


def test_help_lists_every_pass_with_its_options(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    for name in reference.pass_names():
        assert f"  {name} " in out.decode()
    assert "json=<bool>" in out.decode()
    assert run("--list-passes")[1].decode() == reference.listing()


def test_no_pass_is_called_like_a_flag_of_the_tool() -> None:
    from oxide.tools.opt_arguments import _make_parser

    flags = {name.lstrip("-") for action in _make_parser("")[0]._actions for name in action.option_strings}
    assert not flags & set(reference.pass_names())


def test_starting_up_loads_no_framework() -> None:
    code = (
        "import sys; from oxide.tools.opt import main; main(['--version']); "
        "assert not any(n.startswith('jaxlib') for n in sys.modules); main(['--list-passes']); "
        "assert not {'jax', 'torch', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_pass_reference_is_up_to_date() -> None:
    path = Path(__file__).parents[2] / "docs" / "passes.md"
    assert path.read_text(encoding="utf-8") == reference.markdown(), (
        "run: python -m oxide.passes.reference docs/passes.md"
    )
