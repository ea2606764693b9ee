"""Which pass of a pipeline, and which of its rewrites, made a module wrong: what `oxide-bisect` runs.

culprit = bisect(module, parse_pipeline("default"), results_check(model, inputs))

Passes and models run in child processes: what they crash is not the search.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from jaxlib.mlir import ir

from oxide.child import Child
from oxide.comparison import compare_all
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError, location_text
from oxide.dialects.rewrite import ALL_REWRITES, counting_rewrites
from oxide.model import Model
from oxide.oracles import interpreter_oracle
from oxide.passes.manager import PassManager, clone_module
from oxide.passes.pipeline import FUNCTION, NativePass, OnFunctions, Pipeline, Step
from oxide.user_command import BYTECODE, module_bytes

# What is wrong with a module; empty when nothing is.
Check = Callable[[ir.Module], str]
Inputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Rewrite:
    """One rewrite of a pass: the `number`-th of `total` in all, and the `application`-th of its rule."""

    rule: str
    application: int
    operation: str
    location: str
    number: int
    total: int


@dataclass(frozen=True)
class Culprit:
    """The step (`number`, from 1) that turns `before`, which is right, into a module with a `complaint`, or fails.

    `rewrite` is None when the step is wrong before its first rewrite, as is one that has no rules, and when it ends
    its process: the complaint then says where in Python that was.
    """

    number: int
    step: Step
    complaint: str
    before: ir.Module
    rewrite: Rewrite | None

    @property
    def pipeline(self) -> Pipeline:
        return _pipeline_of(self.step)


def bisect(module: ir.Module, pipeline: Pipeline, check: Check) -> Culprit | None:
    """The pass after which `check` complains, or that fails; None when all is well.  `module` is not changed.

    Where several passes are wrong, it is one of those.  The passes must be importable from their modules.  Raises
    OxideError when `check` complains about `module`.
    """
    run = Child(_run_step)
    with module.context:
        complaint = check(clone_module(module))
        if complaint:
            raise OxideError(f"the module is wrong before any pass: {complaint}")
        steps = list(pipeline.steps())
        states = [clone_module(module)]
        for step in steps:
            outcome = _outcome(run, step, states[-1])
            complaint = outcome.complaint
            if complaint:
                break
            states.append(parse_module(outcome.module, module.context))
        number = len(states)  # of the step that failed, if one did
        if not complaint:
            complaint = check(clone_module(states[-1]))
            if not complaint:
                return None
            number, complaint = _first(len(steps), complaint, lambda n: check(clone_module(states[n])))
        step, before = steps[number - 1], states[number - 1]
        return Culprit(number, step, complaint, before, _find_rewrite(run, before, step, check))


def results_check(model: Model, inputs: Inputs, *, engine: str = "pjrt", tolerance: float | None = None) -> Check:
    """Complain about modules whose results for `inputs` are not those of `model`, both run by one of ENGINES.

    `tolerance` is the largest relative error, by default that of each result's dtype.  Raises OxideError when the
    engine cannot run `model`.
    """
    run = Child(partial(_run_model, ENGINES[engine], dict(model.parameters), inputs))
    reference = run(module_bytes(model.module, BYTECODE))

    def check(module: ir.Module) -> str:
        try:
            results = run(module_bytes(module, BYTECODE))
            comparisons = compare_all(results, reference, tolerance)
        except OxideError as error:
            return str(error)
        return "; ".join(
            f"{c.name}: {c.problem or f'relative error {c.max_relative:.3g} exceeds {c.tolerance:.3g}'}"
            for c in comparisons
            if not c.passed
        )

    return check


# Runs a model on inputs.
_Engine = Callable[[Model, Inputs], dict[str, np.ndarray]]


def _run_model(
    engine: _Engine, parameters: Mapping[str, np.ndarray], inputs: Inputs, module: bytes
) -> dict[str, np.ndarray]:
    return engine(Model(parse_module(module), parameters), inputs)


def _run_compiled(model: Model, inputs: Inputs) -> dict[str, np.ndarray]:
    results = model.compile(pipeline="", cache=False).run(inputs)
    return {name: np.asarray(value) for name, value in results.items()}


def _run_interpreted(model: Model, inputs: Inputs) -> dict[str, np.ndarray]:
    return interpreter_oracle(model).run(inputs)


ENGINES: dict[str, _Engine] = {
    "pjrt": _run_compiled,
    "interpreter": _run_interpreted,
}


def _first(bad: int, complaint: str, complaint_at: Callable[[int], str]) -> tuple[int, str]:
    """A number up to `bad` that is complained about while the one before is not; 0 is known to be good."""
    good = 0
    while bad - good > 1:
        middle = (good + bad) // 2
        found = complaint_at(middle)
        if found:
            bad, complaint = middle, found
        else:
            good = middle
    return bad, complaint


def _pipeline_of(step: Step) -> Pipeline:
    if isinstance(step.item, NativePass) and step.anchor == FUNCTION:
        return Pipeline((OnFunctions((step.item,)),))
    return Pipeline((step.item,))


@dataclass(frozen=True)
class _Outcome:
    """Why a step failed, else what it made of its input; its rewrites by rule, and the rule that was tried last."""

    complaint: str
    module: bytes = b""
    counts: Counter[str] = field(default_factory=Counter)
    last: tuple[str, str, str] | None = None
    crashed: bool = False


# Runs a step on a module, with at most so many rewrites.
_Run = Callable[[bytes, Step, int | None], _Outcome]


def _outcome(run: _Run, step: Step, before: ir.Module, limit: int | None = None) -> _Outcome:
    try:
        return run(module_bytes(before, BYTECODE), step, limit)
    except OxideError as error:
        return _Outcome(f"pass {step.name}: {error}", crashed=True)


def _run_step(data: bytes, step: Step, limit: int | None) -> _Outcome:
    module = parse_module(data)
    complaint = ""
    with (
        counting_rewrites({} if limit is None else {ALL_REWRITES: limit}) as counter,
        tempfile.TemporaryDirectory(prefix="oxide-") as folder,
    ):
        try:
            PassManager(_pipeline_of(step), reproducer=Path(folder, "reproducer.mlir")).run(module)
        except OxideError as error:
            # What comes after it in the message is the path of a reproducer that is gone.
            message = error.message.partition("; a reproducer is in ")[0]
            complaint = "\n".join([message, *map(str, error.diagnostics)])
    last = counter.last and (*counter.last[:2], location_text(counter.last[2]))
    return _Outcome(complaint, b"" if complaint else module_bytes(module, BYTECODE), counter.counts, last)


def _find_rewrite(run: _Run, before: ir.Module, step: Step, check: Check) -> Rewrite | None:
    def complaint_after(limit: int | None) -> tuple[str, _Outcome]:
        outcome = _outcome(run, step, before, limit)
        return outcome.complaint or check(parse_module(outcome.module, before.context)), outcome

    complaint, everything = complaint_after(None)
    if everything.crashed or complaint_after(0)[0]:
        return None
    total = everything.counts[ALL_REWRITES]
    # A rule that raises has not rewritten anything yet: its number is the next.
    failing = total + 1 if not complaint_after(total)[0] else total
    number, _ = _first(failing, complaint, lambda limit: complaint_after(limit)[0])
    _, outcome = complaint_after(number)
    if outcome.last is None:
        return None
    rule, operation, location = outcome.last
    application = outcome.counts[rule] + (number > outcome.counts[ALL_REWRITES])
    return Rewrite(rule, application, operation, location, number, max(total, number))
