"""Whether a module computes the same after passes as before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from conformance.xla import Program, mismatch
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects.diagnostics import OxideError
from oxide.passes.manager import run_pipeline
from oxide.signature import read_signature

# What neither oracle knows is undone: MLIR's own pass for composites, and @prepare goes back to @main.
_PLAIN = "inline-prepare,func.func(stablehlo-legalize-composite-to-call)"


@dataclass(frozen=True)
class Oracle:
    """What runs a module's @main, and why two lists of its results differ (empty when they do not)."""

    run: Callable[[ir.Module, Sequence[np.ndarray]], list[np.ndarray]]
    difference: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], str]


@dataclass(frozen=True)
class Find:
    """A pipeline that does not keep what a module computes."""

    pipeline: str
    why: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.pipeline}: {self.why}\n{self.before}\n{self.after}"


def after(module: ir.Module, pipeline: str) -> ir.Module | None:
    """What a pipeline makes of a module, None where a pass refuses it.  AssertionError for an internal error."""
    try:
        return run_pipeline(module, pipeline)
    except OxideError as error:
        if "internal error" in error.message:
            raise AssertionError(f"{pipeline}: {error}") from error
    return None


def finds(
    module: ir.Module, arguments: Sequence[np.ndarray], pipelines: Iterable[str], oracle: Oracle
) -> Iterator[Find]:
    """Run each pipeline, and what it made of the module where that is new.  A pass may refuse a module."""
    names = [spec.name for spec in read_signature(module).parameters]
    inputs, values = arguments[: len(arguments) - len(names)], arguments[len(arguments) - len(names) :]
    weights = dict(zip(names, values, strict=True))
    plain = run_pipeline(module, _PLAIN)
    expected = oracle.run(plain, arguments)
    right = {str(plain)}
    for pipeline in pipelines:
        try:
            changed = after(module, pipeline)
        except AssertionError as error:
            yield Find(pipeline, str(error), str(module), "")
            continue
        if changed is None:
            continue
        plain = run_pipeline(changed, _PLAIN)
        if str(plain) in right:
            continue
        taken = [weights[spec.name] for spec in read_signature(plain).parameters]
        why = oracle.difference(oracle.run(plain, [*inputs, *taken]), expected)
        if why:
            yield Find(pipeline, why, str(module), str(changed))
        else:
            right.add(str(plain))


def _bits(array: np.ndarray) -> bytes:
    """Equal for equal bits, all NaN being one."""
    if array.dtype.kind in "fcV" or array.dtype.name.startswith(("bfloat", "float")):
        array = np.where(np.isnan(array), np.array(np.nan).astype(array.dtype), array)
    return array.tobytes()


def _different_bits(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> str:
    pairs = enumerate(zip(found, expected, strict=True))
    return "; ".join(f"result {n} is {a}, not {b}" for n, (a, b) in pairs if _bits(a) != _bits(b))


def _differently_rounded(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> str:
    # XLA fuses what a pass leaves in its own ways, and contracts products and sums inside of a fusion.
    return mismatch(found, expected, rtol=1e-5, atol=1e-6)


def _run_by_xla(module: ir.Module, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    # XLA has no dynamic convolution, whatever its operands.
    return Program(run_pipeline(module, "func.func(stablehlo-canonicalize-dynamism)"))(arguments)


INTERPRETER = Oracle(evaluate, _different_bits)
XLA = Oracle(_run_by_xla, _differently_rounded)
