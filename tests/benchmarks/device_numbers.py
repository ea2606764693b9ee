"""What this machine's CPU can do, as a row of the table of devices that `fuse` decides by.

    python tests/benchmarks/device_numbers.py

Measured with programs that XLA compiled, as those of Oxide are: bandwidth of reading and writing arrays that fill
half of a cache, and of arrays that no cache holds; FLOPs of polynomials of what is in registers (a multiplication
and an addition are two); and what a kernel more costs that does next to nothing.  Each is the best of some rounds
in which all have their turn, so that other work on the machine matters little.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import jax
import jax.numpy as jnp

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fusion import parse_hlo

ROUNDS = 20
FEW, MANY = 8, 300
DEGREE = 64
SIDE_BY_SIDE = 8
ELEMENTS = 1 << 20
BEYOND = 256 << 20
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")

Function = Callable[[jax.Array], jax.Array]


def chain(steps: int) -> Function:
    """Scans and reductions of next to nothing, which each wait for those before and cannot be fused with them."""

    def run(x: jax.Array) -> jax.Array:
        for _ in range(steps):
            x = jax.lax.cumsum(x) - x.sum()
        return x

    return run


def sweeps(count: int) -> Function:
    """Read and write an array so many times."""
    return lambda x: jax.lax.fori_loop(0, count, lambda _, y: y + 1, x)


def polynomials(x: jax.Array) -> jax.Array:
    """Several side by side, so that no multiplication waits for the one before."""
    values = [x + number for number in range(SIDE_BY_SIDE)]
    for _ in range(DEGREE):
        values = [y * x + 0.5 for y in values]
    return sum(values[1:], start=values[0])


class Job:
    """A function compiled for an argument; `seconds` are those of its runs."""

    def __init__(self, function: Function, shape: tuple[int, ...]) -> None:
        self._argument = jnp.full(shape, 0.5, jnp.float32)
        self._compiled = jax.jit(function).lower(self._argument).compile()
        self.kernels = parse_hlo(self._compiled.as_text() or "").counts().kernels
        self._times: list[float] = []

    def run(self) -> None:
        start = perf_counter()
        jax.block_until_ready(self._compiled(self._argument))
        self._times.append(perf_counter() - start)

    @property
    def seconds(self) -> float:
        return min(self._times)


def cache_sizes() -> dict[str, int]:
    """Bytes of the caches behind the first, as far as the system knows them."""
    levels = {path.parent: int(path.read_text()) for path in CACHES.glob("index*/level")}
    sizes = {level: (folder / "size").read_text().strip() for folder, level in levels.items() if level > 1}
    return {f"L{level}": int(size.removesuffix("K")) << 10 for level, size in sorted(sizes.items())}


def main() -> None:
    caches = cache_sizes()
    arrays = {**{name: size // 2 for name, size in caches.items()}, "memory": BEYOND}
    counts = {name: max(BEYOND // size, 10) for name, size in arrays.items()}
    moving = {name: Job(sweeps(counts[name]), (size // 4,)) for name, size in arrays.items()}
    computing = Job(polynomials, (ELEMENTS,))
    few, many = (Job(chain(steps), (8,)) for steps in (FEW, MANY))
    for _ in range(ROUNDS):
        for job in (*moving.values(), computing, few, many):
            job.run()
    rates = {name: 2 * size * counts[name] / moving[name].seconds for name, size in arrays.items()}
    for name, rate in rates.items():
        print(f"{name:7}{caches.get(name, 0) >> 10:8} KiB {rate / 1e9:8.1f} GB/s")
    last = max(caches, key=caches.__getitem__, default="memory")
    flops = SIDE_BY_SIDE * (2 * DEGREE + 2) * ELEMENTS / computing.seconds
    launch = (many.seconds - few.seconds) / (many.kernels - few.kernels)
    print(
        f"Device(bandwidth={rates['memory']:.2g}, cache_bandwidth={rates[last]:.2g},"
        f" cache={caches.get(last, 0) >> 20} << 20, flops={flops:.2g}, launch={launch:.2g})"
    )


if __name__ == "__main__":
    main()
