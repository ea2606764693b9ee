"""The subcommands of `oxide`: each reads a model, asks the compiler, and prints the answer."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from oxide.array_files import read_npy, write_npz
from oxide.benchmarking import measure_model, measure_oracle
from oxide.comparison import Comparison
from oxide.dialects.diagnostics import OxideError
from oxide.factories import import_factory, is_reference
from oxide.inspection import inspect
from oxide.loading import is_onnx, load
from oxide.model import Model
from oxide.oracles import onnxruntime_oracle
from oxide.samples import complete_inputs
from oxide.sizes import read_constraints
from oxide.tools import oxide_text as text
from oxide.tools.progress import Progress
from oxide.verification import choose_oracle, verify, verify_layers


class Session:
    """One command: its options, and the model it is about."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.progress = Progress()

    def source(self) -> Path | bytes:
        """The path of the model (or the factory that makes it), or its bytes from standard input."""
        if self.options.input == "-":
            return sys.stdin.buffer.read()
        return Path(self.options.input)

    def model(self, source: Path | bytes) -> Model:
        with self.progress.stage(f"reading {self.options.input}"):
            return self._load(source)

    def improved(self, source: Path | bytes) -> Model:
        """Load the model and run the pipeline on it."""
        model = self.model(source)
        if self.options.pipeline:
            with self.progress.stage(f"running {self.options.pipeline}"):
                model.run_passes(self.options.pipeline)
        return model

    def _load(self, source: Path | bytes) -> Model:
        options = self.options
        if not is_reference(options.input):
            if options.args:
                raise OxideError("--args is for package.module:factory; a file has its shapes in itself")
            return load(source, dims=dict(options.dim), shapes=dict(options.shape))
        if options.dim or options.shape:
            raise OxideError("--dim and --shape are for ONNX models; a factory takes --args")
        return import_factory(options.input, options.args)

    def inputs(self, model: Model, *, fill: bool) -> dict[str, np.ndarray]:
        """The arrays given as `--input`, completed with random ones when `fill`."""
        dtypes = {spec.name: spec.dtype for spec in model.inputs}
        names = [name for name, _ in self.options.inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise OxideError(f"--input is given twice for {', '.join(map(repr, twice))}")
        given = {name: read_npy(path, dtypes.get(name)) for name, path in self.options.inputs}
        constraints = read_constraints(model.module)
        return complete_inputs(model.inputs, given, fill=fill, seed=self.options.seed, constraints=constraints)

    def report(self, content: Any, rendered: Callable[[], str]) -> None:
        """Print plain data as JSON or the text, as `--format` says."""
        if self.options.format == "json":
            print(json.dumps(content, indent=2, default=str))
        else:
            print(rendered())


def compile_command(session: Session) -> int:
    options = session.options
    model = session.improved(session.source())
    with session.progress.stage(f"writing {options.output}"):
        written = model.save(
            options.output,
            target_version=options.target_version,
            inline_weights=options.inline_weights,
            prepare_weights=options.prepare_weights,
        )
    for path in written:
        print(f"{path}  {text.scaled(path.stat().st_size, 'B')}")
    return 0


def inspect_command(session: Session) -> int:
    report = inspect(session.improved(session.source()))
    session.report(report.to_json(), lambda: text.inspection_text(report))
    return 0


def run_command(session: Session) -> int:
    options = session.options
    model = session.model(session.source())
    inputs = session.inputs(model, fill=options.random)
    with session.progress.stage("compiling"):
        executable = model.compile(options.platform, pipeline=options.pipeline)
    with session.progress.stage("running"):
        outputs = {name: np.asarray(value) for name, value in executable.run(inputs).items()}
    if options.output:
        write_npz(options.output, outputs)
    print(text.table(text.array_text(name, array) for name, array in outputs.items()))
    return 0


def verify_command(session: Session) -> int:
    options = session.options
    source = session.source()
    model = session.model(source)
    inputs = session.inputs(model, fill=True)
    if options.layers:
        return _verify_layers(session, source, inputs)
    oracle = onnxruntime_oracle(options.against) if options.against else choose_oracle(source, model)
    with session.progress.stage(f"comparing with {oracle.name}"):
        result = verify(
            model,
            oracle,
            inputs,
            platform=options.platform,
            pipeline=options.pipeline,
            tolerance=options.tolerance,
        )
    content = {
        "oracle": result.oracle,
        "passed": result.passed,
        "outputs": [comparison_json(comparison) for comparison in result.comparisons],
    }
    session.report(content, lambda: f"against {result.oracle}\n{text.comparison_text(result.comparisons)}")
    return 0 if result.passed else 1


def _verify_layers(session: Session, source: Path | bytes, inputs: dict[str, np.ndarray]) -> int:
    options = session.options
    if not is_onnx(source):
        raise OxideError("--layers needs an ONNX model: MLIR has no nodes of its own to compare")
    with session.progress.stage("comparing all nodes"):
        report = verify_layers(
            source,
            inputs,
            dims=dict(options.dim),
            shapes=dict(options.shape),
            platform=options.platform,
            tolerance=options.tolerance,
        )
    first = report.first_divergence
    content = {
        "oracle": report.oracle,
        "passed": first is None,
        "first_divergence": first and {"node": report.node_name, "op_type": report.op_type, "value": first.name},
        "values": [comparison_json(comparison) for comparison in report.comparisons],
    }
    session.report(content, lambda: text.layers_text(report))
    return 0 if first is None else 1


def bench_command(session: Session) -> int:
    options = session.options
    source = session.source()
    model = session.model(source)
    inputs = session.inputs(model, fill=True)
    with session.progress.stage("measuring oxide"):
        timings = [
            measure_model(
                model, inputs, platform=options.platform, pipeline=options.pipeline, seconds=options.seconds
            )
        ]
    if is_onnx(source):
        try:
            oracle = onnxruntime_oracle(source)
        except OxideError as error:
            print(f"no comparison: {error}", file=sys.stderr)
        else:
            with session.progress.stage("measuring onnxruntime"):
                timings.append(measure_oracle(oracle, inputs, seconds=options.seconds))
    session.report([asdict(timing) for timing in timings], lambda: text.timing_text(timings))
    return 0


def ops_command(session: Session) -> int:
    from oxide.frontends.onnx.support import supported_operators

    everything = supported_operators()
    unknown = sorted(set(session.options.name) - {op.name for op in everything})
    if unknown:
        raise OxideError(f"no such ONNX operator: {', '.join(unknown)}")
    chosen = [op for op in everything if op.name in session.options.name]
    if not session.options.name:
        chosen = [op for op in everything if bool(op.how) is not session.options.unsupported]
    session.report([asdict(op) for op in chosen], lambda: text.operators_text(chosen))
    return 0


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """JSON has no infinity and no NaN: those become null."""
    content = asdict(comparison) | {"passed": comparison.passed}
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in content.items()
    }


COMMANDS: dict[str, Callable[[Session], int]] = {
    "compile": compile_command,
    "inspect": inspect_command,
    "run": run_command,
    "verify": verify_command,
    "bench": bench_command,
    "ops": ops_command,
}
