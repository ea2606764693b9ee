"""ONNX's official backend tests, run through `oxide.onnx_backend`: the cases, and what is expected of each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import TestCase

import numpy as np
import onnx
from conformance.xla import mismatch
from onnx import ModelProto
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

from oxide.onnx_backend import OxideBackend

# What no tensor compiler can do: (the whole name of a case, why).  These must end in an OxideError.
REFUSED = (
    (r"test_bernoulli.*", "ONNX does not say which random numbers are drawn"),
    (r"test_image_decoder_.*", "decoding image files is no tensor computation"),
    (
        r"test_(equal_string|regex_full_match|string_|strnorm|.*_label_encoder_(string|tensor)).*",
        "StableHLO has no strings",
    ),
)
# What says nothing about a compiler: the whole name of a case, why.
UNJUDGED = {
    "test_squeezenet": "all weights are one constant, so the last softmax is of logits near 1e10, whose rounding "
    "it amplifies (tests/models compares all other layers)",
}
# The official kinds of cases, as the runner names them, and where the loader finds them.
KINDS = {
    "Node": "node",
    "Simple": "simple",
    "PyTorchOperator": "pytorch-operator",
    "PyTorchConverted": "pytorch-converted",
    "Real": "real",
}


def refusal(name: str) -> str:
    """Why a case must be refused; empty when it must pass."""
    return next((why for pattern, why in REFUSED if re.fullmatch(pattern, name)), "")


def unjudged(name: str) -> str:
    """Why the result of a case is not compared; empty when it is."""
    return UNJUDGED.get(name, "")


@dataclass(frozen=True)
class Case:
    """An official case.  `run` raises AssertionError for wrong results and OxideError where Oxide refuses."""

    name: str
    kind: str
    run: Callable[[], None]


class TestedBackend(OxideBackend):
    """Without the cache on disk; the runner skips models that are not compatible, so all are tried."""

    __test__ = False

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> Any:
        return super().prepare(model, device, cache=False, **kwargs)

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        return True


class OfficialRunner(Runner):
    """Compares optional outputs and narrow types as well, which ONNX's own comparison cannot."""

    @classmethod
    def assert_similar_outputs(
        cls,
        ref_outputs: Sequence[Any],
        outputs: Sequence[Any],
        rtol: float,
        atol: float,
        model_dir: str | None = None,
    ) -> None:
        expected = [np.asarray(v) if isinstance(v, np.generic) else v for v in ref_outputs]
        problem = mismatch(list(outputs), expected, rtol, atol)
        assert not problem, problem


@cache
def official_cases() -> tuple[Case, ...]:
    """All cases of the installed onnx package for the CPU, by kind and name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while the cases compute their expected values
        classes = OfficialRunner(TestedBackend, __name__).test_cases
    cases = [case for kind in KINDS for case in _cases(kind, classes[f"OnnxBackend{kind}ModelTest"])]
    return tuple(sorted(cases, key=lambda case: (case.kind, case.name)))


def _cases(kind: str, tests: type[TestCase]) -> Iterator[Case]:
    for method in dir(tests):
        if method.startswith("test_") and method.endswith("_cpu"):
            test = tests(method)
            yield Case(method.removesuffix("_cpu"), kind, getattr(test, method))


@cache
def official_models() -> dict[tuple[str, str], ModelProto]:
    """The models of all cases by kind and name."""
    models: dict[tuple[str, str], ModelProto] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind, folder in KINDS.items():
            for case in load_model_tests(kind=folder):
                models[kind, case.name] = case.model or onnx.load(_path(case))
    return models


def _path(case: Any) -> str:
    if case.model_dir is not None:
        return f"{case.model_dir}/model.onnx"
    return f"{onnx.__path__[0]}/{case.url.removeprefix('onnx/')}"
