"""Operators of autoregressive decoders around attention: rotary positions, caches, recurrent state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.dims import Size, require_same
from oxide.frontends.onnx.ops.attention import default_scale, heads_first, heads_last
from oxide.frontends.onnx.registry import Node, lowering


@lowering("SwiGLU", 28)
def swiglu(node: Node, a: ir.Value, b: ir.Value, *, alpha: float = 1.0) -> ir.Value:
    """a sigmoid(alpha a) b."""
    message = f"the gate has shape {hlo.shape(a)}, the value {hlo.shape(b)}; they must be equal"
    require_same(hlo.shape(a), hlo.shape(b), message)
    return hlo.multiply(swish(a, alpha), b)


def swish(x: ir.Value, alpha: float = 1.0) -> ir.Value:
    if alpha == 1:
        return composites.build("silu", [x])[0]
    return hlo.multiply(x, hlo.logistic(hlo.multiply(x, alpha)))


# ------------------------------------------------------------------------------------------ rotary positions


@lowering("RotaryEmbedding", 23)
def rotary_embedding(
    node: Node,
    x: ir.Value,
    cos_cache: ir.Value,
    sin_cache: ir.Value,
    position_ids: ir.Value | None = None,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> ir.Value:
    """x is [batch, heads, length, size] or [batch, length, heads * size]; the caches are [positions, angles]
    with position ids [batch, length], else [batch, length, angles]."""
    packed = hlo.rank(x) == 3
    if packed:
        x = heads_first(node, x, num_heads)
    elif hlo.rank(x) != 4:
        raise node.error(f"X has shape {hlo.shape(x)}, expected rank 3 or 4")
    if position_ids is not None:
        cos_cache, sin_cache = (hlo.take(c, position_ids, 0) for c in (cos_cache, sin_cache))
    turned = rotate(node, x, cos_cache, sin_cache, bool(interleaved), rotary_embedding_dim)
    return heads_last(turned) if packed else turned


def rotate(node: Node, x: ir.Value, cos: ir.Value, sin: ir.Value, interleaved: bool, width: Size) -> ir.Value:
    """Rotate pairs of the first `width` elements (0: all) of [batch, heads, length, size].

    Angles are [batch, length, width / 2]; a pair is two neighbours, or one element of each half.
    """
    size = hlo.shape(x)[3]
    width = width or size
    if width % 2 or width > size or hlo.rank(cos) != 3 or hlo.shape(cos)[-1] != width // 2:
        raise node.error(
            f"{width} of {size} elements to rotate need {width // 2} angles each, the cache has {hlo.shape(cos)}"
        )
    turning, rest = hlo.split(x, 3, [width, size - width])
    tables = [hlo.expand_dims(table, [1]) for table in (cos, sin)]
    (turned,) = composites.build("rotary", [turning, *tables], interleaved=interleaved)
    return turned if width == size else hlo.concatenate([turned, rest], 3)


# -------------------------------------------------------------------------------------------------- caches


@lowering("TensorScatter", 24)
def tensor_scatter(
    node: Node,
    past_cache: ir.Value,
    update: ir.Value,
    write_indices: ir.Value | None = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> ir.Value:
    """The cache with `update` written along `axis`, for every batch from its own index on."""
    axis = hlo.normalize_axis(axis, hlo.rank(past_cache))
    if axis == 0:
        raise node.error("axis cannot be 0, the batch dimension")
    if mode not in ("linear", "circular"):
        raise node.error(f'mode is "{mode}", expected "linear" or "circular"')
    dims, new = hlo.shape(past_cache), hlo.shape(update)
    fits = len(dims) == len(new) and all(
        a == b or (i == axis and b < a) for i, (a, b) in enumerate(zip(dims, new, strict=True))
    )
    if not fits or (write_indices is not None and hlo.size(write_indices) != dims[0]):
        raise node.error(f"an update of shape {new} along axis {axis} does not fit a cache of shape {dims}")
    zeros: list[ir.Value | int] = [0] * hlo.rank(past_cache)
    if write_indices is None:
        return hlo.dynamic_update_slice(past_cache, update, zeros)
    batch, length = hlo.shape(update)[0], hlo.shape(update)[axis]
    if mode == "linear" and batch == 1:
        starts = [hlo.constant(0, hlo.dtype(write_indices))] * hlo.rank(past_cache)
        starts[axis] = write_indices
        return hlo.dynamic_update_slice(past_cache, update, starts)
    steps = hlo.iota([batch, length, 1], 1, hlo.dtype(write_indices))
    positions = hlo.add(steps, hlo.reshape(write_indices, [batch, 1, 1]))
    if mode == "circular":
        positions = hlo.remainder(positions, hlo.shape(past_cache)[axis])
    return hlo.scatter(
        past_cache,
        positions,
        update,
        kind="set",
        update_window_dims=[i for i in range(hlo.rank(update)) if i not in (0, axis)],
        inserted=[axis],
        scattered=[axis],
        index_vector_dim=2,
        operand_batch=[0],
        indices_batch=[0],
        unique=True,
    )


@lowering("CausalConvWithState", 27)
def causal_conv_with_state(
    node: Node,
    x: ir.Value,
    weight: ir.Value,
    bias: ir.Value | None = None,
    past_state: ir.Value | None = None,
    *,
    activation: str = "none",
) -> list[ir.Value]:
    """Depthwise convolution over past and present; the new state is the last k - 1 inputs."""
    if activation not in ("none", "silu", "swish"):
        raise node.error(f'activation is "{activation}", expected "none", "silu" or "swish"')
    if hlo.rank(x) != 3 or hlo.rank(weight) != 3 or hlo.shape(weight)[:2] != (hlo.shape(x)[1], 1):
        raise node.error(f"a weight of shape {hlo.shape(weight)} is not depthwise for an input of {hlo.shape(x)}")
    batch, channels, _ = hlo.shape(x)
    reach = hlo.shape(weight)[2] - 1
    if past_state is None:
        past_state = hlo.full([batch, channels, reach], 0, hlo.dtype(x))
    padded = hlo.concatenate([past_state, x], 2)
    y = hlo.convolution(padded, weight, strides=[1], padding=[(0, 0)], groups=channels)
    if bias is not None:
        y = hlo.add(y, hlo.reshape(bias, [channels, 1]))
    total = hlo.shape(padded)[2]
    return [y if activation == "none" else swish(y), hlo.slice_axis(padded, 2, total - reach, total)]


# ---------------------------------------------------------------------------------------- linear attention

_DECAYING = ("gated", "gated_delta")
_CORRECTING = ("delta", "gated_delta")


@lowering("LinearAttention", 27)
def linear_attention(
    node: Node,
    query: ir.Value,
    key: ir.Value,
    value: ir.Value,
    past_state: ir.Value | None = None,
    decay: ir.Value | None = None,
    beta: ir.Value | None = None,
    *,
    chunk_size: int = 64,
    kv_num_heads: int,
    q_num_heads: int,
    scale: float = 0.0,
    update_rule: str = "gated_delta",
) -> list[ir.Value]:
    """The recurrence S <- exp(decay) S + beta k (v - S^T k)^T, y = scale S^T q, in float32, one step a token.

    `chunk_size` is a hint for another order of the same sums.
    """
    _check_linear_attention(node, update_rule, decay, beta, q_num_heads, kv_num_heads)
    q, k, v = (
        _tokens_first(heads_first(node, x, heads))
        for x, heads in ((query, q_num_heads), (key, kv_num_heads), (value, kv_num_heads))
    )
    length, batch, heads, size = hlo.shape(k)
    wanted = (batch, heads, size, hlo.shape(v)[3])
    if past_state is not None and hlo.shape(past_state) != wanted:
        raise node.error(f"past_state has shape {hlo.shape(past_state)}, expected {wanted}")
    for name, gate in (("decay", decay), ("beta", beta)):
        if gate is not None:
            node.check_rank(gate, name, 3)
    gates = [
        None if gate is None else _tokens_first(heads_first(node, gate, min(heads, hlo.shape(gate)[2])))
        for gate in (decay, beta)
    ]
    factor = scale or default_scale(size)
    state_dtype = hlo.dtype(query if past_state is None else past_state)
    if past_state is None:
        past_state = hlo.full([batch, heads, size, hlo.shape(v)[3]], 0, np.float32)
    state = hlo.convert(past_state, np.float32)
    sequences = [x for x in (q, k, v, *gates) if x is not None]
    present = [gate is not None for gate in gates]

    def step(state: ir.Value, *tokens: ir.Value) -> tuple[ir.Value, ir.Value]:
        rest = iter(tokens[3:])
        now_decay, now_beta = (next(rest) if there else None for there in present)
        return _linear_step(state, tokens[0], tokens[1], tokens[2], now_decay, now_beta, factor)

    state, outputs = _scan(step, state, sequences, [batch, q_num_heads, hlo.shape(v)[3]], length)
    y = hlo.reshape(hlo.transpose(outputs, [1, 0, 2, 3]), [batch, length, q_num_heads * hlo.shape(v)[3]])
    return [hlo.convert(y, hlo.dtype(query)), hlo.convert(state, state_dtype)]


def _check_linear_attention(
    node: Node, rule: str, decay: ir.Value | None, beta: ir.Value | None, q_heads: int, kv_heads: int
) -> None:
    if rule not in ("linear", *_CORRECTING, "gated"):
        raise node.error(f'update_rule is "{rule}", expected "linear", "gated", "delta" or "gated_delta"')
    if (decay is not None) != (rule in _DECAYING) or (beta is not None) != (rule in _CORRECTING):
        raise node.error(f'the inputs decay and beta do not fit update_rule "{rule}"')
    if kv_heads < 1 or q_heads % kv_heads:
        raise node.error(f"q_num_heads {q_heads} is no multiple of kv_num_heads {kv_heads}")


def _tokens_first(x: ir.Value) -> ir.Value:
    """[batch, heads, length, size] as float32 [length, batch, heads, size]."""
    return hlo.convert(hlo.transpose(x, [2, 0, 1, 3]), np.float32)


def _linear_step(
    state: ir.Value,
    q: ir.Value,
    k: ir.Value,
    v: ir.Value,
    decay: ir.Value | None,
    beta: ir.Value | None,
    scale: float,
) -> tuple[ir.Value, ir.Value]:
    """One token: q, k, v and decay are [batch, heads, size], beta [batch, heads or 1, 1], the state
    [batch, heads, size, value size]."""
    batch, heads, size, value_size = hlo.shape(state)
    if decay is not None:
        state = hlo.multiply(state, hlo.expand_dims(hlo.exp(decay), [3]))
    pairs = ([0, 1], [0, 1])
    if beta is not None:
        known = hlo.dot_general(state, k, contract=([2], [2]), batch=pairs)
        v = hlo.multiply(beta, hlo.subtract(v, known))
    state = hlo.add(state, hlo.multiply(hlo.expand_dims(k, [3]), hlo.expand_dims(v, [2])))
    grouped = hlo.reshape(q, [batch, heads, hlo.shape(q)[1] // heads, size])
    read = hlo.dot_general(grouped, state, contract=([3], [2]), batch=pairs)
    return state, hlo.multiply(hlo.reshape(read, [batch, hlo.shape(q)[1], value_size]), scale)


def _scan(
    step: Callable[..., tuple[ir.Value, ir.Value]],
    state: ir.Value,
    sequences: list[ir.Value],
    item: list[int],
    length: int,
) -> tuple[ir.Value, ir.Value]:
    """Run `step(state, *tokens)` over the leading dimension; a single token needs no loop."""
    if length == 1:
        state, y = step(state, *(hlo.squeeze(x, [0]) for x in sequences))
        return state, hlo.expand_dims(y, [0])
    origin = [0] * len(item)

    def body(i: ir.Value, state: ir.Value, ys: ir.Value) -> list[ir.Value]:
        zero = hlo.constant(0, np.int32)
        tokens = [
            hlo.squeeze(hlo.dynamic_slice(x, [i, *[zero] * (hlo.rank(x) - 1)], [1, *hlo.shape(x)[1:]]), [0])
            for x in sequences
        ]
        state, y = step(state, *tokens)
        ys = hlo.dynamic_update_slice(ys, hlo.expand_dims(y, [0]), [i, *[zero] * len(origin)])
        return [hlo.add(i, 1), state, ys]

    initial = [hlo.constant(0, np.int32), state, hlo.full([length, *item], 0, np.float32)]
    _, state, ys = hlo.while_(lambda i, *_: hlo.less(i, length), body, initial)
    return state, ys
