"""com.microsoft operators that exporters and onnxruntime's optimizer write: fused products, norms, activations.

Their documentation is onnxruntime's ContribOperators; its results are what these are tested against.
"""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.onnx.ops.decoding import swish
from oxide.frontends.onnx.registry import Node, lowering

MICROSOFT = "com.microsoft"


def needed(node: Node, value: ir.Value | None, name: str) -> ir.Value:
    """A required input that follows an optional one."""
    if value is None:
        raise node.error(f"the required input {name} is missing")
    return value


# ------------------------------------------------------------------------------------------------- products


@lowering("FusedMatMul", 1, domain=MICROSOFT)
def fused_matmul(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: int = 0,
    transBatchB: int = 0,
) -> ir.Value:
    """alpha A' B'.  `transBatch` first moves the leading dimension behind the other batch dimensions."""
    operands: list[ir.Value] = []
    for x, flip, rotate in ((a, transA, transBatchA), (b, transB, transBatchB)):
        if rotate and hlo.rank(x) > 2:
            x = hlo.move_axis(x, 0, hlo.rank(x) - 2)
        operands.append(hlo.swap_axes(x, -1, -2) if flip and hlo.rank(x) > 1 else x)
    product = hlo.matmul(*operands)
    return product if alpha == 1 else hlo.multiply(product, alpha)


# ---------------------------------------------------------------------------------------------- activations


def _gelu(x: ir.Value, approximate: str) -> ir.Value:
    return composites.build("gelu", [x], approximate=approximate)[0]


@lowering("BiasGelu", 1, domain=MICROSOFT)
def bias_gelu(node: Node, a: ir.Value, b: ir.Value) -> ir.Value:
    return _gelu(hlo.add(a, b), "none")


@lowering("FastGelu", 1, domain=MICROSOFT)
def fast_gelu(node: Node, x: ir.Value, bias: ir.Value | None = None) -> ir.Value:
    return _gelu(x if bias is None else hlo.add(x, bias), "tanh")


@lowering("Gelu", 1, domain=MICROSOFT)
def gelu(node: Node, x: ir.Value) -> ir.Value:
    return _gelu(x, "none")


@lowering("QuickGelu", 1, domain=MICROSOFT)
def quick_gelu(node: Node, x: ir.Value, *, alpha: float = 1.702) -> ir.Value:
    """x sigmoid(alpha x)."""
    return swish(x, alpha)


# ------------------------------------------------------------------------------------------- normalisations


@lowering("SkipLayerNormalization", 1, domain=MICROSOFT)
def skip_layer_norm(
    node: Node,
    x: ir.Value,
    skip: ir.Value,
    gamma: ir.Value,
    beta: ir.Value | None = None,
    bias: ir.Value | None = None,
    *,
    epsilon: float = 1e-12,
) -> list[ir.Value | None]:
    """layer_norm(x + skip + bias), and the sum."""
    return _skip_norm(node, "layer_norm", x, skip, bias, [gamma, beta], epsilon)


@lowering("SkipSimplifiedLayerNormalization", 1, domain=MICROSOFT)
def skip_rms_norm(
    node: Node,
    x: ir.Value,
    skip: ir.Value,
    gamma: ir.Value,
    bias: ir.Value | None = None,
    *,
    epsilon: float = 1e-12,
) -> list[ir.Value | None]:
    return _skip_norm(node, "rms_norm", x, skip, bias, [gamma], epsilon)


def _skip_norm(
    node: Node,
    kind: str,
    x: ir.Value,
    skip: ir.Value,
    bias: ir.Value | None,
    parameters: list[ir.Value | None],
    epsilon: float,
) -> list[ir.Value | None]:
    if node.wants(1) or node.wants(2):
        raise node.error("the outputs mean and inv_std_var are not supported")
    total = hlo.add(x, skip)
    if bias is not None:
        total = hlo.add(total, bias)
    y = composites.build(kind, [total, *parameters], axes=(hlo.rank(total) - 1,), epsilon=epsilon)[0]
    return [y, None, None, total][: max(node.output_count, 1)]


# onnxruntime keeps this one in the default domain.
@lowering("SimplifiedLayerNormalization", 1)
def simplified_layer_norm(
    node: Node, x: ir.Value, scale: ir.Value, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> list[ir.Value | None]:
    """RMSNormalization, and the inverse root mean square in float32."""
    if stash_type != 1:
        raise node.error(f"stash_type {stash_type} is not supported, expected 1 (float32)")
    axes = tuple(range(hlo.normalize_axis(axis, hlo.rank(x)), hlo.rank(x)))
    y = composites.build("rms_norm", [x, scale], axes=axes, epsilon=epsilon)[0]
    if not node.wants(1):
        return [y]
    wide = hlo.convert(x, np.float32)
    power = hlo.reduce_mean(hlo.multiply(wide, wide), axes, keepdims=True)
    return [y, hlo.rsqrt(hlo.add(power, epsilon))]


@lowering("EmbedLayerNormalization", 1, domain=MICROSOFT)
def embed_layer_norm(
    node: Node,
    input_ids: ir.Value,
    segment_ids: ir.Value | None = None,
    word_embedding: ir.Value | None = None,
    position_embedding: ir.Value | None = None,
    segment_embedding: ir.Value | None = None,
    gamma: ir.Value | None = None,
    beta: ir.Value | None = None,
    mask: ir.Value | None = None,
    position_ids: ir.Value | None = None,
    *,
    epsilon: float = 1e-12,
    mask_index_type: int = 0,
) -> list[ir.Value]:
    """layer_norm(word + position + segment embedding), the lengths by the mask (int32 [batch]), and the sum."""
    node.check_rank(input_ids, "input_ids", 2)
    batch, length = hlo.shape(input_ids)
    words = needed(node, word_embedding, "word_embedding")
    places = needed(node, position_embedding, "position_embedding")
    given = position_ids is not None
    positions = hlo.take(places, position_ids, 0) if given else hlo.slice_axis(places, 0, 0, length)
    total = hlo.add(hlo.take(words, input_ids, 0), positions)
    if segment_ids is not None and segment_embedding is not None:
        total = hlo.add(total, hlo.take(segment_embedding, segment_ids, 0))
    parameters = [needed(node, gamma, "gamma"), needed(node, beta, "beta")]
    y = composites.build("layer_norm", [total, *parameters], axes=(2,), epsilon=epsilon)[0]
    counted = hlo.full([batch, 1], 0, np.int32) if mask is None else hlo.convert(mask, np.int32)
    lengths = hlo.reduce_sum(counted, [1])
    return [y, lengths, total][: max(node.output_count, 1)]
