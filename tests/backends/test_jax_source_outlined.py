"""Outlined and rolled modules as JAX source: a function of a layer's weights, and a loop over stacked ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
from jax_source_oracle import load, source_of
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.backends.jax_source import JaxSource
from oxide.backends.jax_source.names import path_below
from oxide.dialects.context import parse_module
from oxide.passes.manager import run_pipeline

LAYERS = 4


def model(names: str = "layers.{}.{}") -> ir.Module:
    """x = tanh(x @ weight + bias) * x - shared, in every layer."""
    weights = [
        f'%{kind[0]}{i}: tensor<{shape}xf32> {{oxide.param = "{names.format(i, kind)}"}}'
        for i in range(LAYERS)
        for kind, shape in (("fc.weight", "3x3"), ("bias", "3"))
    ]
    lines = [
        f"""%d{i} = stablehlo.dot_general %x{i}, %f{i}, contracting_dims = [1] x [0]
          : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
        %r{i} = stablehlo.broadcast_in_dim %b{i}, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
        %a{i} = stablehlo.add %d{i}, %r{i} : tensor<2x3xf32>
        %t{i} = stablehlo.tanh %a{i} : tensor<2x3xf32>
        %m{i} = stablehlo.multiply %t{i}, %x{i} : tensor<2x3xf32>
        %x{i + 1} = stablehlo.subtract %m{i}, %s : tensor<2x3xf32>"""
        for i in range(LAYERS)
    ]
    text = "\n".join(lines)
    return parse_module(
        f"""func.func @main(%x0: tensor<2x3xf32> {{oxide.name = "x"}}, {", ".join(weights)},
          %s: tensor<2x3xf32> {{oxide.param = "shared"}}) -> tensor<2x3xf32> {{
        {text}
        return %x{LAYERS} : tensor<2x3xf32>
        }}"""
    )


def arrays(names: str = "layers.{}.{}") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = [("x", (2, 3))]
    shapes += [(names.format(i, k), s) for i in range(LAYERS) for k, s in (("fc.weight", (3, 3)), ("bias", (3,)))]
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in [*shapes, ("shared", (2, 3))]}


def check(source: JaxSource, module: ir.Module, values: dict[str, np.ndarray]) -> None:
    """The generated file gives what the reference interpreter does."""
    (expected,) = evaluate(module, list(values.values()))
    params: dict = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        place = params
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    generated = load(source)
    x = params.pop("x")
    prepared = generated["prepare"](params) if "prepare" in generated else params
    np.testing.assert_allclose(generated["forward"](prepared, x), expected, rtol=1e-6, atol=1e-6)


def test_a_layer_takes_its_branch_of_params() -> None:
    source = source_of(run_pipeline(model(), "outline{min-ops=4}"))
    assert "def layer(params, x, shared):" in source.text
    assert 'params["fc"]["weight"]' in source.text
    calls = re.findall(r'layer\(\s*params\["layers"\]\["(\d)"\]', source.text)
    assert sorted(calls) == [str(i) for i in range(LAYERS)]
    check(source, model(), arrays())


def test_weights_of_no_common_branch_are_arguments() -> None:
    names = "{1}_{0}"
    source = source_of(run_pipeline(model(names), "outline{min-ops=4}"))
    assert "def block(x, weight, weight_2, shared):" in source.text
    check(source, model(names), arrays(names))


@pytest.mark.parametrize("pipeline", ["outline{min-ops=4},roll", "outline{min-ops=4},roll,hoist-params"])
def test_a_loop_indexes_stacked_weights(pipeline: str) -> None:
    source = source_of(run_pipeline(model(), pipeline))
    assert source.text.count("jnp.stack(") == 2
    assert f"lax.fori_loop(0, {LAYERS}" in source.text.replace("\n        ", "")
    assert "dynamic_slice" not in source.text
    check(source, model(), arrays())


def test_names_inside_of_a_layer_are_below_its_path() -> None:
    assert path_below("layers.0.fc/add", "layers.0") == "fc/add"
    assert path_below("layers.0/add", "layers.0") == "add"
    assert path_below("layers.01/add", "layers.0") == "layers.01/add"
    assert path_below("layers.0", "layers.0") == "layers.0"
    assert path_below("add", "") == "add"
