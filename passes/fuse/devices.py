"""What devices can do: the numbers behind the choice between computing again and reading again.

Arithmetic is float32 outside of matrix units.  Where the numbers are from:

* cpu: measured by `tests/benchmarks/device_numbers.py` on two cores of a server (AMD EPYC), where Oxide is tested;
* h100, h200: NVIDIA's data sheets of the SXM modules (3.35 and 4.8 TB/s, 67 TFLOP/s); the time to start a kernel is
  the estimate of XLA's `gpu_performance_model.cc`;
* tpu: v5e, memory from Google's page of it (819 GB/s); the vector unit's 8 x 128 lanes of 4 ALUs at 1.5 GHz from
  "How to Scale Your Model" (Austin et al., 2025), chapter 2.

What these do not say is 0: how fast the GPUs' caches are, and what the start of a kernel costs on a TPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """Bandwidth of memory in bytes a second, FLOPs a second, the seconds it takes to start a kernel, and the last
    cache's size in bytes with its bandwidth."""

    bandwidth: float
    flops: float
    launch: float = 0
    cache: int = 0
    cache_bandwidth: float = 0

    def moving(self, count: int) -> float:
        """Seconds to write or to read a value of so many bytes; a small one is still in the cache."""
        return count / (self.cache_bandwidth if 0 < count <= self.cache else self.bandwidth)

    def kernels(self, number: int, count: int) -> float:
        """Seconds that kernels need at least, to start and to move so many bytes of memory."""
        return number * self.launch + count / self.bandwidth

    def computing(self, count: int) -> float:
        """Seconds for so many FLOPs."""
        return count / self.flops


DEVICES: Mapping[str, Device] = {
    "cpu": Device(bandwidth=8e9, flops=38e9, launch=4e-8, cache=32 << 20, cache_bandwidth=110e9),
    "h100": Device(bandwidth=3.35e12, flops=67e12, launch=1e-6),
    "h200": Device(bandwidth=4.8e12, flops=67e12, launch=1e-6),
    "tpu": Device(bandwidth=819e9, flops=6.1e12),
}
