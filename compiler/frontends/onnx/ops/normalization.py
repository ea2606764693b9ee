"""Normalisations: batch, layer, group, instance, RMS, local response, Lp and mean-variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size
from oxide.frontends.onnx.registry import Node, lowering

# ---------------------------------------------------------------------------------------------- batch norm


@lowering("BatchNormalization", 1, 6, 7, 9)
def batch_norm_1(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    bias: ir.Value,
    mean: ir.Value,
    variance: ir.Value,
    *,
    consumed_inputs: list[int] | None = None,
    epsilon: float = 1e-5,
    is_test: int = 0,
    momentum: float = 0.9,
    spatial: int = 1,
) -> list[ir.Value | None]:
    """`is_test` 0 trains, but exporters left it at 0 for inference: the number of outputs tells."""
    if not spatial:
        return [_per_element(x, scale, bias, mean, variance, epsilon)]
    if is_test or node.output_count == 1:
        return [_inference(x, scale, bias, mean, variance, epsilon)]
    y, batch_mean, batch_variance = _train(x, scale, bias, epsilon)
    running = [_blend(old, new, momentum) for old, new in ((mean, batch_mean), (variance, batch_variance))]
    return [y, *running, batch_mean, batch_variance]


@lowering("BatchNormalization", 14, 15)
def batch_norm(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    bias: ir.Value,
    mean: ir.Value,
    variance: ir.Value,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> list[ir.Value | None]:
    """Training mode normalises by the batch and returns running statistics blended with `momentum`."""
    if not training_mode:
        if node.output_count > 1:
            raise node.error("running statistics are outputs only in training mode")
        return [_inference(x, scale, bias, mean, variance, epsilon)]
    y, batch_mean, batch_variance = _train(x, scale, bias, epsilon)
    return [y, _blend(mean, batch_mean, momentum), _blend(variance, batch_variance, momentum)]


def _inference(
    x: ir.Value, scale: ir.Value, bias: ir.Value, mean: ir.Value, variance: ir.Value, epsilon: float
) -> ir.Value:
    axis = min(1, hlo.rank(x) - 1)  # a vector has one feature per element
    return composites.build("batch_norm", [x, scale, bias, mean, variance], axis=axis, epsilon=epsilon)[0]


def _per_element(
    x: ir.Value, scale: ir.Value, bias: ir.Value, mean: ir.Value, variance: ir.Value, epsilon: float
) -> ir.Value:
    """`spatial` 0: statistics have the shape of one sample."""
    normal = hlo.multiply(hlo.subtract(x, mean), hlo.rsqrt(hlo.add(variance, epsilon)))
    return hlo.add(hlo.multiply(normal, scale), bias)


def _train(x: ir.Value, scale: ir.Value, bias: ir.Value, epsilon: float) -> tuple[ir.Value, ir.Value, ir.Value]:
    axes = [i for i in range(hlo.rank(x)) if i != 1]
    batch_mean, batch_variance = hlo.reduce_mean(x, axes), hlo.reduce_variance(x, axes)
    return _inference(x, scale, bias, batch_mean, batch_variance, epsilon), batch_mean, batch_variance


def _blend(running: ir.Value, batch: ir.Value, momentum: float) -> ir.Value:
    batch = hlo.convert(batch, hlo.dtype(running))
    return hlo.add(hlo.multiply(running, momentum), hlo.multiply(batch, 1 - momentum))


# ------------------------------------------------------------------------------- layer, RMS, group, instance


@lowering("LayerNormalization", 17)
def layer_norm(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    bias: ir.Value | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> list[ir.Value | None]:
    """Also gives the mean and inverse standard deviation, in float32 (`stash_type`), when asked for."""
    axes = _trailing(node, x, axis, stash_type)
    parameters = [_normalized_shape(node, x, v, axes) for v in (scale, bias) if v is not None]
    (y,) = composites.build("layer_norm", [x, *parameters], axes=tuple(axes), epsilon=epsilon)
    mean = inverse = None
    if node.output_count > 1:
        wide = hlo.convert(x, np.float32)
        mean = hlo.reduce_mean(wide, axes, keepdims=True)
        inverse = hlo.rsqrt(hlo.add(hlo.reduce_variance(wide, axes, keepdims=True), epsilon))
    return [y, mean, inverse][: node.output_count]


@lowering("RMSNormalization", 23)
def rms_norm(
    node: Node, x: ir.Value, scale: ir.Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> ir.Value:
    axes = _trailing(node, x, axis, stash_type)
    weight = _normalized_shape(node, x, scale, axes)
    return composites.build("rms_norm", [x, weight], axes=tuple(axes), epsilon=epsilon)[0]


def _trailing(node: Node, x: ir.Value, axis: int, stash_type: int) -> list[int]:
    if stash_type != 1:
        raise node.error(f"stash_type {stash_type} is not supported, expected 1 (float32)")
    return list(range(hlo.normalize_axis(axis, hlo.rank(x)), hlo.rank(x)))


def _normalized_shape(node: Node, x: ir.Value, parameter: ir.Value, axes: Sequence[int]) -> ir.Value:
    """A scale or bias in the shape of the normalised axes; ONNX allows any that broadcasts to it."""
    target = [hlo.shape(x)[a] for a in axes]
    dims = hlo.shape(parameter)
    lead = len(dims) - len(target)
    if lead > 0:
        if any(d != 1 for d in dims[:lead]):
            raise node.error(f"scale or bias of shape {dims} varies outside the normalised axes {list(axes)}")
        parameter = hlo.reshape(parameter, dims[lead:])
    return hlo.broadcast_to(parameter, target)


@lowering("InstanceNormalization", 1, 6, 22)
def instance_norm(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    bias: ir.Value,
    *,
    consumed_inputs: list[int] | None = None,
    epsilon: float = 1e-5,
) -> ir.Value:
    """Every channel of every sample by its own statistics."""
    node.check_rank(x, "input", least=2)
    return _group_norm(x, scale, bias, hlo.shape(x)[1], epsilon)


@lowering("GroupNormalization", 18)
def group_norm_18(
    node: Node, x: ir.Value, scale: ir.Value, bias: ir.Value, *, epsilon: float = 1e-5, num_groups: int
) -> ir.Value:
    """Scale and bias belong to the groups."""
    node.check_rank(x, "X", least=2)
    if num_groups < 1 or hlo.shape(scale) != (num_groups,) or hlo.shape(bias) != (num_groups,):
        raise node.error(
            f"scale {hlo.shape(scale)} and bias {hlo.shape(bias)} need one value a group of {num_groups}"
        )
    repeat = hlo.shape(x)[1] // num_groups
    scale, bias = (
        hlo.reshape(hlo.broadcast_in_dim(v, [num_groups, repeat], [0]), [num_groups * repeat])
        for v in (scale, bias)
    )
    return group_norm(node, x, scale, bias, epsilon=epsilon, num_groups=num_groups)


@lowering("GroupNormalization", 21)
def group_norm(
    node: Node,
    x: ir.Value,
    scale: ir.Value,
    bias: ir.Value,
    *,
    epsilon: float = 1e-5,
    num_groups: int,
    stash_type: int = 1,
) -> ir.Value:
    """Scale and bias belong to the channels."""
    if stash_type != 1:
        raise node.error(f"stash_type {stash_type} is not supported, expected 1 (float32)")
    node.check_rank(x, "X", least=2)
    channels = hlo.shape(x)[1]
    if num_groups < 1 or channels % num_groups:
        raise node.error(f"{channels} channels do not divide into {num_groups} groups")
    return _group_norm(x, scale, bias, num_groups, epsilon)


def _group_norm(x: ir.Value, scale: ir.Value, bias: ir.Value, groups: Size, epsilon: float) -> ir.Value:
    """oxide.group_norm, or what it is made of where the number of groups is not known."""
    dims = hlo.shape(x)
    if hlo.shape(scale) != dims[1:2] or hlo.shape(bias) != dims[1:2]:
        raise OxideError(
            f"scale {hlo.shape(scale)} and bias {hlo.shape(bias)} must have one value for each channel of {dims}"
        )
    if hlo.is_static([groups]):
        return composites.build("group_norm", [x, scale, bias], groups=int(groups), epsilon=epsilon)[0]
    axes = list(range(2, hlo.rank(x)))
    wide = hlo.convert(x, np.promote_types(hlo.dtype(x), np.float32))
    centred = hlo.subtract(wide, hlo.reduce_mean(wide, axes, keepdims=True))
    deviation = hlo.rsqrt(hlo.add(hlo.reduce_variance(wide, axes, keepdims=True), epsilon))
    normal = hlo.convert(hlo.multiply(centred, deviation), hlo.dtype(x))
    return hlo.add(
        hlo.multiply(normal, hlo.broadcast_in_dim(scale, dims, [1])), hlo.broadcast_in_dim(bias, dims, [1])
    )


# ------------------------------------------------------------------------------------------------- others


MAX_NEIGHBOURS = 1 << 24


@lowering("LRN", 1, 13)
def local_response_norm(
    node: Node, x: ir.Value, *, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int
) -> ir.Value:
    """x / (bias + alpha / size * sum of squares over `size` neighbouring channels)^beta."""
    node.check_rank(x, "X", least=2)
    if not 0 < size <= MAX_NEIGHBOURS:
        raise node.error(f"size is {size}, expected 1 to {MAX_NEIGHBOURS}")
    window = [1] * hlo.rank(x)
    window[1] = size
    padding = [(0, 0)] * hlo.rank(x)
    padding[1] = ((size - 1) // 2, size // 2)
    squares = hlo.reduce_window(hlo.multiply(x, x), "add", window, padding=padding)
    return hlo.divide(x, hlo.power(hlo.add(hlo.multiply(squares, alpha / size), bias), beta))


@lowering("LpNormalization", 1, 22)
def lp_norm(node: Node, x: ir.Value, *, axis: int = -1, p: int = 2) -> ir.Value:
    """x over its norm along an axis; a zero vector stays zero."""
    if p not in (1, 2):
        raise node.error(f"p is {p}, expected 1 or 2")
    if p == 1:
        norm = hlo.reduce_sum(hlo.abs(x), [axis], keepdims=True)
    else:
        norm = hlo.sqrt(hlo.reduce_sum(hlo.multiply(x, x), [axis], keepdims=True))
    return hlo.divide(x, hlo.select(hlo.equal(norm, 0), hlo.full_like(norm, 1), norm))


@lowering("MeanVarianceNormalization", 9, 13)
def mean_variance_norm(node: Node, x: ir.Value, *, axes: list[int] | None = None) -> ir.Value:
    """(x - mean) / (standard deviation + 1e-9), as the operator's function body has it."""
    along = hlo.normalize_axes([0, 2, 3] if axes is None else axes, hlo.rank(x))
    mean = hlo.reduce_mean(x, along, keepdims=True)
    mean_square = hlo.reduce_mean(hlo.multiply(x, x), along, keepdims=True)
    deviation = hlo.sqrt(hlo.subtract(mean_square, hlo.multiply(mean, mean)))
    return hlo.divide(hlo.subtract(x, mean), hlo.add(deviation, 1e-9))
