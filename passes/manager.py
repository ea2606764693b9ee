"""Running a pipeline on a module: verification after each pass, observers, reports and reproducers.

simplified = run_pipeline(module, "canonicalize,cse")      # `module` stays as it was
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from jaxlib.mlir import ir, passmanager

from oxide.dialects import composites
from oxide.dialects.attributes import check_attributes
from oxide.dialects.diagnostics import Diagnostic, OxideError, captured, from_native, location_text
from oxide.passes.base import Pass
from oxide.passes.instrumentation import Instrumentation
from oxide.passes.pipeline import FUNCTION, MODULE, NativePass, Pipeline, Step, parse_pipeline
from oxide.passes.report import RunReport, StepReport
from oxide.passes.reproducer import reproducer_text


def run_pipeline(
    module: ir.Module, pipeline: Pipeline | str, *, verify_each: bool = True, in_place: bool = False
) -> ir.Module:
    """Run `pipeline` and return the result: on a clone, or with `in_place` on `module` itself.

    A pass that raises leaves the module it ran on half-done, so `in_place` is for callers that then drop it.
    Raises OxideError when a pass refuses the module, fails or leaves it invalid.
    """
    parsed = parse_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    manager = PassManager(parsed, verify_each=verify_each)
    if in_place:
        manager.run(module)
        return module
    target = clone_module(module)
    manager.run(target, original=module)
    return target


@dataclass
class PassManager:
    """A pipeline with the way to run it.

    `reproducer` names a file to leave behind when any pass fails; it is written before the first pass and
    removed after the last, so that it is there even when native code ends the process.  With
    `local_reproducer` it holds the failing pass and its own input only.  Without `reproducer`, an internal
    error (not a refusal) leaves one in the folder for temporary files.
    """

    pipeline: Pipeline
    verify_each: bool = True
    instrumentations: Sequence[Instrumentation] = ()
    reproducer: Path | None = None
    local_reproducer: bool = False
    report: RunReport = field(default_factory=RunReport)

    def run(self, module: ir.Module, original: ir.Module | None = None) -> None:
        """Run all passes on `module`, in place.

        A reproducer needs the module as it was: `original`, an equal one that nobody changes meanwhile; a clone
        is made when there is none.
        """
        with module.context:
            for op in module.body.operations:
                if op.operation.name == "func.func":
                    check_attributes(op.operation)
            steps = [(step, _runnable(step)) for step in self.pipeline.steps()]
            failure = _FailureWriter(self, original or clone_module(module))
            for step, native in steps:
                failure.entering(step, module)
                self._run_step(step, native, module, failure)
            failure.clear()

    def _run_step(
        self, step: Step, native: passmanager.PassManager | None, module: ir.Module, failure: _FailureWriter
    ) -> None:
        record = StepReport(step.title)
        self.report.steps.append(record)
        for observer in self.instrumentations:
            observer.before(step, module)
        try:
            with captured(module.context) as record.diagnostics:
                _execute(step, native, module, record)
                if self.verify_each:
                    _verify_after(step, module, record)
        except Exception as error:
            for observer in reversed(self.instrumentations):
                observer.failed(step, module)
            raise failure.describe(step, error) from error
        for observer in reversed(self.instrumentations):
            observer.after(step, module)


class InvalidIR(Exception):
    """A pass left IR that does not verify: the pass is wrong, whatever its input was."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__("the pass left invalid IR")
        self.diagnostics = diagnostics


def clone_module(module: ir.Module) -> ir.Module:
    """A deep copy in the same context."""
    with module.context:
        copy = ir.Module.create(module.operation.location)
        for name in module.operation.attributes:
            copy.operation.attributes[name] = module.operation.attributes[name]
        end = ir.InsertionPoint(copy.body)
        for op in module.body.operations:
            op.operation.clone(ip=end)
    return copy


def verify_module(module: ir.Module) -> list[Diagnostic]:
    """Everything wrong with a module: what MLIR's verifier finds, else what the composites' verifiers find."""
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        return [from_native(info) for info in error.error_diagnostics]
    wrong: list[Diagnostic] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.composite":
            try:
                composites.verify_composite(op)
            except OxideError as error:
                wrong.append(Diagnostic("error", error.message, location_text(op.location)))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return wrong


def check_native_options(pipeline: Pipeline, context: ir.Context) -> None:
    """Raise OxideError when MLIR does not accept the options of a native pass; nothing is run."""
    with context:
        for step in pipeline.steps():
            _runnable(step)


def _runnable(step: Step) -> passmanager.PassManager | None:
    """MLIR's pass manager for a native pass, None for a Python one.  Needs an ambient context."""
    if not isinstance(step.item, NativePass):
        return None
    nested = f"{FUNCTION}({step.item})" if step.anchor == FUNCTION else str(step.item)
    try:
        manager = passmanager.PassManager.parse(f"{MODULE}({nested})")
    except ValueError as error:
        raise OxideError(f"pass {step.name}: {str(error).strip()}") from error
    manager.enable_verifier(False)
    return manager


def _execute(step: Step, native: passmanager.PassManager | None, module: ir.Module, record: StepReport) -> None:
    start = perf_counter()
    try:
        if native is None:
            assert isinstance(step.item, Pass)
            step.item.run(module, record.log)
            return
        try:
            native.run(module.operation)
        except ir.MLIRError as error:
            details = [from_native(info) for info in error.error_diagnostics]
            raise OxideError(f"pass {step.name} failed", details) from error
    finally:
        record.seconds = perf_counter() - start


def _verify_after(step: Step, module: ir.Module, record: StepReport) -> None:
    start = perf_counter()
    wrong = verify_module(module)
    record.verify_seconds = perf_counter() - start
    if wrong:
        raise InvalidIR(wrong)


class _FailureWriter:
    """Keeps the module as it was, and turns what a pass raised into the error that users see."""

    def __init__(self, manager: PassManager, original: ir.Module) -> None:
        self._manager = manager
        self._pipeline = manager.pipeline
        self._input = original
        self._path = manager.reproducer
        if self._path:
            self._write(self._path, ["the process ended while the pipeline ran"])

    def entering(self, step: Step, module: ir.Module) -> None:
        if self._path and self._manager.local_reproducer:
            self._pipeline = Pipeline((step.item,))
            self._input = clone_module(module)
            self._write(self._path, [f"the process ended in pass {step.name}"])

    def clear(self) -> None:
        if self._path:
            self._path.unlink(missing_ok=True)

    def describe(self, step: Step, error: Exception) -> OxideError:
        """A refusal as it is, any other exception as an internal error with the path of a reproducer."""
        if isinstance(error, OxideError):
            if self._path:
                self._write(self._path, [str(error)])
            return error
        details = list(error.diagnostics) if isinstance(error, InvalidIR) else _native_details(error)
        what = str(error) if isinstance(error, InvalidIR) else f"{type(error).__name__}: {error}"
        path = self._path or _temporary_path(step.name)
        try:
            self._write(path, [f"pass {step.name}: {what}", "".join(traceback.format_exception(error))])
            left = f"a reproducer is in {path} (oxide-opt --run-reproducer)"
        except OxideError as problem:
            left = problem.message
        return OxideError(f"internal error in pass {step.name}: {what}; {left}", details)

    def _write(self, path: Path, reason: list[str]) -> None:
        text = reproducer_text(self._input, self._pipeline, self._manager.verify_each, reason)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OxideError(f"cannot write the reproducer {path}: {error.strerror}") from error


def _native_details(error: Exception) -> list[Diagnostic]:
    if isinstance(error, ir.MLIRError):
        return [from_native(info) for info in error.error_diagnostics]
    return []


def _temporary_path(name: str) -> Path:
    handle, path = tempfile.mkstemp(prefix=f"oxide-{name}-", suffix=".mlir")
    os.close(handle)
    return Path(path)
