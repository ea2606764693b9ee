"""Normalisation by the statistics of a batch, a layer, a group, an instance, or a root mean square."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


@lowering("aten.layer_norm.default")
def layer_norm(
    node: Node,
    input: Value,
    normalized_shape: Sequence[Any],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Value:
    """Over the last dimensions, those of `normalized_shape`; computed in the weight's dtype (autocast's differ)."""
    rank = hlo.rank(input)
    axes = tuple(range(rank - len(normalized_shape), rank))
    scale = hlo.full(normalized_shape, 1, hlo.dtype(input)) if weight is None else weight
    x = hlo.convert(input, hlo.dtype(scale))
    if eps < 0:  # which the composite refuses, and PyTorch does not
        y = _layer_norm(x, axes, weight, bias, eps)
    else:
        y = composites.build("layer_norm", [x, scale, bias], axes=axes, epsilon=float(eps))[0]
    return hlo.convert(y, hlo.dtype(input))


def _layer_norm(x: Value, axes: Sequence[int], weight: Value | None, bias: Value | None, eps: float) -> Value:
    mean, rstd = _moments(x, axes, eps)
    y = hlo.convert(hlo.multiply(hlo.subtract(hlo.convert(x, hlo.dtype(mean)), mean), rstd), hlo.dtype(x))
    y = y if weight is None else hlo.multiply(y, hlo.broadcast_in_dim(weight, hlo.shape(x), axes))
    return y if bias is None else hlo.add(y, hlo.broadcast_in_dim(bias, hlo.shape(x), axes))


@lowering("aten.native_layer_norm.default")
def native_layer_norm(
    node: Node,
    input: Value,
    normalized_shape: Sequence[Any],
    weight: Value | None,
    bias: Value | None,
    eps: float,
) -> list[Value | None]:
    """The layer norm, the means and the reciprocal standard deviations."""
    y = layer_norm(node, input, normalized_shape, weight, bias, eps)
    if not (node.wants(1) or node.wants(2)):
        return [y, None, None]
    rank = hlo.rank(input)
    mean, rstd = _moments(input, list(range(rank - len(normalized_shape), rank)), eps)
    return [y, hlo.convert(mean, node.dtype_of(1)), hlo.convert(rstd, node.dtype_of(2))]


def _moments(x: Value, axes: Sequence[int], eps: float) -> tuple[Value, Value]:
    """(mean, 1 / sqrt(variance + eps)) over axes, which stay as size 1, in the computing dtype."""
    x = hlo.convert(x, compute_dtype(hlo.dtype(x)))
    mean = hlo.reduce_mean(x, axes, keepdims=True)
    variance = hlo.reduce_mean(hlo.square(hlo.subtract(x, mean)), axes, keepdims=True)
    return mean, hlo.rsqrt(hlo.add(variance, eps))


@lowering("aten.rms_norm.default")
def rms_norm(
    node: Node, input: Value, normalized_shape: Sequence[Any], weight: Value | None = None, eps: float | None = None
) -> Value:
    """x / sqrt(mean(x^2) + eps) * weight; eps is the machine epsilon of the computing dtype by default."""
    rank = hlo.rank(input)
    axes = tuple(range(rank - len(normalized_shape), rank))
    epsilon = float(np.finfo(compute_dtype(hlo.dtype(input))).eps) if eps is None else float(eps)
    if epsilon < 0:  # which the composite refuses, and PyTorch does not
        return _rms_norm(input, axes, weight, epsilon)
    scale = hlo.full(normalized_shape, 1, hlo.dtype(input)) if weight is None else weight
    return composites.build("rms_norm", [input, scale], axes=axes, epsilon=epsilon)[0]


def _rms_norm(x: Value, axes: Sequence[int], weight: Value | None, eps: float) -> Value:
    wide = hlo.convert(x, compute_dtype(hlo.dtype(x)))
    squares = hlo.reduce_mean(hlo.square(wide), axes, keepdims=True)
    y = hlo.multiply(wide, hlo.rsqrt(hlo.add(squares, eps)))
    if weight is not None:
        y = hlo.multiply(y, hlo.broadcast_in_dim(hlo.convert(weight, hlo.dtype(y)), hlo.shape(x), axes))
    return hlo.convert(y, hlo.dtype(x))


def _features(x: Value, given: Value | None, value: float, dtype: np.dtype) -> Value:
    """A parameter for each feature (dimension 1), in a dtype; `value` where there is none."""
    return hlo.full([hlo.shape(x)[1]], value, dtype) if given is None else hlo.convert(given, dtype)


@lowering("aten.batch_norm.default")
def batch_norm(
    node: Node,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Value:
    """With the running statistics, or in training with the batch's, which move the running ones.

    The schema does not say that running statistics are written, but they are.
    """
    y, mean, variance = _batch_norm(input, weight, bias, running_mean, running_var, training, eps)
    if training:
        _update(node, input, momentum, running_mean, mean, running_var, variance)
    return y


@lowering("aten.native_batch_norm.default")
def native_batch_norm(
    node: Node,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool,
    momentum: float,
    eps: float,
) -> list[Value]:
    """The batch norm; in training also means and reciprocal standard deviations, which are else empty."""
    y, mean, variance = _batch_norm(input, weight, bias, running_mean, running_var, training, eps)
    if not training:
        return [y, *_no_statistics(node)]
    _update(node, input, momentum, running_mean, mean, running_var, variance)
    return [y, *_saved(node, mean, variance, eps)]


def _saved(node: Node, mean: Value, variance: Value, eps: float) -> list[Value]:
    """What the backward pass needs of the batch: means and reciprocal standard deviations."""
    rstd = hlo.rsqrt(hlo.add(variance, eps))
    return [hlo.convert(mean, node.dtype_of(1)), hlo.convert(rstd, node.dtype_of(2))]


def _no_statistics(node: Node) -> list[Value]:
    return [hlo.full([0], 0, node.dtype_of(index)) for index in (1, 2)]


def _batch_norm(
    x: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    training: bool,
    eps: float,
) -> tuple[Value, Value, Value]:
    """(result, mean, variance) for each feature, with the batch's statistics when training."""
    dtype = hlo.dtype(x)
    wide = compute_dtype(dtype)
    if training or running_mean is None or running_var is None:
        axes = [axis for axis in range(hlo.rank(x)) if axis != 1]
        spread = hlo.convert(x, wide)
        mean = hlo.reduce_mean(spread, axes, keepdims=True)
        variance = hlo.reduce_mean(hlo.square(hlo.subtract(spread, mean)), axes)
        mean = hlo.reshape(mean, hlo.shape(variance))
    else:
        mean, variance = running_mean, running_var
    statistics = hlo.dtype(mean)
    scale = _features(x, weight, 1, statistics)
    shift = _features(x, bias, 0, statistics)
    operands = [x, scale, shift, mean, hlo.convert(variance, statistics)]
    return composites.build("batch_norm", operands, axis=1, epsilon=float(eps))[0], mean, variance


def _update(
    node: Node,
    x: Value,
    momentum: float,
    running_mean: Value | None,
    mean: Value,
    running_var: Value | None,
    variance: Value,
) -> None:
    if running_mean is not None:
        node.write("running_mean", _moved(running_mean, mean, momentum))
    if running_var is not None:
        node.write("running_var", _moved(running_var, _unbiased(x, variance), momentum))


def _unbiased(x: Value, variance: Value) -> Value:
    """Infinite for a single element, as a quotient by 0 is."""
    count: Any = math.prod(size for axis, size in enumerate(hlo.shape(x)) if axis != 1)
    whole, rest = (hlo.convert(hlo.constant(n, np.int64), hlo.dtype(variance)) for n in (count, count - 1))
    return hlo.multiply(variance, hlo.divide(whole, rest))


def _moved(running: Value, batch: Value, momentum: float) -> Value:
    """(1 - momentum) * running + momentum * batch."""
    old = hlo.convert(running, hlo.dtype(batch))
    return hlo.add(hlo.multiply(old, 1 - momentum), hlo.multiply(batch, momentum))


@lowering("aten._native_batch_norm_legit_functional.default")
def batch_norm_functional(
    node: Node,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    training: bool,
    momentum: float,
    eps: float,
) -> list[Value]:
    """As native_batch_norm, but the new running statistics are further results: nothing is written."""
    y, mean, variance = _batch_norm(input, weight, bias, running_mean, running_var, training, eps)
    if not training:
        return [y, *_no_statistics(node), running_mean, running_var]
    moved = [_moved(running_mean, mean, momentum), _moved(running_var, _unbiased(input, variance), momentum)]
    return [
        y,
        *_saved(node, mean, variance, eps),
        *(hlo.convert(x, node.dtype_of(3 + i)) for i, x in enumerate(moved)),
    ]


@lowering("aten._native_batch_norm_legit.no_stats")
def batch_norm_no_stats(
    node: Node, input: Value, weight: Value | None, bias: Value | None, training: bool, momentum: float, eps: float
) -> list[Value]:
    return native_batch_norm(node, input, weight, bias, None, None, training, momentum, eps)


@lowering("aten._native_batch_norm_legit_no_training.default")
def batch_norm_no_training(
    node: Node,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> list[Value]:
    return native_batch_norm(node, input, weight, bias, running_mean, running_var, False, momentum, eps)


@lowering("aten.group_norm.default")
def group_norm(
    node: Node,
    input: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    """Groups of channels (dimension 1) by their mean and variance over group and space."""
    if eps >= 0 and _are_wide(input, weight, bias):
        return _group_norm(input, num_groups, weight, bias, eps)
    dims = hlo.shape(input)
    grouped = hlo.reshape(input, [dims[0], num_groups, math.prod(dims[1:]) // num_groups])
    mean, rstd = _moments(grouped, [2], eps)
    normal = hlo.multiply(hlo.subtract(hlo.convert(grouped, hlo.dtype(mean)), mean), rstd)
    return _affine(hlo.reshape(normal, dims), weight, bias, hlo.dtype(input))


def _are_wide(*values: Value | None) -> bool:
    """Whether values, where they are given, have one type, of at least 32 bits."""
    types = {hlo.dtype(v) for v in values if v is not None}
    return len(types) == 1 and min(dtype.itemsize for dtype in types) >= 4


def _group_norm(x: Value, groups: int, weight: Value | None, bias: Value | None, eps: float) -> Value:
    dtype = hlo.dtype(x)
    scale, offset = _features(x, weight, 1, dtype), _features(x, bias, 0, dtype)
    return composites.build("group_norm", [x, scale, offset], groups=groups, epsilon=float(eps))[0]


def _affine(x: Value, weight: Value | None, bias: Value | None, dtype: np.dtype) -> Value:
    """x * weight + bias for each channel, in x's dtype, then in `dtype`."""
    for given, combine in ((weight, hlo.multiply), (bias, hlo.add)):
        if given is not None:
            x = combine(x, hlo.broadcast_in_dim(hlo.convert(given, hlo.dtype(x)), hlo.shape(x), [1]))
    return hlo.convert(x, dtype)


@lowering("aten.native_group_norm.default")
def native_group_norm(
    node: Node,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    N: Any,
    C: Any,
    HxW: Any,
    group: int,
    eps: float,
) -> list[Value]:
    """N, C and HxW are sizes of the input."""
    grouped = hlo.reshape(input, [N, group, C // group * HxW])
    mean, rstd = _moments(grouped, [2], eps)
    flat = [hlo.reshape(v, [N, group]) for v in (mean, rstd)]
    y = group_norm(node, input, group, weight, bias, eps)
    return [y, hlo.convert(flat[0], node.dtype_of(1)), hlo.convert(flat[1], node.dtype_of(2))]


@lowering("aten.instance_norm.default")
def instance_norm(
    node: Node,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Value:
    """Each channel of each instance by its own statistics; the running ones follow their mean over the batch."""
    if not use_input_stats:
        return _batch_norm(input, weight, bias, running_mean, running_var, False, eps)[0]
    axes = list(range(2, hlo.rank(input)))
    wide = hlo.convert(input, compute_dtype(hlo.dtype(input)))
    mean, rstd = _moments(input, axes, eps)
    count = math.prod(hlo.shape(input)[axis] for axis in axes)
    if running_mean is not None:
        node.write("running_mean", _moved(running_mean, hlo.reduce_mean(mean, [0, *axes]), momentum))
    if running_var is not None:
        squares = hlo.reduce_sum(hlo.square(hlo.subtract(wide, mean)), axes)
        unbiased = hlo.reduce_mean(hlo.divide(squares, count - 1), [0])
        node.write("running_var", _moved(running_var, unbiased, momentum))
    channels = hlo.shape(input)[1]
    if eps >= 0 and hlo.is_static([channels]) and _are_wide(input, weight, bias):
        return _group_norm(input, int(channels), weight, bias, eps)
    return _affine(hlo.multiply(hlo.subtract(wide, mean), rstd), weight, bias, hlo.dtype(input))
