"""Runs generated JAX source and the module it came from (compiled by XLA) on the same inputs."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

import jax
import numpy as np
from jax.extend.backend import get_backend
from jaxlib import xla_client
from jaxlib.mlir import ir

from oxide.backends.jax_source import JaxSource, emit_jax_source
from oxide.backends.jax_source.entry import weight_paths
from oxide.dialects import dtypes
from oxide.dialects.attributes import string
from oxide.dialects.context import parse_module


def source_of(module: str | ir.Module, name: str = "model") -> JaxSource:
    module = parse_module(module) if isinstance(module, str) else module
    return emit_jax_source(module, model_name=name, parameters_file="model.safetensors")


def body_of(module: str | ir.Module) -> str:
    """What `forward` does, without its first two lines."""
    text = source_of(module).text
    return text[text.index("def forward(") :].split("\n", 2)[2]


def lowered(function: Callable[..., Any], *arguments: Any) -> str:
    return jax.jit(function).lower(*arguments).as_text()


def example(type_: ir.Type, generator: np.random.Generator) -> np.ndarray:
    """Random values of a tensor type, small enough for any operation."""
    tensor = ir.RankedTensorType(type_)
    dtype, shape = dtypes.to_numpy(tensor.element_type), tuple(tensor.shape)
    if dtype == np.bool_:
        return generator.integers(0, 2, shape).astype(np.bool_)
    if dtypes.is_integer(dtype):
        low = 0 if dtypes.is_unsigned(dtype) else -2
        return generator.integers(low, 2 if dtype.itemsize == 1 and dtype.kind == "V" else 6, shape).astype(dtype)
    if dtypes.is_complex(dtype):
        return (generator.normal(size=shape) + 1j * generator.normal(size=shape)).astype(dtype)
    return generator.normal(size=shape).astype(dtype)


def load(source: JaxSource) -> dict[str, Any]:
    """The generated module's namespace."""
    before = jax.config.read("jax_enable_x64")
    namespace: dict[str, Any] = {"__file__": "model.py", "__name__": "generated"}
    exec(compile(source.text, "model.py", "exec"), namespace)
    namespace["_x64"] = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", before)
    return namespace


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, keys in weight_paths(list(flat)).items():
        branch = params
        for key in keys[:-1]:
            branch = branch.setdefault(key, {})
        branch[keys[-1]] = flat[name]
    return params


def by_xla(text: str, arguments: list[np.ndarray]) -> list[np.ndarray]:
    backend = get_backend("cpu")
    devices = xla_client.DeviceList(tuple(backend.local_devices()[:1]))
    executable = backend.compile_and_load(text, devices, xla_client.CompileOptions())
    with jax.enable_x64(True):
        outputs = executable.execute_sharded([jax.device_put(a) for a in arguments])
    return [np.asarray(o[0]) for o in outputs.disassemble_into_single_device_arrays()]


def check(
    module: str | ir.Module,
    arguments: list[np.ndarray] | None = None,
    *,
    tolerance: float = 2e-6,
    seed: int = 0,
    expected: list[np.ndarray] | None = None,
) -> str:
    """Assert that the generated source computes what XLA does: values, shapes and dtypes.  Gives the text."""
    module = parse_module(module) if isinstance(module, str) else module
    main = next(op for op in module.body.operations if string(op.operation, "sym_name") == "main")
    generator = np.random.default_rng(seed)
    types = [a.type for a in main.regions[0].blocks[0].arguments]
    arguments = arguments or [example(t, generator) for t in types]
    source = source_of(module)
    expected = by_xla(str(module), arguments) if expected is None else expected
    namespace = load(source)
    weights, inputs = {}, []
    names = weight_names(main, len(arguments))
    for name, value in zip(names, arguments, strict=True):
        if name is None:
            inputs.append(value)
        else:
            weights[name] = value
    with jax.enable_x64(namespace["_x64"]):
        params = nested({**weights, **source.constants})
        got = jax.jit(namespace["forward"])(params, *inputs)
        got = [np.asarray(g) for g in (got if isinstance(got, tuple) else (got,))]
    assert len(got) == len(expected)
    for actual, wanted in zip(got, expected, strict=True):
        compare(actual, wanted, tolerance, source.text)
    ast.parse(source.text)
    return source.text


def weight_names(main: ir.OpView, count: int) -> list[str | None]:
    """For each argument the weight it is, None for inputs."""
    if "arg_attrs" not in main.attributes:
        return [None] * count
    marks = cast(list[ir.DictAttr], list(cast(ir.ArrayAttr, main.attributes["arg_attrs"])))
    return [cast(ir.StringAttr, m["oxide.param"]).value if "oxide.param" in m else None for m in marks]


def compare(actual: np.ndarray, wanted: np.ndarray, tolerance: float, text: str) -> None:
    assert actual.dtype == wanted.dtype, text
    assert actual.shape == wanted.shape, text
    if actual.dtype == np.bool_ or dtypes.is_integer(actual.dtype):
        np.testing.assert_array_equal(actual, wanted, err_msg=text)
        return
    tolerance = max(tolerance, {1: 0.3, 2: 1e-2}.get(actual.dtype.itemsize, 0))
    wide = np.complex128 if dtypes.is_complex(actual.dtype) else np.float64
    np.testing.assert_allclose(
        actual.astype(wide), wanted.astype(wide), rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=text
    )
