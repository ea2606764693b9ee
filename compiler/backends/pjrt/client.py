"""The PJRT client JAX has, and nothing else of it.

The only file that imports jaxlib's private client bindings (`jaxlib.xla_client`, `jaxlib._jax`).
tests/backends/test_pjrt_client.py says what broke when an upgrade of jaxlib changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jax.core import ShapedArray, Tracer
from jax.extend import backend
from jaxlib import _jax, xla_client  # pyright: ignore[reportAttributeAccessIssue]

from oxide.dialects.diagnostics import OxideError

# What concrete JAX arrays are: a type test takes a tenth of isinstance(x, jax.Array)'s time.
jax_array_type = xla_client.ArrayImpl

_SHARE = xla_client.HostBufferSemantics.ZERO_COPY
_COPY = xla_client.HostBufferSemantics.IMMUTABLE_ONLY_DURING_CALL

Options = Mapping[str, str | bool | int | float]

# Options a platform is compiled with unless the caller says otherwise.
#
# XLA's experimental YNN fusions on the CPU are on by default in jaxlib 0.10.2 and miscompile: the mean of a
# convolution by a splat kernel comes out as 0 (tests/backends/test_pjrt_options.py), tensors of rank 7 end the
# process (jax issues 39257, 40412).  Without them the models in tests/models are as fast or
# faster (two cores: ResNet-18 60 ms instead of 91, DeiT-S 73 instead of 98, ShuffleNet 74 and 77).
DEFAULT_OPTIONS: Mapping[str, Options] = {"cpu": {"xla_cpu_experimental_ynn_fusion_type": ""}}


@dataclass(frozen=True)
class Device:
    """One device of a PJRT client, with the ways to compile for it and to move arrays to it."""

    client: Any
    device: Any

    @cached_property
    def sharding(self) -> jax.sharding.SingleDeviceSharding:
        return jax.sharding.SingleDeviceSharding(self.device)

    @property
    def fingerprint(self) -> str:
        """What a compiled executable depends on beside the program: platform, device kind and versions."""
        parts = (
            self.client.platform,
            self.client.platform_version,
            self.device.device_kind,
            str(self.device.id),
            version("jaxlib"),
            _host_features(self.client.platform),
        )
        return "\n".join(parts)

    def compile(self, program: bytes, options: Options) -> Any:
        """A loaded executable of a StableHLO program (bytecode).  Raises OxideError with XLA's message."""
        try:
            return self.client.compile_and_load(program, self._devices, _compile_options(options))
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            raise OxideError(f"XLA cannot compile the module for {self.client.platform}: {error}") from error

    def serialize(self, executable: Any) -> bytes | None:
        """An executable as bytes for the cache, or None where the platform cannot."""
        try:
            return executable.serialize()
        except (jax.errors.JaxRuntimeError, ValueError):
            return None

    def deserialize(self, data: bytes, options: Options) -> Any | None:
        """The executable of bytes this process or an earlier one serialised; None where they do not load.

        The bytes must be trusted: loading an executable runs code.
        """
        try:
            return self.client.deserialize_executable(data, self._devices, _compile_options(options))
        except (jax.errors.JaxRuntimeError, ValueError):
            return None

    def put(self, array: Any, dtype: np.dtype, shape: tuple[int, ...], *, share: bool = False) -> jax.Array:
        """An array on this device, of any dtype, 64-bit ones whatever JAX's x64 setting.

        With `share` the device may keep using the host's memory, which then must never change.  Raises OxideError
        where the platform has no such element type, or no room.
        """
        try:
            return xla_client.batched_device_put(
                _aval(shape, dtype),
                self.sharding,
                [array],
                [self.device],
                host_buffer_semantics=_SHARE if share else _COPY,
                enable_x64=True,
            )
        except jax.errors.JaxRuntimeError as error:
            place = self.client.platform
            raise OxideError(f"cannot put {dtype} of shape {shape} on {place}: {error}") from error

    def move(self, array: jax.Array) -> jax.Array:
        """A JAX array that lies elsewhere, copied to this device."""
        with jax.enable_x64(True):
            return jax.device_put(array, self.device)

    def result_handler(self, dtype: np.dtype, shape: tuple[int, ...]) -> Callable[..., jax.Array]:
        """What turns an output buffer into a jax.Array."""
        return xla_client.array_result_handler(_aval(shape, dtype), self.sharding, True, True)

    @cached_property
    def _devices(self) -> Any:
        return xla_client.DeviceList((self.device,))


def find_device(platform: str, index: int = 0) -> Device:
    """The device of a platform: `cpu`, `gpu`, `tpu` or a PJRT plug-in's name.  Raises OxideError without one."""
    try:
        client = backend.get_backend(platform)
    except RuntimeError as error:
        raise OxideError(f"no {platform!r} platform here: {error}") from error
    devices = client.local_devices()
    if not 0 <= index < len(devices):
        raise OxideError(f"platform {platform!r} has {len(devices)} local devices; there is no number {index}")
    return Device(client, devices[index])


def is_tracer(value: object) -> bool:
    return isinstance(value, Tracer)


def execute(executable: Any, arguments: Sequence[jax.Array], handlers: Sequence[Any]) -> list[jax.Array]:
    """Run on device arrays of the executable's own client.

    Raises OxideError when the run cannot start; what fails later is raised by JAX when the result is read.
    """
    try:
        return executable.execute_sharded(arguments).consume_with_handlers(handlers)
    except jax.errors.JaxRuntimeError as error:
        raise OxideError(f"the device cannot run the model: {error}") from error


def optimized_hlo(executable: Any) -> str:
    return "\n\n".join(module.to_string() for module in executable.hlo_modules())


def memory_stats(executable: Any) -> dict[str, int]:
    """XLA's buffer sizes in bytes, by name."""
    stats = executable.get_compiled_memory_stats()
    names = [name for name in dir(stats) if name.endswith("_in_bytes")]
    return {name: getattr(stats, name) for name in names}


def unoptimized_hlo(program: bytes) -> str:
    """XLA HLO text of a StableHLO program."""
    try:
        return _jax.mlir.mlir_module_to_xla_computation(program, False, False).as_hlo_text()
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        raise OxideError(f"the module cannot be written as HLO: {error}") from error


@lru_cache(maxsize=4096)
def _aval(shape: tuple[int, ...], dtype: np.dtype) -> ShapedArray:
    return ShapedArray(shape, dtype)


def _compile_options(options: Options) -> Any:
    compile_options = xla_client.CompileOptions()
    compile_options.num_replicas = 1
    compile_options.num_partitions = 1
    compile_options.env_option_overrides = list(options.items())
    return compile_options


def _host_features(platform: str) -> str:
    """What distinguishes one CPU from another: code compiled for this one may not run on the next."""
    if platform != "cpu":
        return ""
    try:
        with open("/proc/cpuinfo") as info:
            return next((line for line in info if line.startswith(("flags", "Features"))), "")
    except OSError:
        import platform as host

        return host.processor()
