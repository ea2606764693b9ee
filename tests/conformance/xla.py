"""Running a module on XLA's CPU client and comparing results the way ONNX's backend test runner does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import backend as jax_backend
from jaxlib import xla_client
from jaxlib.mlir import ir

from oxide.backends.pjrt.client import DEFAULT_OPTIONS
from oxide.backends.pjrt.program import bytecode

# onnx.backend.test.runner compares bfloat16 with half of its own precision.
BFLOAT16_RTOL = 2.0**-6
# Reference data in half precision rounds after every step, XLA once per fusion: two units in the last place
# apart at most (measured: 1.04e-3 relative in attention_4d_causal_fp16_expanded, all other cases below 1e-3).
FLOAT16_RTOL = 2.0**-9


class Program:
    """A module compiled for the CPU."""

    def __init__(self, module: ir.Module) -> None:
        self._device = jax.local_devices(backend="cpu")[0]
        options = xla_client.CompileOptions()
        options.env_option_overrides = list(DEFAULT_OPTIONS["cpu"].items())
        self._executable = jax_backend.get_backend("cpu").compile_and_load(
            bytecode(module), xla_client.DeviceList((self._device,)), options
        )

    def __call__(self, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        with jax.enable_x64(True):
            buffers = [jax.device_put(np.asarray(a), self._device) for a in arguments]
            results = self._executable.execute_sharded(buffers)
            return [np.asarray(r[0]) for r in results.disassemble_into_single_device_arrays()]


def mismatch(actual: Sequence[Any], expected: Sequence[Any], rtol: float, atol: float) -> str:
    """Why two lists of outputs, or sequences, differ: count, dtype, shape or values.  Empty when they agree."""
    if len(actual) != len(expected):
        return f"{len(actual)} outputs, expected {len(expected)}"
    for index, (have, want) in enumerate(zip(actual, expected, strict=True)):
        problem = _mismatch(have, want, rtol, atol)
        if problem:
            return f"output {index}: {problem}"
    return ""


def _mismatch(have: Any, want: Any, rtol: float, atol: float) -> str:
    if isinstance(have, list) and isinstance(want, list):
        return mismatch(have, want, rtol, atol)
    if have is None and want is None:
        return ""
    if not isinstance(have, np.ndarray) or not isinstance(want, np.ndarray):
        return f"a {type(have).__name__}, expected a {type(want).__name__}"
    if have.dtype != want.dtype:
        return f"dtype {have.dtype}, expected {want.dtype}"
    if have.shape != want.shape:
        return f"shape {have.shape}, expected {want.shape}"
    if want.dtype.name == "bfloat16":
        rtol = max(rtol, BFLOAT16_RTOL)
    if want.dtype == np.float16:
        rtol = max(rtol, FLOAT16_RTOL)
    if want.dtype.kind == "V" or want.dtype.name not in np.sctypeDict:
        have, want = have.astype(np.float32), want.astype(np.float32)
    try:
        np.testing.assert_allclose(have, want, rtol=rtol, atol=atol)
    except AssertionError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return "; ".join(lines[1:4])
    return ""
