"""JAX functions become models that compute the same."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from oxide.artefacts import text_of
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.jax import import_jax
from oxide.frontends.jax.names import leaf_names, unique
from oxide.interpreter import interpret
from oxide.model import Model

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((32, 16)).astype(np.float32)
X = RNG.standard_normal((2, 32)).astype(np.float32)


def run(model: Model, *inputs: Any) -> list[np.ndarray]:
    return interpret(
        model.module, [*map(np.asarray, inputs), *(model.parameters[spec.name] for spec in model.parameter_specs)]
    )


def names(model: Model) -> tuple[list[str], list[str], list[str]]:
    groups = (model.inputs, model.parameter_specs, model.outputs)
    inputs, parameters, outputs = ([spec.name for spec in group] for group in groups)
    return inputs, parameters, outputs


def network(params: Any, x: Any, *, scale: float) -> dict[str, Any]:
    hidden = jnp.tanh(x @ params["layers"][0]["w"]) * scale
    return {"hidden": hidden, "both": (hidden.sum(), params["layers"][1].T)}


PARAMS = {"layers": [{"w": jnp.asarray(TABLE)}, np.arange(6, dtype=np.float32).reshape(2, 3)]}


def test_params_become_weights_and_trees_become_names() -> None:
    model = import_jax(network, PARAMS, X, params="params", scale=2.0)
    assert model.name == "network"
    assert names(model) == (["x", "scale"], ["layers.0.w", "layers.1"], ["both.0", "both.1", "hidden"])
    both0, both1, hidden = run(model, X, np.float32(0.5))
    wanted = network(PARAMS, X, scale=0.5)
    np.testing.assert_allclose(hidden, wanted["hidden"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both0, wanted["both"][0], rtol=1e-4)
    np.testing.assert_array_equal(both1, PARAMS["layers"][1].T)


def test_inputs_keep_the_order_of_the_function() -> None:
    model = import_jax(lambda z, a, m: (z - a) * m, 1.0, 2.0, 3.0, params="z")
    assert names(model) == (["a", "m"], ["z"], ["result"])
    assert run(model, np.float32(2), np.float32(3))[0] == (1 - 2) * 3


def test_unused_arguments_stay() -> None:
    model = import_jax(lambda x, unused: x, X, X)
    assert names(model)[0] == ["x", "unused"]


@pytest.mark.parametrize("jitted", [False, True])
def test_large_closures_become_weights(jitted: bool) -> None:
    small = jnp.arange(4.0)

    def inner(x: jax.Array) -> jax.Array:
        return (x @ TABLE)[:, :4] + small

    model = import_jax(jax.jit(inner) if jitted else inner, X)
    assert [str(spec) for spec in model.parameter_specs] == ["constant.0: 32x16xf32"]
    np.testing.assert_array_equal(model.parameters["constant.0"], TABLE)
    np.testing.assert_allclose(run(model, X)[0], inner(jnp.asarray(X)), rtol=1e-5, atol=1e-5)


def test_large_constants_of_one_value_stay() -> None:
    model = import_jax(lambda x: x + jnp.full((2, 32), 3.0), X)
    assert not model.parameter_specs
    np.testing.assert_allclose(run(model, X)[0], X + 3, rtol=1e-6)


def test_symbolic_shapes_are_dynamic() -> None:
    (batch,) = jax.export.symbolic_shape("b")
    model = import_jax(lambda x: x.reshape(-1) * 2, jax.ShapeDtypeStruct((batch, 3), jnp.float32))
    assert [str(spec) for spec in (*model.inputs, *model.outputs)] == ["x: b x 3 x f32", "result: 3*b x f32"]


def test_weights_are_not_copied() -> None:
    weight = jnp.asarray(TABLE)
    model = import_jax(lambda w, x: x @ w, weight, X, params="w")
    assert np.shares_memory(model.parameters["w"], np.asarray(weight))


def test_locations_are_kept() -> None:
    model = import_jax(lambda x: jnp.sin(x), X)
    assert "test_import_jax.py" in text_of(model.module)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x if x.sum() > 0 else -x, "JAX cannot trace the function: TracerBoolConversionError"),
        (lambda x: x @ jnp.ones((3, 3)), "JAX cannot trace the function: TypeError"),
        (lambda x: jax.pure_callback(np.sin, x, x), "calls back into Python"),
        (lambda x: (jax.debug.print("{}", x), x)[1], "calls back into Python"),
    ],
)
def test_functions_that_cannot_be_saved_are_refused(function: Any, message: str) -> None:
    with pytest.raises(OxideError, match=message):
        import_jax(function, X)


def test_unknown_params_argument_is_refused() -> None:
    with pytest.raises(OxideError, match="no argument is called 'w'; there are x"):
        import_jax(lambda x: x, X, params="w")


def test_partial_functions_and_varargs() -> None:
    model = import_jax(functools.partial(jnp.add, 1.0), X, name="plus")
    assert model.name == "plus"
    assert names(import_jax(lambda *xs: sum(xs), X, X))[0] == ["xs.0", "xs.1"]


def test_names_of_leaves() -> None:
    assert leaf_names({"a": [1, {"b": 2}], "c": 3}, "t") == ["t.a.0", "t.a.1.b", "t.c"]
    # Two paths that read the same are spelled out.
    assert leaf_names({"a.b": 1, "a": {"b": 2}}) == ["['a']['b']", "['a.b']"]
    assert unique(["a", "a", "a.2", "b"]) == ["a", "a.3", "a.2", "b"]
