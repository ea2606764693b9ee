"""Random operators.

ONNX fixes no generator, and a compiled program has no hidden state to draw from.  What is left is a seed with a
shape: those numbers are drawn once, at import, from numpy's RandomState(seed), which ONNX's own reference
uses, and every run sees the same ones.  Everything else is refused; noise can be an input of the model.
"""

from __future__ import annotations

import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.initializers import element_dtype
from oxide.frontends.onnx.registry import Node, lowering

FLOAT, INT32 = 1, 6  # TensorProto.DataType
ADVICE = "make the noise an input of the model"


def _generator(node: Node, seed: float | None) -> np.random.RandomState:
    if seed is None or math.isnan(seed):
        raise node.error(f"it draws new random numbers in every run, which a compiled program cannot; {ADVICE}")
    try:
        return np.random.RandomState(int(seed))
    except (ValueError, OverflowError) as error:
        raise node.error(f"seed {seed} is not in the range of numpy's generator") from error


# ------------------------------------------------------------------------------------------------- tensors


@lowering("RandomNormal", 1, 22)
def random_normal(
    node: Node,
    *,
    dtype: int = FLOAT,
    mean: float = 0.0,
    scale: float = 1.0,
    seed: float | None = None,
    shape: list[int],
) -> ir.Value:
    target = element_dtype(dtype, "attribute dtype")
    hlo.make_type(shape, target)  # refuses a shape that no memory holds
    return node.constant((_generator(node, seed).randn(*shape) * scale + mean).astype(target))


@lowering("RandomUniform", 1, 22)
def random_uniform(
    node: Node,
    *,
    dtype: int = FLOAT,
    high: float = 1.0,
    low: float = 0.0,
    seed: float | None = None,
    shape: list[int],
) -> ir.Value:
    target = element_dtype(dtype, "attribute dtype")
    hlo.make_type(shape, target)
    return node.constant((_generator(node, seed).rand(*shape) * (high - low) + low).astype(target))


def _refusal(node: Node) -> OxideError:
    return node.error(f"ONNX does not say which random numbers these are, so no result would be right; {ADVICE}")


@lowering("RandomNormalLike", 1, 22)
def random_normal_like(
    node: Node,
    x: ir.Value,
    *,
    dtype: int | None = None,
    mean: float = 0.0,
    scale: float = 1.0,
    seed: float | None = None,
) -> ir.Value:
    raise _refusal(node)


@lowering("RandomUniformLike", 1, 22)
def random_uniform_like(
    node: Node,
    x: ir.Value,
    *,
    dtype: int | None = None,
    high: float = 1.0,
    low: float = 0.0,
    seed: float | None = None,
) -> ir.Value:
    raise _refusal(node)


@lowering("Bernoulli", 15, 22)
def bernoulli(node: Node, x: ir.Value, *, dtype: int | None = None, seed: float | None = None) -> ir.Value:
    raise _refusal(node)


@lowering("Multinomial", 7, 22)
def multinomial(
    node: Node, x: ir.Value, *, dtype: int = INT32, sample_size: int = 1, seed: float | None = None
) -> ir.Value:
    raise _refusal(node)


# ------------------------------------------------------------------------------------------------- dropout


# Draws are constants of the model.
MAX_DRAWN = 1 << 26


@lowering("Dropout", 12, 13, 22)
def dropout(
    node: Node,
    x: ir.Value,
    ratio: ir.Value | None = None,
    training_mode: ir.Value | None = None,
    *,
    seed: int | None = None,
) -> list[ir.Value]:
    """x and an all-true mask, or in training mode x / (1 - ratio) where a uniform draw is at least `ratio`."""
    identity = [x, hlo.full(hlo.shape(x), True, np.bool_)]
    training = np.asarray(False) if training_mode is None else node.static_or_none(training_mode)
    fixed = np.asarray(0.5) if ratio is None else node.static_or_none(ratio)
    if (training is not None and not training.any()) or (fixed is not None and not fixed.any()):
        return identity
    if hlo.size(x) > MAX_DRAWN:
        raise node.error(f"{hlo.size(x)} draws are over the limit of {MAX_DRAWN}: they are made at import")
    draws = _generator(node, seed).uniform(0.0, 1.0, hlo.shape(x))
    share = hlo.constant(np.float64(0.5)) if ratio is None else hlo.convert(hlo.reshape(ratio, []), np.float64)
    kept = draws >= fixed if fixed is not None else None
    mask = hlo.greater_equal(node.constant(draws), share) if kept is None else node.constant(kept)
    factor = hlo.convert(hlo.divide(1.0, hlo.subtract(1.0, share)), hlo.dtype(x))
    dropped = [hlo.select(mask, hlo.multiply(x, factor), 0), mask]
    if training is not None or training_mode is None:
        return dropped
    flag = hlo.reshape(training_mode, [])
    return [hlo.select(flag, on, off) for on, off in zip(dropped, identity, strict=True)]
