"""JAX functions of open sizes, with the shapes of their arguments for which they are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from oxide.frontends.jax import import_jax
from oxide.model import Model


@dataclass(frozen=True)
class Program:
    """A function, the symbolic shapes of its arguments (`i32: b` where not float32), and sizes to run it at."""

    function: Callable[..., Any]
    shapes: Sequence[str]
    sizes: Sequence[dict[str, int]] = ({"b": 2, "s": 5}, {"b": 3, "s": 1})

    def model(self) -> Model:
        scope = jax.export.SymbolicScope()
        arguments = []
        for text in self.shapes:
            dtype, shape = _parts(text)
            arguments.append(jax.ShapeDtypeStruct(jax.export.symbolic_shape(shape, scope=scope), dtype))
        return import_jax(self.function, *arguments, name="model")

    def arguments(self, sizes: dict[str, int]) -> list[np.ndarray]:
        """Values for all arguments: floats of both signs, small integers of both signs."""
        generator = np.random.default_rng(0)
        values = []
        for text in self.shapes:
            dtype, shape = _parts(text)
            dims = [eval(dim, {}, sizes) for dim in shape.split(",") if dim]  # the programs below
            drawn = generator.normal(size=dims) if dtype == "float32" else generator.integers(-3, 4, dims)
            values.append(np.asarray(drawn, dtype))
        return values

    def expected(self, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What JAX computes at these shapes."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(jax.jit(self.function)(*arguments))]


def _parts(text: str) -> tuple[str, str]:
    dtype, _, shape = text.rpartition(": ")
    return {"": "float32", "i32": "int32"}[dtype], shape


def _attention(x: jax.Array, w: jax.Array) -> jax.Array:
    heads = x.reshape(*x.shape[:2], 4, 8).transpose(0, 2, 1, 3)
    weights = jax.nn.softmax(jnp.einsum("bhqd,bhkd->bhqk", heads, heads))
    return (weights @ heads).transpose(0, 2, 1, 3).reshape(*x.shape[:2], 32) @ w


def _pooled(x: jax.Array, k: jax.Array) -> jax.Array:
    y = jax.nn.relu(lax.conv_general_dilated(x, k, (1, 1), "SAME"))
    return lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _causal(x: jax.Array) -> jax.Array:
    mask = jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool))
    return jnp.where(mask, x @ x.mT, -1.0)


def _scan(x: jax.Array) -> jax.Array:
    return lax.scan(lambda c, a: (c + a, c * a), x[:, 0], x.transpose(1, 0, 2))[1]


IMAGES: Sequence[dict[str, int]] = ({"b": 2, "h": 6, "w": 8}, {"b": 1, "h": 7, "w": 5})
PROGRAMS = {
    "attention": Program(_attention, ["b, s, 32", "32, 32"]),
    "pooling": Program(_pooled, ["b, 3, h, w", "4, 3, 3, 3"], IMAGES),
    "strided convolution": Program(
        lambda x, k: lax.conv_general_dilated(x, k, (2, 2), [(1, 1), (1, 1)]), ["b, 3, h, w", "4, 3, 3, 3"], IMAGES
    ),
    "standardisation": Program(
        lambda x: (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5), ["b, s"]
    ),
    "means": Program(lambda x: (x.mean((0, 1)), x.mean(), x.mean(0).astype(jnp.float16)), ["b, s, 4"]),
    "rows": Program(lambda t, i: t[i], ["8, 4", "i32: b, s"]),
    "first half": Program(lambda x: x[:, : x.shape[1] // 2], ["b, s, 4"]),
    "positions": Program(lambda x: x + jnp.arange(x.shape[1]) + jnp.ones((x.shape[0], 1)), ["b, s"]),
    "concatenation": Program(lambda x, y: jnp.concatenate([x, y, x], 1), ["b, s", "b, 3"]),
    "padding": Program(lambda x: jnp.pad(x, ((0, 0), (1, 2))), ["b, s"]),
    "causal mask": Program(_causal, ["b, s, 4"]),
    "flattening": Program(lambda x: x.reshape(-1), ["b, s, 4"]),
    "pairs": Program(lambda x: x.reshape(-1, 2).sum(1), ["2*b"]),
    "scan": Program(_scan, ["b, s, 4"]),
    "sorting": Program(lambda x: jnp.sort(x, 1)[:, ::-1], ["b, s"]),
    "sizes as numbers": Program(
        lambda x: (x * x.shape[1] + x.shape[0] * 2, jnp.array(x.shape), x.sum() / jnp.sqrt(x.shape[1])), ["b, s"]
    ),
    "outer sum": Program(lambda x, y: x[:, None] + y, ["b, 4", "s, 4"]),
    "largest": Program(lambda x: jnp.argmax(x, 1), ["b, s"]),
    "update": Program(lambda x, i: x.at[:, i].add(1.0), ["b, s", "i32: 3"]),
    "window": Program(lambda x, i: lax.dynamic_slice(x, (0, i), (x.shape[0], 2)), ["b, 4", "i32: "]),
    "contraction": Program(lambda x, y: jnp.einsum("bi,bj->ij", x, y), ["b, s", "b, 3"]),
    "cache": Program(
        lambda past, new: jnp.concatenate([past, new], 1).sum(1),
        ["b, p, 4", "b, s, 4"],
        ({"b": 2, "p": 3, "s": 1}, {"b": 1, "p": 2, "s": 5}),
    ),
}
