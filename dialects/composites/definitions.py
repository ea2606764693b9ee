"""The composites: softmax, activations, normalisations, attention and fusion.

Half-precision inputs are normalised in float32, as PyTorch and ONNX Runtime do; results keep the input's dtype.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dims, hlo
from oxide.dialects.composites.registry import composite
from oxide.dialects.composites.verifiers import Types, require_axis, require_float, sizes
from oxide.dialects.diagnostics import OxideError

# --------------------------------------------------------------------------------------------- verifiers


def _float_only(types: Types) -> None:
    require_float(types)


def _axis_in_range(types: Types, axis: int) -> None:
    require_float(types)
    require_axis(types[0], axis)


def _gelu_kind(types: Types, approximate: str) -> None:
    require_float(types)
    if approximate not in ("none", "tanh"):
        raise OxideError(f'approximate is "{approximate}", expected "none" or "tanh"')


def _norm_shapes(types: Types, axes: tuple[int, ...], epsilon: float) -> None:
    require_float(types)
    x = types[0]
    if not axes or list(axes) != sorted(set(axes)) or not 0 <= axes[0] <= axes[-1] < x.rank:
        raise OxideError(f"axes {axes} are not ascending dimensions of {x}")
    normalized = [sizes(x)[a] for a in axes]
    for tensor in types[1:]:
        _require_shape(tensor, normalized, f"scale and bias need shape {normalized}, not {tensor}")
    _check_epsilon(epsilon)


def _batch_norm_shapes(types: Types, axis: int, epsilon: float) -> None:
    _axis_in_range(types, axis)
    features = sizes(types[0])[axis]
    for tensor in types[1:]:
        _require_shape(tensor, [features], f"batch_norm over {features} features has a parameter of type {tensor}")
    _check_epsilon(epsilon)


def _group_norm_shapes(types: Types, groups: int, epsilon: float, axis: int = 1) -> None:
    require_float(types)
    x = types[0]
    if x.rank < 2:
        raise OxideError(f"group_norm needs [batch, channels, ...], not {x}")
    if not 1 <= axis < x.rank:
        raise OxideError(f"axis {axis} is no dimension of {x} behind the batch")
    channels = sizes(x)[axis]
    if groups < 1:
        raise OxideError(f"groups is {groups}, expected at least 1")
    dims.require_equal(channels % groups, 0, f"{channels} channels are no multiple of {groups} groups")
    for tensor in types[1:]:
        _require_shape(tensor, [channels], f"scale and bias need shape [{channels}], not {tensor}")
    _check_epsilon(epsilon)


def _require_shape(tensor: ir.RankedTensorType, shape: Sequence[dims.Size], message: str) -> None:
    have = sizes(tensor)
    if len(have) != len(shape):
        raise OxideError(message)
    for size, wanted in zip(have, shape, strict=True):
        dims.require_equal(size, wanted, message)


def _check_epsilon(epsilon: float) -> None:
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise OxideError(f"epsilon is {epsilon}, expected a finite number of at least 0")


def _attention_shapes(types: Types, scale: float, causal: bool, soft_cap: float = 0.0) -> None:
    q, k, v = types[:3]
    require_float(types[:3])
    if not (q.rank == k.rank == v.rank == 4):
        raise OxideError(f"attention needs q, k and v of rank 4 [batch, heads, length, size], not {q}, {k}, {v}")
    batch, heads, length, size = sizes(q)
    misfit = f"attention of q {q}, k {k} and v {v}: batch, length or size do not fit"
    dims.require_equal(sizes(k)[3], size, misfit)
    dims.require_equal(sizes(k)[0], batch, misfit)
    for have, want in zip(sizes(v)[:3], sizes(k)[:3], strict=True):
        dims.require_equal(have, want, misfit)
    key_heads = sizes(k)[1]
    message = f"{heads} query heads are no multiple of {key_heads} key heads"
    dims.require_at_least(key_heads, 1, message)
    dims.require_equal(heads % key_heads, 0, message)
    if not math.isfinite(scale):
        raise OxideError(f"scale is {scale}, expected a finite number")
    if not (math.isfinite(soft_cap) and soft_cap >= 0):
        raise OxideError(f"soft_cap is {soft_cap}, expected a finite number of at least 0")
    if len(types) == 4:
        hlo.broadcast_shapes(sizes(types[3]), (batch, heads, length, sizes(k)[2]))


def _fusion_kind(types: Types, kind: str) -> None:
    if kind not in ("loop", "input", "output"):
        raise OxideError(f'fusion kind is "{kind}", expected "loop", "input" or "output"')


# ---------------------------------------------------------------------------------------- decompositions


def _below_maximum(x: ir.Value, axis: int) -> ir.Value:
    """x - max x along an axis.

    The minimum changes no value.  Without it XLA may contract a product that x is with the subtraction: it is not
    rounded then, the maximum is, and where x is huge (a mask's -3e38 / 3) no element is its row's maximum.
    """
    largest = hlo.broadcast_to(hlo.reduce_max(x, [axis], keepdims=True), hlo.shape(x))
    return hlo.subtract(hlo.minimum(x, largest), largest)


@composite("softmax", operands=(1, 1), verify=_axis_in_range, axis=int)
def softmax(x: ir.Value, *, axis: int) -> ir.Value:
    """exp(x - max x) / sum exp(x - max x) along an axis."""
    wide = _widen(x)
    powers = hlo.exp(_below_maximum(wide, axis))
    return _narrow(hlo.divide(powers, hlo.reduce_sum(powers, [axis], keepdims=True)), x)


@composite("log_softmax", operands=(1, 1), verify=_axis_in_range, axis=int)
def log_softmax(x: ir.Value, *, axis: int) -> ir.Value:
    """(x - max x) - log sum exp(x - max x) along an axis."""
    wide = _widen(x)
    shifted = _below_maximum(wide, axis)
    total = hlo.reduce_sum(hlo.exp(shifted), [axis], keepdims=True)
    return _narrow(hlo.subtract(shifted, hlo.log(total)), x)


@composite("logsumexp", operands=(1, 1), verify=_axis_in_range, axis=int)
def logsumexp(x: ir.Value, *, axis: int) -> ir.Value:
    """log sum exp x along an axis, which the result does not have; finite maxima are subtracted first."""
    wide = _widen(x)
    largest = hlo.reduce_max(wide, [axis])
    largest = hlo.select(hlo.is_finite(largest), largest, 0)
    kept = [a for a in range(hlo.rank(x)) if a != axis]
    shifted = hlo.subtract(wide, _spread(largest, x, kept))
    return _narrow(hlo.add(hlo.log(hlo.reduce_sum(hlo.exp(shifted), [axis])), largest), x)


@composite("cumlogsumexp", operands=(1, 1), verify=_axis_in_range, axis=int)
def cumlogsumexp(x: ir.Value, *, axis: int) -> ir.Value:
    """log sum exp x over the elements up to each one along an axis."""
    wide = _widen(x)
    known = isinstance(hlo.shape(x)[axis], int)
    running = hlo.cumulative_by_halves if known else hlo.cumulative
    return _narrow(running(wide, "logaddexp", axis), x)


@composite("gelu", operands=(1, 1), verify=_gelu_kind, approximate=str)
def gelu(x: ir.Value, *, approximate: str) -> ir.Value:
    """x * Phi(x): by erf, or by tanh(sqrt(2/pi) (x + 0.044715 x^3)) (Hendrycks and Gimpel, 2016)."""
    if approximate == "none":
        phi = hlo.add(hlo.erf(hlo.multiply(x, math.sqrt(0.5))), 1)
    else:
        cubic = hlo.add(x, hlo.multiply(hlo.multiply(hlo.multiply(x, x), x), 0.044715))
        phi = hlo.add(hlo.tanh(hlo.multiply(cubic, math.sqrt(2 / math.pi))), 1)
    return hlo.multiply(hlo.multiply(x, 0.5), phi)


@composite("silu", operands=(1, 1), verify=_float_only)
def silu(x: ir.Value) -> ir.Value:
    """x * sigmoid(x)."""
    return hlo.multiply(x, hlo.logistic(x))


@composite("mish", operands=(1, 1), verify=_float_only)
def mish(x: ir.Value) -> ir.Value:
    """x * tanh(log(1 + e^x)) (Misra, 2019), with a logarithm that neither overflows nor loses small terms."""
    softplus = hlo.add(hlo.maximum(x, 0), hlo.log1p(hlo.exp(hlo.negate(hlo.abs(x)))))
    return hlo.multiply(x, hlo.tanh(softplus))


@composite("hard_swish", operands=(1, 1), verify=_float_only)
def hard_swish(x: ir.Value) -> ir.Value:
    """x * clamp(0, x + 3, 6) / 6 (Howard et al., 2019)."""
    return hlo.multiply(x, hlo.divide(hlo.clamp(0, hlo.add(x, 3), 6), 6))


@composite("layer_norm", operands=(2, 3), verify=_norm_shapes, axes=tuple, epsilon=float)
def layer_norm(
    x: ir.Value, scale: ir.Value, bias: ir.Value | None = None, *, axes: tuple[int, ...], epsilon: float
) -> ir.Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias over axes, population variance (ONNX 17)."""
    wide = _widen(x)
    centred = hlo.subtract(wide, hlo.reduce_mean(wide, axes, keepdims=True))
    variance = hlo.reduce_mean(hlo.multiply(centred, centred), axes, keepdims=True)
    normal = _narrow(hlo.multiply(centred, hlo.rsqrt(hlo.add(variance, epsilon))), x)
    y = hlo.multiply(normal, _spread(scale, x, axes))
    return y if bias is None else hlo.add(y, _spread(bias, x, axes))


@composite("rms_norm", operands=(2, 2), verify=_norm_shapes, axes=tuple, epsilon=float)
def rms_norm(x: ir.Value, scale: ir.Value, *, axes: tuple[int, ...], epsilon: float) -> ir.Value:
    """x / sqrt(mean(x^2) + epsilon) * scale over axes (Zhang and Sennrich, 2019)."""
    wide = _widen(x)
    power = hlo.reduce_mean(hlo.multiply(wide, wide), axes, keepdims=True)
    normal = _narrow(hlo.multiply(wide, hlo.rsqrt(hlo.add(power, epsilon))), x)
    return hlo.multiply(normal, _spread(scale, x, axes))


@composite("group_norm", operands=(3, 3), verify=_group_norm_shapes, groups=int, epsilon=float, axis=int)
def group_norm(
    x: ir.Value, scale: ir.Value, bias: ir.Value, *, groups: int, epsilon: float, axis: int = 1
) -> ir.Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias of x [batch, channels, ...] (Wu and He, 2018).

    Mean and population variance are of one group of consecutive channels, scale and bias of one channel.  The
    channels may be another dimension, `axis`.
    """
    batch, *rest = hlo.shape(x)
    channels = rest.pop(axis - 1)
    if axis == 1:
        shape, within = [batch, groups, channels // groups * math.prod(rest)], [2]
    else:
        shape = [batch, *rest[: axis - 1], groups, channels // groups, *rest[axis - 1 :]]
        within = [i for i in range(1, len(shape)) if i != axis]
    wide = hlo.reshape(_widen(x), shape)
    centred = hlo.subtract(wide, hlo.reduce_mean(wide, within, keepdims=True))
    variance = hlo.reduce_mean(hlo.multiply(centred, centred), within, keepdims=True)
    normal = hlo.reshape(hlo.multiply(centred, hlo.rsqrt(hlo.add(variance, epsilon))), hlo.shape(x))
    return hlo.add(hlo.multiply(_narrow(normal, x), _spread(scale, x, [axis])), _spread(bias, x, [axis]))


@composite("batch_norm", operands=(5, 5), verify=_batch_norm_shapes, axis=int, epsilon=float)
def batch_norm(
    x: ir.Value,
    scale: ir.Value,
    bias: ir.Value,
    mean: ir.Value,
    variance: ir.Value,
    *,
    axis: int,
    epsilon: float,
) -> ir.Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias per feature, with given statistics (inference).

    Computed as x * a + b with a = scale / sqrt(variance + epsilon) and b = bias - mean * a, so that everything
    but one multiply and one add depends on weights alone.  Statistics may be wider than x (ONNX 15).
    """
    statistics = hlo.dtype(variance)
    wide = np.promote_types(statistics, np.float32)
    scale, bias, mean, variance = (hlo.convert(v, wide) for v in (scale, bias, mean, variance))
    factor = hlo.multiply(scale, hlo.rsqrt(hlo.add(variance, epsilon)))
    offset = hlo.subtract(bias, hlo.multiply(mean, factor))
    y = hlo.add(
        hlo.multiply(hlo.convert(x, wide), _spread(factor, x, [axis])),
        _spread(offset, x, [axis]),
    )
    return hlo.convert(y, hlo.dtype(x))


@composite("attention", operands=(3, 4), verify=_attention_shapes, scale=float, causal=bool, soft_cap=float)
def attention(
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    mask: ir.Value | None = None,
    *,
    scale: float,
    causal: bool,
    soft_cap: float = 0.0,
) -> ir.Value:
    """softmax(scale * q k^T + mask) v over [batch, heads, length, size] (Vaswani et al., 2017).

    Query heads share key heads in consecutive groups.  A bool mask keeps where true; a float mask is added.
    `causal` keeps key positions up to the query's own.  A row with nothing kept gives zeros for a bool mask.
    Scores s are soft_cap tanh(s / soft_cap) before they are masked, unless that is 0 (Bello et al., 2016).
    """
    batch, heads, length, size = hlo.shape(q)
    key_heads, span = hlo.shape(k)[1:3]
    group = heads // key_heads
    grouped = hlo.reshape(q, [batch, key_heads, group * length, size])
    pairs = ([0, 1], [0, 1])
    # Half-precision products are summed in float32 and stay there up to the result: scores can exceed float16's
    # range, and rounded weights cost more than the last bit.
    wide = np.promote_types(hlo.dtype(q), np.float32)
    scores = hlo.dot_general(grouped, k, contract=([3], [3]), batch=pairs, result_dtype=wide)
    scores = hlo.multiply(scores, scale)
    scores = hlo.reshape(scores, [batch, heads, length, span])
    if soft_cap:
        scores = hlo.multiply(hlo.tanh(hlo.divide(scores, soft_cap)), soft_cap)
    kept: ir.Value | None = None
    if mask is not None and hlo.dtype(mask) == np.bool_:
        kept = hlo.broadcast_to(mask, hlo.shape(scores))
    elif mask is not None:
        scores = hlo.add(scores, hlo.convert(mask, hlo.dtype(scores)))
    if causal:
        before = hlo.greater_equal(hlo.iota([length, span], 0, "int32"), hlo.iota([length, span], 1, "int32"))
        before = hlo.broadcast_to(before, hlo.shape(scores))
        kept = before if kept is None else hlo.and_(kept, before)
    if kept is not None:
        scores = hlo.select(kept, scores, float(hlo.lowest_finite(hlo.dtype(scores))))
    weights = softmax(scores, axis=3)
    if kept is not None:
        weights = hlo.select(kept, weights, 0)
    weights = hlo.reshape(weights, [batch, key_heads, group * length, span])
    mixed = hlo.dot_general(weights, hlo.convert(v, wide), contract=([3], [2]), batch=pairs)
    return _narrow(hlo.reshape(mixed, [batch, heads, length, hlo.shape(v)[3]]), q)


@composite("fusion", operands=(0, 1 << 20), verify=_fusion_kind, kind=str)
def fusion(*operands: ir.Value, kind: str) -> ir.Value:
    """A group of operations for one kernel; the fuse pass supplies each one's own decomposition."""
    raise OxideError("oxide.fusion has no general decomposition; the fuse pass builds one from what it groups")


def _widen(x: ir.Value) -> ir.Value:
    return hlo.convert(x, np.float32) if hlo.dtype(x).itemsize < 4 else x


def _narrow(x: ir.Value, like: ir.Value) -> ir.Value:
    return hlo.convert(x, hlo.dtype(like))


def _spread(v: ir.Value, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    return hlo.broadcast_in_dim(v, hlo.shape(x), axes)
