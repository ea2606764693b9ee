"""Outlined and rolled modules as JAX source: a function of a layer's weights, and a loop over stacked ones."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax_source_oracle import load, nested, source_of
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.backends.jax_source import JaxSource
from oxide.backends.jax_source.names import path_below
from oxide.dialects.context import parse_module
from oxide.frontends.jax import import_jax
from oxide.passes.manager import run_pipeline

LAYERS = 4


def model(names: str = "layers.{}.{}", absolute: bool = False) -> ir.Module:
    """x = tanh(x @ weight + bias) * x - shared, in every layer; with `absolute` |weight| instead of the weight."""
    weights = [
        f'%{kind[0]}{i}: tensor<{shape}xf32> {{oxide.param = "{names.format(i, kind)}"}}'
        for i in range(LAYERS)
        for kind, shape in (("fc.weight", "3x3"), ("bias", "3"))
    ]
    lines = [
        f"""{f"%e{i} = stablehlo.abs %f{i} : tensor<3x3xf32>" if absolute else ""}
        %d{i} = stablehlo.dot_general %x{i}, {"%e" if absolute else "%f"}{i}, contracting_dims = [1] x [0]
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


def one_line(source: JaxSource) -> str:
    return re.sub(r"\s*\n\s*(?=\))", "", re.sub(r"(?<=\()\s+", "", source.text)).replace(",\n", ", ")


def test_a_layer_takes_its_branch_of_params() -> None:
    source = source_of(run_pipeline(model(), "outline{min-ops=4}"))
    assert "def layer(params, x, shared):" in source.text
    assert 'params["fc"]["weight"]' in source.text
    calls = re.findall(r'layer\(\s*params\["layers"\]\["(\d)"\]', source.text)
    assert sorted(calls) == [str(i) for i in range(LAYERS)]
    check(source, model(), arrays())


def test_a_layer_takes_what_is_prepared_of_its_weights() -> None:
    module = model(absolute=True)
    source = source_of(run_pipeline(module, "outline{min-ops=4},hoist-params"))
    start, end = source.text.index("def layer(params, x, shared):"), source.text.index("def prepare(")
    assert 'params["fc"]["weight_prepared"]' in source.text[start:end]
    assert source.text.count("jnp.abs(") == LAYERS
    check(source, module, arrays())


def test_weights_of_no_common_branch_are_arguments() -> None:
    names = "{1}_{0}"
    source = source_of(run_pipeline(model(names), "outline{min-ops=4}"))
    assert "def block(x, weight, weight_2, shared):" in source.text
    check(source, model(names), arrays(names))


def test_a_loop_scans_stacked_weights() -> None:
    source = source_of(run_pipeline(model(), "outline{min-ops=4},roll"))
    assert source.text.count("jnp.stack(") == 2
    assert "lax.scan(step, x, (fc_weight, bias))" in source.text
    check(source, model(), arrays())


def test_a_loop_scans_a_branch_of_prepared_weights() -> None:
    source = source_of(run_pipeline(model(), "outline{min-ops=4},roll,hoist-params"))
    step = 'lambda x_2, weights: (layer(weights, x_2, params["shared"]), None)'
    assert f'lax.scan({step}, x, params["layers"])' in one_line(source)
    assert 'return {"shared": params["shared"], "layers": stack_layers(params["layers"])}' in source.text
    check(source, model(), arrays())


def test_gradients_flow_through_a_loop() -> None:
    """Those for the raw weights, through stacking and scanning, are the raw form's."""
    names = {
        "raw": load(source_of(model())),
        "rolled": load(source_of(run_pipeline(model(), "outline{min-ops=4},roll,hoist-params"))),
    }
    weights = arrays()
    x = weights.pop("x")
    wanted = jax.grad(lambda w: (names["raw"]["forward"](nested(w), x) ** 2).sum())(weights)
    prepare, forward = names["rolled"]["prepare"], names["rolled"]["forward"]
    got = jax.grad(lambda w: (forward(prepare(nested(w)), x) ** 2).sum())(weights)
    for name, gradient in wanted.items():
        assert float(abs(gradient).max()) > 1e-3
        np.testing.assert_allclose(got[name], gradient, rtol=1e-5, atol=1e-6, err_msg=name)


X, W = (
    np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 2, 3),
    np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3),
)
H = jnp.zeros((2, 3))
# What JAX computes, and what its source has to say.
LOOPS = {
    "carry and stack": (
        lambda x, w: lax.scan(lambda h, row: (jnp.tanh(row @ w + h), h.sum()), H, x),
        "state, state_2 = lax.scan(",
    ),
    "carry alone": (
        lambda x, w: lax.scan(lambda h, row: (jnp.tanh(row @ w + h), None), H, x)[0],
        "state, _ = lax.scan(",
    ),
    "stack alone": (lambda x, w: lax.map(lambda row: jnp.tanh(row @ w), x), "_, state = lax.scan("),
    "several of each": (
        lambda x, w: lax.scan(
            lambda h, rows: ((h[1], rows[0] @ w), (h[0] + rows[1], h[0].sum())), (H, H), (x, x * x)
        ),
        "(state, state_2), (state_3, state_4) = lax.scan(",
    ),
    "stacks of a number of steps": (
        lambda x, w: lax.scan(lambda h, _: (jnp.tanh(h @ w), h.sum()), x[0], length=4),
        "length=4",
    ),
    "the number of the iteration": (
        lambda x, w: lax.scan(lambda h, row: ((h[0] + 1, h[1] * h[0] + row @ w), None), (0.5, H), x),
        "lax.scan(",
    ),
    "neither slices nor stacks": (
        lambda x, w: lax.fori_loop(0, 4, lambda i, h: jnp.tanh(h @ w), x[0]),
        "lax.fori_loop(0, 4, lambda _, ",
    ),
    "reads the counter": (
        lambda x, w: lax.fori_loop(0, 4, lambda i, h: jnp.tanh(h @ w) * i, x[0]),
        "lax.fori_loop(0, 4, body, ",
    ),
    "backwards": (
        lambda x, w: lax.scan(lambda h, row: (row @ w + h, h), H, x, reverse=True),
        "reverse=True",
    ),
    "a part of the rows": (lambda x, w: lax.fori_loop(0, 3, lambda i, h: h + x[i] @ w, H), "lax.fori_loop(0, 3, "),
    "another start": (lambda x, w: lax.fori_loop(1, 5, lambda i, h: h + x[i] @ w, H), "lax.fori_loop(0, 4, "),
    "reads what it stacks": (
        lambda x, w: lax.fori_loop(0, 5, lambda i, y: y.at[i].set(x[i] @ w + y[(i + 4) % 5]), x),
        "lax.fori_loop(0, 5, ",
    ),
    "rows of a carried array": (
        lambda x, w: lax.fori_loop(0, 5, lambda i, s: (s[0] * 2, s[1] + s[0][i] @ w), (x, H))[1],
        "lax.fori_loop(0, 5, ",
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_that_count(name: str) -> None:
    function, words = LOOPS[name]
    source = import_jax(function, X, W).run_passes("default").to_jax_source()
    assert words in one_line(source)
    got = jax.tree.leaves(load(source)["forward"]({}, X, W))
    for value, expected in zip(got, jax.tree.leaves(jax.jit(function)(X, W)), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-6)


def test_names_inside_of_a_layer_are_below_its_path() -> None:
    assert path_below("layers.0.fc/add", "layers.0") == "fc/add"
    assert path_below("layers.0/add", "layers.0") == "add"
    assert path_below("layers.01/add", "layers.0") == "layers.01/add"
    assert path_below("layers.0", "layers.0") == "layers.0"
    assert path_below("add", "") == "add"
