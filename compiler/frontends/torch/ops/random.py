"""Random numbers: dropout, distributions, permutations, samples.

Every draw takes bits from the program's generator, Threefry with an explicit state (`lower_graph_module`): the
numbers are not those of PyTorch's generators, their distributions are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.torch.promotion import real_of
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

# SELU's constant, whose negative saturation alpha dropout sets elements to.
_ALPHA = 1.7580993408473766


# ------------------------------------------------------------------------------------------------ sources


def uniform(node: Node, dims: Sequence[Any], dtype: np.dtype) -> Value:
    """In [0, 1), with as many random bits as the dtype's significand holds (float32 for narrower floats: 24, but 11
    and 8 bits where rounding up to 1 in the end must not happen)."""
    if dtype == np.float64:
        bits = hlo.shift_right_logical(node.random_bits(dims, np.dtype(np.uint64)), 11)
        return hlo.multiply(hlo.convert(bits, np.float64), 2.0**-53)
    digits = 24 if dtype.itemsize >= 4 else 11 if dtype == np.float16 else 8
    bits = hlo.shift_right_logical(node.random_bits(dims, np.dtype(np.uint32)), 32 - digits)
    return hlo.multiply(hlo.convert(bits, np.float32), 2.0**-digits)


def open_uniform(node: Node, dims: Sequence[Any], dtype: np.dtype) -> Value:
    """In (0, 1), in float32 or float64: the middles of equal intervals."""
    wide = dtype == np.float64
    kind, digits = (np.dtype(np.uint64), 52) if wide else (np.dtype(np.uint32), 23)
    bits = hlo.shift_right_logical(node.random_bits(dims, kind), 8 * kind.itemsize - digits)
    counted = hlo.convert(bits, np.float64 if wide else np.float32)
    return hlo.multiply(hlo.add(counted, 0.5), 2.0**-digits)


def normal(node: Node, dims: Sequence[Any], dtype: np.dtype) -> Value:
    """Standard normal in float32 or float64, by the inverse distribution function; complex: of variance 1."""
    if dtypes.is_complex(dtype):
        part = real_of(dtype)
        halves = [hlo.multiply(normal(node, dims, part), math.sqrt(0.5)) for _ in range(2)]
        return hlo.complex(*halves)
    centred = hlo.subtract(hlo.multiply(open_uniform(node, dims, dtype), 2.0), 1.0)
    return hlo.multiply(hlo.erf_inv(centred), math.sqrt(2))


def integers(node: Node, dims: Sequence[Any], low: Any, high: Any) -> Value:
    """int64 in [low, high), by the remainder of 64 bits: the bias is below (high - low) / 2**64."""
    bits = node.random_bits(dims, np.dtype(np.uint64))
    span = hlo.convert(hlo.subtract(_int64(high), _int64(low)), np.uint64)
    offset = hlo.convert(hlo.remainder(bits, hlo.broadcast_to(span, dims)), np.int64)
    return hlo.add(offset, hlo.broadcast_to(_int64(low), dims))


def _int64(number: Any) -> Value:
    return hlo.convert(number, np.int64) if isinstance(number, Value) else hlo.constant(number, np.int64)


def _refuse_generator(node: Node, generator: Any) -> None:
    if generator is not None:
        raise node.error("a generator of its own is not supported; the model's random state is its only source")


# ------------------------------------------------------------------------------------------------ dropout


def dropped(node: Node, x: Value, p: float) -> Value:
    """Training's dropout, by the name of the operator.

    Elements or whole features are zeroed with probability p (or set to SELU's saturation, alpha dropout) and the
    rest scaled so that the mean (and variance) stay.
    """
    family = node.op.split(".")[1]
    if not 0 <= p <= 1:
        raise node.error(f"p is {p}; a probability is needed")
    dims = hlo.shape(x)
    if family.startswith("feature"):
        if len(dims) < 2:
            raise node.error("features need a tensor of rank 2 or more")
        dims = [*dims[:2], *([1] * (len(dims) - 2))]
    kept = hlo.broadcast_to(kept_mask(node, dims, p), hlo.shape(x))
    if "alpha" not in family:
        return scaled_where(x, kept, p)
    if p == 1:
        return hlo.full_like(x, 0)
    scale = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = _ALPHA * scale * p
    return hlo.add(hlo.select(kept, hlo.multiply(x, scale), -_ALPHA * scale), shift)


def kept_mask(node: Node, dims: Sequence[Any], p: float) -> Value:
    """True with probability 1 - p."""
    return hlo.greater_equal(uniform(node, dims, np.dtype(np.float32)), p)


def scaled_where(x: Value, kept: Value, p: float) -> Value:
    return hlo.select(kept, hlo.multiply(x, 1 / (1 - p) if p < 1 else 0.0), 0)


@lowering("aten.native_dropout.default")
def native_dropout(node: Node, input: Value, p: float, train: bool | None) -> list[Value]:
    """The result and which elements were kept."""
    if train is False:
        return [input, hlo.full(hlo.shape(input), True, np.bool_)]
    kept = kept_mask(node, hlo.shape(input), p)
    return [scaled_where(input, kept, p), kept]


@lowering("aten.rrelu_with_noise_functional.default")
def rrelu_with_noise(
    node: Node,
    self: Value,
    noise: Value,
    lower: float = 0.125,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Any = None,
) -> list[Value]:
    """x where it is positive, else x by a slope drawn from [lower, upper) (in training; else their mean)."""
    _refuse_generator(node, generator)
    if not training:
        return [hlo.select(hlo.greater(self, 0), self, hlo.multiply(self, (lower + upper) / 2)), noise]
    drawn = hlo.convert(uniform(node, hlo.shape(self), hlo.dtype(self)), hlo.dtype(self))
    slopes = hlo.add(hlo.multiply(drawn, upper - lower), lower)
    factor = hlo.select(hlo.greater(self, 0), hlo.full_like(self, 1), slopes)
    return [hlo.multiply(self, factor), factor]


# ------------------------------------------------------------------------------------------ distributions


@lowering(
    "aten.rand.default",
    "aten.rand.generator",
    "aten.rand_like.default",
    "aten.rand_like.generator",
    "aten.randn.default",
    "aten.randn.generator",
    "aten.randn_like.default",
    "aten.randn_like.generator",
)
def random_tensor(
    node: Node,
    size: Sequence[Any] | None = None,
    self: Value | None = None,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Value:
    _refuse_generator(node, generator)
    dims = size if self is None else hlo.shape(self)
    draw = normal if "randn" in node.op else uniform
    return hlo.convert(draw(node, dims or [], node.dtype), node.dtype)


@lowering(
    "aten.randint.default",
    "aten.randint.generator",
    "aten.randint.low",
    "aten.randint.low_generator",
    "aten.randint_like.default",
    "aten.randint_like.generator",
    "aten.randint_like.low_dtype",
    "aten.randint_like.low_generator_dtype",
    "aten.randint_like.Tensor",
    "aten.randint_like.Tensor_generator",
)
def randint(
    node: Node,
    high: Any,
    low: Any = 0,
    size: Sequence[Any] | None = None,
    self: Value | None = None,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Value:
    _refuse_generator(node, generator)
    dims = size if self is None else hlo.shape(self)
    return hlo.convert(integers(node, dims or [], low, high), node.dtype)


@lowering("aten.random.default", "aten.random.from", "aten.random.to")
def random_(node: Node, self: Value, from_: Any = 0, to: Any = None, generator: Any = None) -> Value:
    """Integers of [from, to); without `to` all that the dtype holds, for floats those it holds exactly."""
    _refuse_generator(node, generator)
    kind = hlo.dtype(self)
    if to is None:
        to = 2 if kind == np.bool_ else _largest_whole(kind) + 1
    return node.cast(integers(node, hlo.shape(self), from_, min(to, 2**63 - 1)), kind)


def _largest_whole(dtype: np.dtype) -> int:
    """The largest n such that all of 0 .. n are in a dtype."""
    return 2 ** (ml_dtypes.finfo(dtype).nmant + 1) if dtypes.is_float(dtype) else int(ml_dtypes.iinfo(dtype).max)


@lowering("aten.randperm.default", "aten.randperm.generator")
def randperm(
    node: Node,
    n: Any,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    """0 .. n-1 sorted by 64 random bits each."""
    _refuse_generator(node, generator)
    keys = node.random_bits([n], np.dtype(np.uint64))
    return hlo.convert(hlo.sort([keys, hlo.iota([n], 0, np.int64)], 0)[1], node.dtype)


@lowering("aten.bernoulli.default", "aten.bernoulli.p", "aten.bernoulli.Tensor")
def bernoulli(node: Node, self: Value, p: Any = None, generator: Any = None) -> Value:
    """1 with the probability that p, or self itself, gives."""
    _refuse_generator(node, generator)
    chance = self if p is None else p
    wide = isinstance(chance, Value) and hlo.dtype(chance) == np.float64
    kind = np.dtype(np.float64 if wide else np.float32)
    if isinstance(chance, Value):
        chance = hlo.broadcast_to(hlo.convert(chance, kind), hlo.shape(self))
    return hlo.convert(hlo.less(uniform(node, hlo.shape(self), kind), chance), hlo.dtype(self))


@lowering(
    "aten.normal.Tensor_float",
    "aten.normal.float_Tensor",
    "aten.normal.Tensor_Tensor",
    "aten.normal.float_float",
    "aten.normal_functional.default",
)
def normal_(
    node: Node,
    mean: Any = 0.0,
    std: Any = 1.0,
    self: Value | None = None,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    _refuse_generator(node, generator)
    return _shifted(node, normal(node, node.shape, node.dtype), std, mean)


@lowering("prims.normal.default")
def prims_normal(
    node: Node,
    shape: Sequence[Any],
    mean: Any,
    std: Any,
    dtype: Any,
    device: Any,
    requires_grad: bool,
    generator: Any = None,
) -> Value:
    _refuse_generator(node, generator)
    return _shifted(node, normal(node, shape, node.dtype), std, mean)


def _shifted(node: Node, x: Value, scale: Any, offset: Any) -> Value:
    """x * scale + offset in x's dtype, then in the result's."""
    factors = [hlo.convert(f, hlo.dtype(x)) if isinstance(f, Value) else f for f in (scale, offset)]
    return hlo.convert(hlo.add(hlo.multiply(x, factors[0]), factors[1]), node.dtype)


@lowering("aten.uniform.default")
def uniform_(node: Node, self: Value, from_: float = 0.0, to: float = 1.0, generator: Any = None) -> Value:
    _refuse_generator(node, generator)
    return _shifted(node, uniform(node, hlo.shape(self), node.dtype), to - from_, from_)


@lowering("aten.exponential.default")
def exponential(node: Node, self: Value, lambd: float = 1.0, generator: Any = None) -> Value:
    _refuse_generator(node, generator)
    drawn = open_uniform(node, hlo.shape(self), hlo.dtype(self))
    return hlo.convert(hlo.divide(hlo.log(drawn), -lambd), node.dtype)


@lowering("aten.geometric.default")
def geometric(node: Node, self: Value, p: float, generator: Any = None) -> Value:
    """The number of the first success: the smallest k with 1 - (1-p)^k above a uniform number."""
    _refuse_generator(node, generator)
    drawn = open_uniform(node, hlo.shape(self), np.dtype(np.float64))
    return hlo.convert(hlo.ceil(hlo.divide(hlo.log(drawn), math.log1p(-p))), node.dtype)


@lowering("aten.cauchy.default")
def cauchy(node: Node, self: Value, median: float = 0.0, sigma: float = 1.0, generator: Any = None) -> Value:
    _refuse_generator(node, generator)
    drawn = open_uniform(node, hlo.shape(self), hlo.dtype(self))
    return _shifted(node, hlo.tan(hlo.multiply(hlo.subtract(drawn, 0.5), math.pi)), sigma, median)


@lowering("aten.log_normal.default")
def log_normal(node: Node, self: Value, mean: float = 1.0, std: float = 2.0, generator: Any = None) -> Value:
    _refuse_generator(node, generator)
    return hlo.exp(_shifted(node, normal(node, hlo.shape(self), hlo.dtype(self)), std, mean))


@lowering("aten.multinomial.default")
def multinomial(
    node: Node, self: Value, num_samples: Any, replacement: bool = False, generator: Any = None
) -> Value:
    """Indices along the last dimension, by weights.

    With replacement the first index whose cumulative weight is above a uniform share of the total; without, the
    largest of weight / exponential number, in order (Efraimidis and Spirakis, 2006).
    """
    _refuse_generator(node, generator)
    kind = np.dtype(np.float64 if hlo.dtype(self) == np.float64 else np.float32)
    weights = hlo.convert(self, kind)
    last = hlo.rank(self) - 1
    if replacement:
        cumulative = hlo.cumulative(weights, "add", last)
        count = hlo.shape(self)[last]
        total = hlo.slice_axis(cumulative, last, count - 1, count)
        drawn = uniform(node, [*hlo.shape(self)[:-1], num_samples], kind)
        shares = hlo.expand_dims(hlo.multiply(drawn, total), [last + 1])
        below = hlo.less_equal(hlo.expand_dims(cumulative, [last]), shares)
        return hlo.minimum(hlo.reduce_sum(hlo.convert(below, np.int64), [last + 1]), count - 1)
    waits = hlo.negate(hlo.log(open_uniform(node, hlo.shape(self), kind)))
    return hlo.top_k(hlo.divide(weights, waits), num_samples, last)[1]
