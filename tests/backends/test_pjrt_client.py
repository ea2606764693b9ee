"""What Oxide needs of jaxlib's private client bindings.

When one of these fails after an upgrade of jaxlib, `compiler/backends/pjrt/client.py` is the file to mend, and
the test's name says what for.
"""

import inspect

import jax
import ml_dtypes
import numpy as np
import pytest
from jax.extend import backend
from jaxlib import _jax, xla_client  # pyright: ignore[reportAttributeAccessIssue]

from oxide.backends.pjrt.client import Device, find_device, unoptimized_hlo
from oxide.backends.pjrt.program import bytecode
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError

PROGRAM = bytecode(
    parse_module(
        "func.func @main(%x: tensor<2xi64>) -> tensor<2xi64> {"
        "  %0 = stablehlo.add %x, %x : tensor<2xi64>\n return %0 : tensor<2xi64> }"
    )
)


@pytest.fixture(scope="module")
def device() -> Device:
    return find_device("cpu")


@pytest.mark.parametrize(
    "name",
    [
        "ArrayImpl",
        "CompileOptions",
        "DeviceList",
        "HostBufferSemantics",
        "array_result_handler",
        "batched_device_put",
    ],
)
def test_xla_client_has(name: str) -> None:
    assert hasattr(xla_client, name), f"jaxlib.xla_client.{name} is gone"


@pytest.mark.parametrize(
    "name", ["compile_and_load", "deserialize_executable", "local_devices", "platform_version"]
)
def test_client_has(name: str) -> None:
    assert hasattr(backend.get_backend("cpu"), name), f"the PJRT client lost {name}"


@pytest.mark.parametrize(
    "name",
    ["cost_analysis", "execute_sharded", "get_compiled_memory_stats", "hlo_modules", "serialize"],
)
def test_loaded_executable_has(name: str) -> None:
    assert hasattr(xla_client.LoadedExecutable, name), f"LoadedExecutable lost {name}"


def test_mlir_to_hlo_translation_is_there() -> None:
    assert hasattr(_jax.mlir, "mlir_module_to_xla_computation")
    assert unoptimized_hlo(PROGRAM).startswith("HloModule")


def test_batched_device_put_takes_what_we_give_it() -> None:
    signature = inspect.getdoc(xla_client.batched_device_put) or ""
    for argument in ("host_buffer_semantics", "enable_x64"):
        assert argument in signature, f"batched_device_put lost {argument}"


def test_bytecode_compiles_runs_and_survives_serialisation(device: Device) -> None:
    executable = device.compile(PROGRAM, {})
    data = device.serialize(executable)
    assert data is not None
    again = device.deserialize(data, {})
    assert again is not None
    dtype = np.dtype(np.int64)
    for loaded in (executable, again):
        argument = device.put(np.array([1 << 40, -3]), dtype, (2,))
        (result,) = loaded.execute_sharded([argument]).consume_with_handlers([device.result_handler(dtype, (2,))])
        assert isinstance(result, jax.Array)
        np.testing.assert_array_equal(result, [1 << 41, -6])


def test_an_executable_of_noise_is_not_loaded(device: Device) -> None:
    assert device.deserialize(b"noise", {}) is None


def test_options_reach_xla(device: Device) -> None:
    device.compile(PROGRAM, {"xla_cpu_enable_fast_math": True, "xla_backend_optimization_level": 0})
    with pytest.raises(OxideError, match="xla_no_such_option"):
        device.compile(PROGRAM, {"xla_no_such_option": 1})


@pytest.mark.parametrize(("platform", "index"), [("no_such_platform", 0), ("cpu", 1000), ("cpu", -1)])
def test_devices_that_are_not_here(platform: str, index: int) -> None:
    with pytest.raises(OxideError, match=platform):
        find_device(platform, index)


def test_array_type_is_the_one_jax_makes() -> None:
    assert type(jax.numpy.ones(2)) is xla_client.ArrayImpl


def test_element_types_the_platform_does_not_know() -> None:
    array = np.zeros(2, ml_dtypes.float6_e3m2fn)
    with pytest.raises(OxideError, match=r"cannot put float6_e3m2fn of shape \(2,\) on cpu: INVALID_ARGUMENT"):
        find_device("cpu").put(array, array.dtype, array.shape)
