"""How long a call takes: medians over repeated calls, and the ratio to another implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from oxide.model import Model
from oxide.oracles import Oracle

MINIMUM_CALLS = 10


@dataclass(frozen=True)
class Timing:
    """Seconds for one call: median, 10th and 90th percentile over `calls` calls."""

    name: str
    median: float
    p10: float
    p90: float
    calls: int


def measure(name: str, call: Callable[[], Any], *, seconds: float = 2.0, warm_up: int = 3) -> Timing:
    """Time `call`, which must end when its work is done: at least 10 times, and for about `seconds`."""
    for _ in range(warm_up):
        call()
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < MINIMUM_CALLS or perf_counter() < end:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    p10, median, p90 = (float(value) for value in np.percentile(times, (10, 50, 90)))
    return Timing(name, median, p10, p90, len(times))


def measure_model(
    model: Model,
    inputs: Mapping[str, np.ndarray],
    *,
    platform: str = "cpu",
    pipeline: str | None = None,
    seconds: float = 2.0,
) -> Timing:
    """Time the compiled model from numpy inputs to numpy outputs; compilation is not counted."""
    executable = model.compile(platform, pipeline=pipeline)

    def call() -> None:
        for value in executable.run(inputs).values():
            np.asarray(value)

    return measure(f"oxide on {executable.platform}", call, seconds=seconds)


def measure_oracle(oracle: Oracle, inputs: Mapping[str, np.ndarray], *, seconds: float = 2.0) -> Timing:
    """Time another implementation the same way."""
    return measure(oracle.name, lambda: oracle.run(inputs), seconds=seconds)
