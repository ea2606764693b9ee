"""What devices can do: the numbers behind the choice between computing again and reading again.

Memory bandwidth and peaks are those of the makers' data sheets (H100 SXM5, H200 SXM, TPU v5e), arithmetic in
float32 outside of matrix units; what a data sheet does not say (the CPU, caches, the TPU's vector unit) is an order
of magnitude.  Only ratios matter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """Bandwidth of memory and of the last cache in bytes a second, the cache's size in bytes, FLOPs a second, and
    the seconds it takes to start a kernel."""

    bandwidth: float
    cache_bandwidth: float
    cache: int
    flops: float
    launch: float

    def moving(self, count: int) -> float:
        """Seconds to write or to read a value of so many bytes; a small one is still in the cache."""
        return count / (self.cache_bandwidth if count <= self.cache else self.bandwidth)

    def kernels(self, number: int, count: int) -> float:
        """Seconds that kernels need at least, to start and to move so many bytes of memory."""
        return number * self.launch + count / self.bandwidth

    def computing(self, count: int) -> float:
        """Seconds for so many FLOPs."""
        return count / self.flops


DEVICES: Mapping[str, Device] = {
    "cpu": Device(bandwidth=50e9, cache_bandwidth=200e9, cache=32 << 20, flops=500e9, launch=1e-6),
    "h100": Device(bandwidth=3.35e12, cache_bandwidth=6e12, cache=50 << 20, flops=67e12, launch=3e-6),
    "h200": Device(bandwidth=4.8e12, cache_bandwidth=6e12, cache=50 << 20, flops=67e12, launch=3e-6),
    "tpu": Device(bandwidth=0.82e12, cache_bandwidth=8e12, cache=128 << 20, flops=6e12, launch=1e-6),
}
