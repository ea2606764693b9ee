"""Functions that a generated file may hold a copy of.

The emitter copies their source text as it stands, with those they call; this module is never imported by it,
because it needs JAX.  They are ordinary code: formatted, type-checked and tested like any other.
"""
# The copies carry no annotations of their own module, so these stay plain.
# pyright: basic

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from safetensors import deserialize
from safetensors.flax import load_file

PARAMETERS_FILE = "model.safetensors"
PARAMETER_DTYPES = {}


def load_file_with_dtypes(path):
    """The tensors of a safetensors file, which holds types it has no name for under another one."""
    tensors = {}
    for name, tensor in deserialize(Path(path).read_bytes()):
        dtype = jnp.dtype(PARAMETER_DTYPES[name])
        # complex128 is stored as pairs of float64.
        shape = tensor["shape"][:-1] if dtype == jnp.complex128 else tensor["shape"]
        tensors[name] = jnp.asarray(np.frombuffer(tensor["data"], dtype).reshape(shape))
    return tensors


def load_params(path=None):
    """The weights as nested dicts of arrays: "layer.0.weight" is params["layer"]["0"]["weight"]."""
    path = Path(__file__).with_name(PARAMETERS_FILE) if path is None else path
    params = {}
    for name, value in load_file(path).items():
        *parents, last = name.split(".")
        branch = params
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return params


def load_params_with_whole_names(path=None):
    """The weights as nested dicts of arrays: "layer.0.weight" is params["layer"]["0"]["weight"].

    Where "a" is a weight, "a.b" cannot be params["a"]["b"], and is params["a.b"].
    """
    path = Path(__file__).with_name(PARAMETERS_FILE) if path is None else path
    tensors = load_file(path)
    params = {}
    for name, value in tensors.items():
        *parents, last = name.split(".")
        if any(".".join(parents[: n + 1]) in tensors for n in range(len(parents))):
            parents, last = [], name
        branch = params
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return params


def stack_layers(layers):
    """The weights of the layers "0", "1", ... as one branch; each has the layers as its first dimension."""
    in_order = [layers[str(number)] for number in range(len(layers))]
    return jax.tree.map(lambda *weights: jnp.stack(weights), *in_order)


def require(holds, relation):
    """Raise ValueError unless a relation between the sizes of the inputs holds."""
    if not holds:
        raise ValueError(f"these inputs do not fit together: it must hold that {relation}")


def conv(x, kernel, *, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of x [batch, features, ...] with kernel [features out, features in / groups, ...].

    One number for stride, padding or dilation holds for every dimension.
    """
    rank = x.ndim - 2
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=each(stride, rank),
        padding=sides(padding, rank),
        rhs_dilation=each(dilation, rank),
        feature_group_count=groups,
    )


def max_pool(x, size, *, stride=1, padding=0):
    """The largest element of each window over x [batch, features, ...]."""
    return pool(x, -jnp.inf, lax.max, size, stride, padding)


def sum_pool(x, size, *, stride=1, padding=0):
    """The sum of each window over x [batch, features, ...]."""
    return pool(x, 0.0, lax.add, size, stride, padding)


def pool(x, start, combine, size, stride, padding):
    """Reduce each window over x [batch, features, ...]."""
    rank = x.ndim - 2
    window, strides = (1, 1, *each(size, rank)), (1, 1, *each(stride, rank))
    return lax.reduce_window(x, start, combine, window, strides, [(0, 0), (0, 0), *sides(padding, rank)])


def each(number, rank):
    """One number for every dimension, unless there is one for each already."""
    return (number,) * rank if isinstance(number, int) else number


def sides(padding, rank):
    """(before, after) for every dimension."""
    return [(p, p) if isinstance(p, int) else p for p in each(padding, rank)]


def float32_or_wider(x):
    """Half precision as float32; anything else as it is."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


def layer_norm(x, scale, bias=None, *, axes, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias over axes."""
    wide = float32_or_wider(x)
    centred = wide - wide.mean(axes, keepdims=True)
    variance = (centred * centred).mean(axes, keepdims=True)
    y = (centred * lax.rsqrt(variance + epsilon)).astype(x.dtype) * along(scale, x, axes)
    return y if bias is None else y + along(bias, x, axes)


def rms_norm(x, scale, *, axes, epsilon):
    """x / sqrt(mean(x^2) + epsilon) * scale over axes."""
    wide = float32_or_wider(x)
    power = (wide * wide).mean(axes, keepdims=True)
    return (wide * lax.rsqrt(power + epsilon)).astype(x.dtype) * along(scale, x, axes)


def group_norm(x, scale, bias, *, groups, epsilon, axis=1):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias within groups of channels, a dimension of x."""
    wide = float32_or_wider(x)
    wide = wide.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
    within = tuple(a for a in range(1, wide.ndim) if a != axis)
    centred = wide - wide.mean(within, keepdims=True)
    variance = (centred * centred).mean(within, keepdims=True)
    normal = (centred * lax.rsqrt(variance + epsilon)).reshape(x.shape).astype(x.dtype)
    return normal * along(scale, x, [axis]) + along(bias, x, [axis])


def along(weights, x, axes):
    """Weights for the given axes of x, reshaped so that they broadcast against it."""
    axes = [a % x.ndim for a in axes]
    return weights.reshape([n if d in axes else 1 for d, n in enumerate(x.shape)])


def dequantized(x, scale, zero, *, axis=0):
    """(x - zero) * scale, where scale and zero are numbers or have one for each element along an axis."""
    scale, zero = (v if v.ndim == 0 else along(v, x, [axis]) for v in (scale, zero))
    return (x.astype(zero.dtype) - zero).astype(jnp.float32) * scale


def batch_norm(x, scale, bias, mean, variance, *, axis, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias for each feature of an axis."""
    wide = jnp.promote_types(variance.dtype, jnp.float32)
    scale, bias, mean, variance = (v.astype(wide) for v in (scale, bias, mean, variance))
    factor = scale * lax.rsqrt(variance + epsilon)
    offset = bias - mean * factor
    y = x.astype(wide) * along(factor, x, [axis]) + along(offset, x, [axis])
    return y.astype(x.dtype)


def rotary(x, cos, sin, *, interleaved=False):
    """Pairs (a, b) of x become (a cos - b sin, a sin + b cos), for angles of each pair or of each element."""
    first, second = (x[..., ::2], x[..., 1::2]) if interleaved else jnp.split(x, 2, axis=-1)
    if cos.shape[-1] == x.shape[-1]:
        return x * cos + paired(-second, first, interleaved) * sin
    return paired(first * cos - second * sin, first * sin + second * cos, interleaved)


def paired(first, second, interleaved):
    """The last dimension of two arrays as one: neighbour by neighbour, or one after the other."""
    if not interleaved:
        return jnp.concatenate([first, second], axis=-1)
    return jnp.stack([first, second], axis=-1).reshape(*first.shape[:-1], -1)


def attention(q, k, v, mask=None, *, scale, causal=False, soft_cap=0.0):
    """softmax(scale * q k^T + mask) v for q [batch, heads, length, size]; k and v may have fewer heads.

    A bool mask keeps where true, a float mask is added.  A query that may see nothing gives zeros.
    Scores s are soft_cap tanh(s / soft_cap) before they are masked, unless that is 0.
    """
    batch, heads, length, size = q.shape
    key_heads, span = k.shape[1:3]
    q_groups = q.reshape(batch, key_heads, heads // key_heads * length, size)
    scores = float32_or_wider(q_groups @ k.mT) * scale
    scores = scores.reshape(batch, heads, length, span)
    if soft_cap:
        scores = jnp.tanh(scores / soft_cap) * soft_cap
    keep = None
    if mask is not None and mask.dtype == jnp.bool_:
        keep = mask
    elif mask is not None:
        scores = scores + mask.astype(scores.dtype)
    if causal:
        triangle = jnp.tri(length, span, dtype=jnp.bool_)
        keep = triangle if keep is None else keep & triangle
    if keep is not None:
        scores = jnp.where(keep, scores, jnp.finfo(scores.dtype).min)
    weights = jax.nn.softmax(scores, axis=-1)
    if keep is not None:
        weights = jnp.where(keep, weights, 0)
    weights = weights.astype(q.dtype).reshape(batch, key_heads, -1, span)
    return (weights @ v).reshape(batch, heads, length, v.shape[3])


def batch_statistics(x, axis):
    """Mean and population variance for each feature of an axis."""
    others = tuple(d for d in range(x.ndim) if d != axis)
    mean = x.mean(others)
    return mean, ((x - along(mean, x, [axis])) ** 2).mean(others)


def batch_norm_training(x, scale, offset, *, axis, epsilon):
    """Batch normalisation with the statistics of x, and those statistics."""
    mean, variance = batch_statistics(x, axis)
    return batch_norm_inference(x, scale, offset, mean, variance, axis=axis, epsilon=epsilon), mean, variance


def batch_norm_inference(x, scale, offset, mean, variance, *, axis, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset for each feature of an axis."""
    scale, offset, mean, variance = (along(v, x, [axis]) for v in (scale, offset, mean, variance))
    return (x - mean) / jnp.sqrt(variance + jnp.asarray(epsilon, x.dtype)) * scale + offset


def batch_norm_grad(x, scale, mean, variance, gradient, *, axis, epsilon):
    """The gradients of batch_norm_training for x, scale and offset."""
    others = tuple(d for d in range(x.ndim) if d != axis)
    count = x.size // x.shape[axis]
    centred = x - along(mean, x, [axis])
    deviation = along(jnp.sqrt(variance + jnp.asarray(epsilon, x.dtype)), x, [axis])
    offset_gradient = gradient.sum(others)
    scale_gradient = (gradient * centred / deviation).sum(others)
    projected = along((gradient * centred).sum(others), x, [axis]) * centred / (deviation * deviation)
    x_gradient = along(scale, x, [axis]) / deviation / count
    x_gradient = x_gradient * (count * gradient - along(offset_gradient, x, [axis]) - projected)
    return x_gradient, scale_gradient, offset_gradient


def integer_power(x, y):
    """x ** y for integers, wrapping; a negative y gives 1 / x ** -y rounded towards zero."""
    result, base, left = jnp.ones_like(x), x, y
    for _ in range(x.dtype.itemsize * 8):
        result = jnp.where(left & 1 == 1, result * base, result)
        base, left = base * base, lax.shift_right_logical(left, jnp.ones_like(left))
    if jnp.issubdtype(x.dtype, jnp.unsignedinteger):
        return result
    odd = jnp.where(y & 1 == 1, x, jnp.ones_like(x))
    return jnp.where(y >= 0, result, jnp.where(abs(x) == 1, odd, jnp.zeros_like(x)))


def pullback(function, x, gradient):
    """The gradient at x of what has this gradient at function(x)."""
    _, pull = jax.vjp(function, x)
    return pull(gradient)[0]


def total_order(x):
    """Integers that order as the floats x do in IEEE 754's total order (-NaN first, -0 before 0, NaN last)."""
    bits = lax.bitcast_convert_type(x, jnp.dtype(f"int{x.dtype.itemsize * 8}"))
    return jnp.where(bits < 0, bits ^ jnp.iinfo(bits.dtype).max, bits)


def float_order(x):
    """Integers that order as the floats x do, zeros being equal and NaN last."""
    return total_order(jnp.where(x == 0, jnp.zeros_like(x), jnp.where(x != x, jnp.full_like(x, jnp.nan), x)))


def sort_by(before, operands, *, axis):
    """Sort arrays along an axis, stably, by a comparator of scalars before(a0, b0, a1, b1, ...)."""
    operands = [jnp.moveaxis(x, axis, -1) for x in operands]
    pairs = [side for x in operands for side in (x[..., :, None], x[..., None, :])]
    first = jnp.broadcast_to(before(*pairs), (*operands[0].shape, operands[0].shape[-1]))
    earlier = jnp.arange(first.shape[-1])[:, None] < jnp.arange(first.shape[-1])
    # Element i stands before element j if the comparator says so, or does not decide and i < j.
    place = (first | (~first.mT & earlier)).sum(-2)
    order = jnp.argsort(place, axis=-1)
    return tuple(jnp.moveaxis(jnp.take_along_axis(x, order, axis=-1), -1, axis) for x in operands)
