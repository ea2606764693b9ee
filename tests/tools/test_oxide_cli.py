"""The `oxide` command: what it writes, prints and refuses, and its exit status."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxide import __version__
from oxide.dialects import hlo
from oxide.frontends.onnx.registry import REGISTRY
from oxide.tools.oxide import main
from oxide.tools.progress import Progress

WEIGHT = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def layer_model(batch: int | str = 2) -> onnx.ModelProto:
    """relu(x @ w) * 2, with nodes `product`, `rectify` and `twice`."""
    nodes = [
        helper.make_node("MatMul", ["x", "layer.weight"], ["h"], name="product"),
        helper.make_node("Relu", ["h"], ["r"], name="rectify"),
        helper.make_node("Add", ["r", "r"], ["y"], name="twice"),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(WEIGHT, "layer.weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def layer(tmp_path):
    path = tmp_path / "layer.onnx"
    onnx.save(layer_model(), path)
    return path


@pytest.fixture
def array(tmp_path):
    values = np.random.default_rng(1).standard_normal((2, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    return tmp_path / "x.npy", values


def oxide(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def child(*arguments, stdin: bytes = b"", **keywords) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "oxide.tools.oxide", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, **keywords)


def expected(values: np.ndarray) -> np.ndarray:
    return 2 * np.maximum(values @ WEIGHT, 0)


# ------------------------------------------------------------------------------------------ compile, run


@pytest.mark.parametrize("suffix", [".mlir", ".mlirbc"])
def test_compiled_models_run_and_give_the_same_numbers(layer, array, suffix, tmp_path, capsys):
    path, values = array
    assert oxide("compile", layer, "-o", tmp_path / f"out{suffix}") == 0
    assert f"out{suffix}" in capsys.readouterr().out
    result = tmp_path / "y.npz"
    assert oxide("run", tmp_path / f"out{suffix}", "--input", f"x={path}", "-o", result) == 0
    with np.load(result) as outputs:
        np.testing.assert_allclose(outputs["y"], expected(values), rtol=1e-5, atol=1e-6)


RUN_GENERATED = """
import sys
import jax
import model
import numpy as np
y = jax.jit(model.forward)(model.load_params(), np.load(sys.argv[1]))
np.save("y.npy", jax.tree.leaves(y)[0])
"""


def test_compiled_python_runs_in_a_fresh_process(layer, array, tmp_path):
    path, values = array
    assert oxide("compile", layer, "-o", tmp_path / "model.py") == 0
    done = subprocess.run(
        [sys.executable, "-c", RUN_GENERATED, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected(values), rtol=1e-5, atol=1e-6)


def test_hlo_and_inlined_weights(layer, tmp_path):
    assert oxide("compile", layer, "-o", tmp_path / "out.hlo") == 0
    assert "HloModule" in (tmp_path / "out.hlo").read_text()
    assert oxide("compile", layer, "-o", tmp_path / "one.mlirbc", "--inline-weights") == 0
    assert not (tmp_path / "one.safetensors").exists()
    assert oxide("verify", tmp_path / "one.mlirbc", "--against", layer) == 0


def test_prepared_weights(layer, tmp_path):
    out = tmp_path / "prepared.mlirbc"
    assert oxide("compile", layer, "-o", out, "--pipeline", "default,hoist-params", "--prepare-weights") == 0
    assert oxide("verify", out, "--against", layer) == 0


def test_standard_input_is_a_dash(layer, tmp_path):
    done = child("compile", "-", "-o", tmp_path / "out.mlirbc", stdin=layer.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert oxide("verify", tmp_path / "out.mlirbc", "--against", layer) == 0


def test_open_dimensions_are_fixed_by_name_or_by_shape(tmp_path, capsys):
    onnx.save(layer_model(batch="batch"), tmp_path / "open.onnx")
    assert oxide("inspect", tmp_path / "open.onnx", "--dim", "batch=5") == 0
    assert "x: 5x4xf32" in capsys.readouterr().out
    assert oxide("verify", tmp_path / "open.onnx", "--shape", "x=3x4") == 0


def test_dimensions_stay_open(tmp_path, capsys):
    """Saved as an artefact, and run at sizes that are made up or those of a given input."""
    onnx.save(layer_model(batch="batch"), tmp_path / "open.onnx")
    assert oxide("inspect", tmp_path / "open.onnx") == 0
    assert "x: batch x 4 x f32" in capsys.readouterr().out
    assert oxide("verify", tmp_path / "open.onnx") == 0
    assert oxide("compile", tmp_path / "open.onnx", "-o", tmp_path / "open.mlirbc") == 0
    assert oxide("verify", tmp_path / "open.mlirbc", "--against", tmp_path / "open.onnx") == 0
    assert oxide("verify", tmp_path / "open.mlirbc") == 0
    np.save(tmp_path / "x.npy", np.ones((7, 4), np.float32))
    given = ("--input", f"x={tmp_path / 'x.npy'}", "-o", tmp_path / "y.npz")
    assert oxide("run", tmp_path / "open.mlirbc", *given) == 0
    assert len(np.load(tmp_path / "y.npz")["y"]) == 7


def test_the_pipeline_is_run(layer, tmp_path):
    assert oxide("compile", layer, "-o", tmp_path / "plain.mlir", "--pipeline", "") == 0
    assert oxide("compile", layer, "-o", tmp_path / "fused.mlir", "--pipeline", "canonicalize,fuse") == 0
    assert "oxide.fusion" not in (tmp_path / "plain.mlir").read_text()
    assert "oxide.fusion" in (tmp_path / "fused.mlir").read_text()


def test_random_inputs_depend_on_the_seed_alone(layer, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert oxide("run", layer, "--random", "--seed", seed, "-o", tmp_path / f"{name}.npz") == 0
    a, b, c = (np.load(tmp_path / f"{name}.npz")["y"] for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


# ------------------------------------------------------------------------------------- inspect, ops, bench


def test_inspect_counts(layer, capsys):
    assert oxide("inspect", layer, "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["inputs"] == [{"name": "x", "shape": [2, 4], "dtype": "f32"}]
    assert report["parameters"] == [{"name": "layer.weight", "shape": [4, 3], "dtype": "f32"}]
    assert (report["parameter_count"], report["parameter_bytes"]) == (12, 48)
    assert report["operations"]["stablehlo.dot_general"] == 1
    assert report["flops"] == 2 * 2 * 4 * 3 + 2 * 6


def test_ops_come_from_the_registry(capsys):
    assert oxide("ops", "Gemm", "--format", "json") == 0
    (gemm,) = json.loads(capsys.readouterr().out)
    assert gemm["how"] == "lowering"
    assert gemm["versions"] == sorted(version for _, name, version in REGISTRY if name == "Gemm")
    assert oxide("ops", "NoSuchOperator") == 1
    assert "NoSuchOperator" in capsys.readouterr().err


def test_bench_compares_with_onnxruntime(layer, capsys):
    assert oxide("bench", layer, "--seconds", "0.02", "--format", "json") == 0
    ours, theirs = json.loads(capsys.readouterr().out)
    assert ours["name"] == "oxide on cpu"
    assert theirs["name"].startswith("onnxruntime")
    assert 0 < ours["p10"] <= ours["median"] <= ours["p90"]


# ------------------------------------------------------------------------------------------------- verify


def test_verify_reports_every_output(layer, capsys):
    assert oxide("verify", layer) == 0
    out = capsys.readouterr().out
    assert out.startswith("against onnxruntime")
    assert "y" in out
    assert "ok" in out


def test_verify_of_mlir_uses_the_interpreter(layer, tmp_path, capsys):
    assert oxide("compile", layer, "-o", tmp_path / "out.mlir") == 0
    assert oxide("verify", tmp_path / "out.mlir") == 0
    assert "interpreter" in capsys.readouterr().out


@pytest.fixture
def wrong_relu(monkeypatch):
    """Relu, lowered wrongly."""
    for key, entry in list(REGISTRY.items()):
        if entry.op_type == "Relu":
            monkeypatch.setitem(REGISTRY, key, replace(entry, function=lambda node, x: hlo.maximum(x, 0.25)))


@pytest.mark.usefixtures("wrong_relu")
def test_verify_fails_on_a_wrong_result(layer, capsys):
    assert oxide("verify", layer) == 1
    assert "DIFFERS" in capsys.readouterr().out
    assert oxide("verify", layer, "--tolerance", "10") == 0


@pytest.mark.usefixtures("wrong_relu")
def test_layers_finds_the_node_that_diverges_first(layer, capsys):
    assert oxide("verify", layer, "--layers", "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["first_divergence"] == {"node": "rectify", "op_type": "Relu", "value": "r"}
    assert [value["passed"] for value in report["values"]] == [True, False, False]
    assert oxide("verify", layer, "--layers") == 1
    out = capsys.readouterr().out
    assert "node 'rectify' (Relu)" in out
    assert "what the node reads" in out


def test_layers_agree_where_nothing_is_wrong(layer, capsys):
    assert oxide("verify", layer, "--layers") == 0
    assert "all 3 values agree" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------- errors


def wrong_inputs(tmp_path) -> dict[str, tuple[list[str], str]]:
    np.save(tmp_path / "shape.npy", np.zeros((4, 2), np.float32))
    np.save(tmp_path / "dtype.npy", np.zeros((2, 4), np.float64))
    (tmp_path / "text.npy").write_text("hello")
    return {
        "missing": ([], "'x' is missing"),
        "unknown": (["--random", "--input", f"z={tmp_path}/shape.npy"], "'z' is not an input"),
        "shape": (["--input", f"x={tmp_path}/shape.npy"], "float32[4, 2]"),
        "dtype": (["--input", f"x={tmp_path}/dtype.npy"], "float64[2, 4]"),
        "file": (["--input", f"x={tmp_path}/text.npy"], "text.npy"),
        "twice": (["--input", f"x={tmp_path}/shape.npy", "--input", f"x={tmp_path}/shape.npy"], "given twice"),
    }


@pytest.mark.parametrize("case", ["missing", "unknown", "shape", "dtype", "file", "twice"])
def test_wrong_inputs_are_named(layer, case, tmp_path, capsys):
    arguments, message = wrong_inputs(tmp_path)[case]
    assert oxide("run", layer, *arguments, "-o", tmp_path / "y.npz") == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.out == ""
    assert not (tmp_path / "y.npz").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["compile"],
        ["compile", "x.onnx"],
        ["run", "x.onnx", "--input", "no-equals"],
        ["run", "x.onnx", "--dim", "batch=many"],
        ["run", "x.onnx", "--shape", "x=1x-2"],
        ["inspect", "x.onnx", "--format", "yaml"],
    ],
)
def test_wrong_usage_exits_with_two(arguments, capsys):
    assert oxide(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage" in captured.err


def test_an_output_survives_a_failed_command(layer, tmp_path, capsys):
    target = tmp_path / "out.mlirbc"
    target.write_bytes(b"before")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(layer.read_bytes()[:-20])
    assert oxide("compile", bad, "-o", target) == 1
    assert oxide("compile", layer, "-o", target, "--target-version", "0.nonsense") == 1
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.onnx", "layer.onnx", "out.mlirbc"]
    assert "Traceback" not in capsys.readouterr().err


def test_an_unsupported_operator_is_listed_with_its_node(tmp_path, capsys):
    model = layer_model()
    model.graph.node[1].op_type = "NonZeroish"
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    assert oxide("inspect", tmp_path / "bad.onnx") == 1
    err = capsys.readouterr().err
    assert "NonZeroish" in err
    assert 'loc("rectify")' in err


def test_internal_errors_say_so_and_hide_the_traceback_unless_asked(layer, monkeypatch, capsys):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.delenv("OXIDE_DEBUG", raising=False)
    monkeypatch.setattr("oxide.tools.oxide_commands.inspect", broken)
    assert oxide("inspect", layer) == 1
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oh" in err
    assert "report" in err
    assert "Traceback" not in err
    assert oxide("inspect", layer, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_no_bug(layer, monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("oxide.tools.oxide_commands.inspect", interrupted)
    assert oxide("inspect", layer) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m oxide.tools.oxide ops | true; echo status ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout in ("status 0\n", "status 1\n")


# ------------------------------------------------------------------------------------- version, progress


def test_version(capsys):
    assert oxide("--version") == 0
    assert capsys.readouterr().out.startswith(f"oxide {__version__} (jax ")


def test_progress_is_for_terminals_only():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with Progress(stream).stage("reading"):
            pass
    assert "reading ..." in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


def test_standard_error_stays_empty_when_all_is_well(layer):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = child("verify", layer, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
