"""Programs that JAX lowered keep their meaning through every pass, to the end of one arena."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from oxide.dialects.context import parse_module
from oxide.passes.assign_buffers.executor import execute
from oxide.passes.manager import PassManager
from oxide.passes.pipeline import parse_pipeline
from oxide.signature import entry_function

PIPELINE = "inline,chlo-legalize-to-stablehlo,canonicalize,cse,dce,symbol-dce,fuse,assign-buffers"


def attention(x: jax.Array, w: jax.Array) -> jax.Array:
    h = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
    q, k, v = ((h @ part).reshape(5, 2, 4).transpose(1, 0, 2) for part in jnp.split(w, 3, axis=1))
    scores = jnp.where(jnp.tril(jnp.ones((5, 5), bool)), q @ k.transpose(0, 2, 1), -jnp.inf)
    return x + (jax.nn.softmax(scores, axis=-1) @ v).transpose(1, 0, 2).reshape(5, 8)


def mlp(x: jax.Array, w: jax.Array) -> jax.Array:
    return jax.nn.gelu(x @ w) + jax.nn.silu(x @ w)


def loop(x: jax.Array, w: jax.Array) -> jax.Array:
    return jax.lax.fori_loop(0, 4, lambda i, y: jnp.tanh(y) + i * w[:, :8].sum(), x)


def branch(x: jax.Array, w: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.lax.cond(x.sum() > 0, lambda: x * 2, lambda: -x), x[1:4, ::2].max(axis=0)


@pytest.mark.parametrize("program", [attention, mlp, loop, branch])
def test_the_whole_pipeline_keeps_the_values(program: Callable[..., jax.Array]) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((5, 8), np.float32), rng.standard_normal((8, 24), np.float32)
    lowered = jax.jit(program).lower(x, w)
    module = parse_module(lowered.as_text())
    PassManager(parse_pipeline(PIPELINE)).run(module)
    assert module.operation.verify()
    expected = [np.asarray(leaf) for leaf in jax.tree.leaves(lowered.compile()(x, w))]
    # JAX leaves out parameters a program does not use.
    arguments = [x, w][: len(entry_function(module).regions[0].blocks[0].arguments)]
    for wanted, found in zip(expected, execute(module, arguments), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
