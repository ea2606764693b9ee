"""Other implementations that give the values Oxide's results are checked against."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oxide.bounded import read_bounds, trim, trimmed_specs
from oxide.dialects.diagnostics import OxideError
from oxide.interpreter import interpret
from oxide.model import Model
from oxide.passes.manager import run_pipeline
from oxide.signature import read_signature

if TYPE_CHECKING:
    import onnxruntime

# What onnxruntime logs: 3 is errors.  Its warnings are about the model's style.
ERRORS_ONLY = 3


@dataclass(frozen=True)
class Oracle:
    """`run` takes arrays by input name and gives arrays by output name, in the model's order."""

    name: str
    run: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def thread_count() -> int:
    """The processors this process may use, which is what XLA's CPU client takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def onnxruntime_oracle(
    model: str | os.PathLike[str] | bytes, *, base_dir: str = "", threads: int | None = None, optimize: bool = True
) -> Oracle:
    """Run an ONNX model (path or bytes) in onnxruntime on the CPU.

    `base_dir` is where external data of `bytes` lies.  Without `optimize` every node runs as it stands in
    the file.  Raises OxideError when onnxruntime is not installed or refuses the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise OxideError("onnxruntime is needed for this comparison: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or thread_count()
    options.log_severity_level = ERRORS_ONLY
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if base_dir:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", base_dir)
    source = model if isinstance(model, bytes) else os.fspath(model)
    session = _guarded(onnxruntime.InferenceSession, source, options, providers=["CPUExecutionProvider"])
    return Oracle(f"onnxruntime {onnxruntime.__version__}", lambda inputs: _run_session(session, inputs))


def _run_session(session: onnxruntime.InferenceSession, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, _guarded(session.run, names, dict(inputs)), strict=True))


def _guarded(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call into onnxruntime, whose exceptions share no base class but RuntimeError or Exception."""
    try:
        return call(*arguments, **keywords)
    except Exception as error:
        raise OxideError(f"onnxruntime cannot run this model: {error}") from error


def interpreter_oracle(model: Model) -> Oracle:
    """Run the module in StableHLO's reference interpreter: independent of XLA, and thousands of times slower.

    Open shapes are fixed to those of the inputs first.
    """
    model.check()
    raw = run_pipeline(model.module, "inline-prepare")
    signature = read_signature(raw)
    parameters = [model.parameters[spec.name] for spec in signature.parameters]
    bounds = read_bounds(raw)
    outputs = trimmed_specs(signature.outputs, bounds)

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        arguments = [inputs[spec.name] for spec in signature.inputs]
        module = raw
        if not signature.is_static:
            from oxide.backends.pjrt.program import specialize

            specs = [spec.of_shape(a.shape) for spec, a in zip(signature.inputs, arguments, strict=True)]
            module, _ = specialize(module, specs, signature.parameters)
        results = interpret(module, arguments + parameters)
        return {spec.name: value for spec, value in zip(outputs, trim(results, bounds), strict=True)}

    return Oracle("the StableHLO interpreter", run)
