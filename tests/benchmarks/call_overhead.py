"""What one call costs beyond the work itself: an Oxide executable against jax.jit.

    python tests/benchmarks/call_overhead.py

Prints the median of several rounds in microseconds; the function does next to nothing.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

import oxide

CALLS, ROUNDS = 1000, 15


def microseconds(call: Callable[[], object]) -> float:
    call()
    rounds = []
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((perf_counter() - start) / CALLS * 1e6)
    return median(rounds)


def main() -> None:
    def function(weight: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.tanh(x) @ weight, y + 1

    rng = np.random.default_rng(0)
    weight, x, y = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 8), (4, 8), (3,)))
    executable = oxide.import_jax(function, weight, x, y, params="weight").compile(cache=False)
    jitted, moved = jax.jit(function), jax.device_put(weight)
    on_device = jax.device_put(x), jax.device_put(y)
    rows = {
        "numpy inputs": (lambda: executable(x, y), lambda: jitted(moved, x, y)),
        "JAX inputs": (lambda: executable(*on_device), lambda: jitted(moved, *on_device)),
    }
    print(f"{'microseconds a call':20}{'oxide':>8}{'jax.jit':>9}{'ratio':>7}")
    for name, (ours, theirs) in rows.items():
        mine, reference = microseconds(ours), microseconds(theirs)
        print(f"{name:20}{mine:8.1f}{reference:9.1f}{mine / reference:7.2f}")


if __name__ == "__main__":
    main()
