"""com.microsoft layers that onnxruntime's optimizer writes: fused convolutions, Gemm, group norms, biases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.frontends.onnx.ops.activations import dropout_10
from oxide.frontends.onnx.ops.contrib import MICROSOFT, fused_matmul
from oxide.frontends.onnx.ops.convolution import conv
from oxide.frontends.onnx.ops.indexing import gather_nd
from oxide.frontends.onnx.ops.matrix import gemm
from oxide.frontends.onnx.ops.recurrent_cells import ACTIVATIONS
from oxide.frontends.onnx.ops.tensors import pad, trilu
from oxide.frontends.onnx.ops.vision import grid_sample_16
from oxide.frontends.onnx.registry import Node, lowering, register

# --------------------------------------------------------------------------------------------- activations


def activated(node: Node, x: ir.Value, name: str, parameters: Sequence[float]) -> ir.Value:
    """x after the activation an operator was fused with; `parameters` are those it takes, in order."""
    if not name:
        return x
    if name == "Clip":
        if len(parameters) != 2:
            raise node.error(f"activation Clip takes its two bounds, not {list(parameters)}")
        return hlo.clamp(parameters[0], x, parameters[1])
    entry = ACTIVATIONS.get(name.lower())
    if entry is None:
        raise node.error(f"activation {name!r} is none of Clip, {', '.join(ACTIVATIONS)}")
    *defaults, function = entry
    values = [default or 0.0 for default in defaults]
    taken = sum(default is not None for default in defaults)
    if len(parameters) > taken:
        raise node.error(f"activation {name} takes {taken} parameters, not {list(parameters)}")
    values[: len(parameters)] = parameters
    return function(x, *values)


# -------------------------------------------------------------------------------------------- convolutions


@lowering("FusedConv", 1, domain=MICROSOFT)
def fused_conv(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    b: ir.Value | None = None,
    z: ir.Value | None = None,
    *,
    activation: str = "",
    activation_params: list[float] | None = None,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """activation(Conv(x, w, b) + z)."""
    y = conv(
        node,
        x,
        w,
        b,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    return activated(node, y if z is None else hlo.add(y, z), activation, activation_params or ())


@lowering("NhwcFusedConv", 1, domain=MICROSOFT)
def nhwc_fused_conv(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    b: ir.Value | None = None,
    z: ir.Value | None = None,
    *,
    activation: str = "",
    activation_params: list[float] | None = None,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """FusedConv with channels last in x, z and the result; the kernel stays [M, C / group, kernel...]."""
    y = fused_conv(
        node,
        hlo.move_axis(x, -1, 1),
        w,
        b,
        None if z is None else hlo.move_axis(z, -1, 1),
        activation=activation,
        activation_params=activation_params,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    return hlo.move_axis(y, 1, -1)


@lowering("NhwcConv", 1, domain=MICROSOFT)
def nhwc_conv(
    node: Node,
    x: ir.Value,
    w: ir.Value,
    b: ir.Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> ir.Value:
    """Conv with channels last everywhere: x [N, spatial..., C], w [M, kernel..., C / group]."""
    y = conv(
        node,
        hlo.move_axis(x, -1, 1),
        hlo.move_axis(w, -1, 1),
        b,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    return hlo.move_axis(y, 1, -1)


# ---------------------------------------------------------------------------------------------------- Gemm


@lowering("FusedGemm", 1, domain=MICROSOFT)
def fused_gemm(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    c: ir.Value | None = None,
    *,
    activation: str = "",
    activation_alpha: float | None = None,
    activation_beta: float | None = None,
    activation_gamma: float | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> ir.Value:
    """activation(alpha A' B' + beta C)."""
    given = (activation_alpha, activation_beta, activation_gamma)
    parameters = [value for value in given if value is not None]
    y = gemm(node, a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)
    return activated(node, y, activation, parameters)


@lowering("GemmFastGelu", 1, domain=MICROSOFT)
def gemm_fast_gelu(node: Node, x: ir.Value, w: ir.Value, bias: ir.Value | None = None) -> ir.Value:
    """The tanh form of Gelu of x w + bias."""
    y = hlo.matmul(x, w)
    return composites.build("gelu", [y if bias is None else hlo.add(y, bias)], approximate="tanh")[0]


@lowering("TransposeMatMul", 1, domain=MICROSOFT)
def transpose_matmul(
    node: Node, a: ir.Value, b: ir.Value, *, alpha: float = 1.0, transA: int = 0, transB: int = 0
) -> ir.Value:
    """FusedMatMul under its first name."""
    return fused_matmul(node, a, b, alpha=alpha, transA=transA, transB=transB)


# --------------------------------------------------------------------------------------- norms and biases


@lowering("GroupNorm", 1, domain=MICROSOFT)
def group_norm(
    node: Node,
    x: ir.Value,
    gamma: ir.Value,
    beta: ir.Value,
    *,
    activation: int,
    channels_last: int = 1,
    epsilon: float = 1e-5,
    groups: int,
) -> ir.Value:
    """GroupNormalization in float32, followed by x sigmoid(x) where `activation` is 1."""
    if activation not in (0, 1):
        raise node.error(f"activation is {activation}, expected 0 (none) or 1 (SiLU)")
    moved = hlo.move_axis(x, -1, 1) if channels_last else x
    channels = hlo.shape(moved)[1]
    if groups < 1 or channels % groups:
        raise node.error(f"{channels} channels do not divide into {groups} groups")
    operands = [hlo.convert(v, np.float32) for v in (moved, gamma, beta)]
    y = composites.build("group_norm", operands, groups=groups, epsilon=epsilon)[0]
    if activation:
        y = hlo.multiply(y, hlo.logistic(y))
    return hlo.convert(hlo.move_axis(y, 1, -1) if channels_last else y, hlo.dtype(x))


@lowering("SkipGroupNorm", 1, domain=MICROSOFT)
def skip_group_norm(
    node: Node,
    x: ir.Value,
    gamma: ir.Value,
    beta: ir.Value,
    skip: ir.Value,
    bias: ir.Value | None = None,
    *,
    activation: int,
    channels_last: int = 1,
    epsilon: float = 1e-5,
    groups: int,
) -> list[ir.Value]:
    """GroupNorm of x + skip + bias, and that sum; a skip [N, C] is the same at every place."""
    rank = hlo.rank(x)
    channel = rank - 1 if channels_last else 1
    if hlo.rank(skip) == 2:
        skip = hlo.expand_dims(skip, [axis for axis in range(rank) if axis not in (0, channel)])
    total = hlo.add(x, skip)
    if bias is not None:
        total = hlo.add(total, hlo.broadcast_in_dim(bias, hlo.shape(total), [channel]))
    y = group_norm(
        node, total, gamma, beta, activation=activation, channels_last=channels_last, epsilon=epsilon, groups=groups
    )
    return [y, total]


@lowering("BiasAdd", 1, domain=MICROSOFT)
def bias_add(node: Node, x: ir.Value, bias: ir.Value, skip: ir.Value) -> ir.Value:
    return hlo.add(hlo.add(x, bias), skip)


@lowering("BiasSplitGelu", 1, domain=MICROSOFT)
def bias_split_gelu(node: Node, x: ir.Value, bias: ir.Value) -> ir.Value:
    """The first half of x + bias along the last axis times the Gelu of the second half."""
    total = hlo.add(x, bias)
    last = hlo.rank(total) - 1
    width, odd = divmod(hlo.shape(total)[last], 2)
    if odd:
        raise node.error(f"the last axis of {hlo.shape(total)} has no two halves")
    left, gate = hlo.split(total, last, [width, width])
    return hlo.multiply(left, composites.build("gelu", [gate], approximate="none")[0])


@lowering("BiasDropout", 1, domain=MICROSOFT)
def bias_dropout(
    node: Node,
    x: ir.Value,
    bias: ir.Value,
    residual: ir.Value | None = None,
    ratio: ir.Value | None = None,
    training_mode: ir.Value | None = None,
    *,
    seed: int | None = None,
) -> list[ir.Value]:
    """x + bias + residual: dropout does nothing outside of training."""
    training = node.static_or_none(training_mode)
    if training_mode is not None and (training is None or training.any()):
        raise node.error("training_mode must be known to be false")
    y, mask = dropout_10(node, hlo.add(x, bias))
    return [y if residual is None else hlo.add(y, residual), mask]


# ------------------------------------------------------------------------- standard operators, named first here


@lowering("Trilu", 1, domain=MICROSOFT)
def microsoft_trilu(node: Node, x: ir.Value, k: ir.Value | None = None, *, upper: int = 1) -> ir.Value:
    return trilu(node, x, k, upper=upper)


@lowering("Pad", 1, domain=MICROSOFT)
def microsoft_pad(
    node: Node, x: ir.Value, pads: ir.Value, value: ir.Value | None = None, *, mode: str = "constant"
) -> ir.Value:
    """Pad with the amounts as [1, 2 * rank] or [2 * rank]."""
    filler = None if value is None else hlo.reshape(value, [])
    return pad(node, x, hlo.reshape(pads, [hlo.size(pads)]), filler, mode=mode)


@lowering("ExpandDims", 1, domain=MICROSOFT)
def expand_dims(node: Node, x: ir.Value, axis: ir.Value) -> ir.Value:
    """A dimension of 1 at `axis`, which counts the result's."""
    return hlo.expand_dims(x, [int(node.number(axis, "axis"))])


register("GridSample", (1,), grid_sample_16, domain=MICROSOFT)
register("GatherND", (1,), gather_nd, domain=MICROSOFT)


@lowering("CDist", 1, domain=MICROSOFT)
def pairwise_distance(node: Node, a: ir.Value, b: ir.Value, *, metric: str = "sqeuclidean") -> ir.Value:
    """Distances of the rows of a [m, k] and of b [n, k]: [m, n]."""
    if metric not in ("sqeuclidean", "euclidean"):
        raise node.error(f"metric is {metric!r}, expected sqeuclidean or euclidean")
    node.check_rank(a, "A", 2)
    node.check_rank(b, "B", 2)
    difference = hlo.subtract(hlo.expand_dims(a, [1]), hlo.expand_dims(b, [0]))
    squared = hlo.reduce_sum(hlo.square(difference), [2])
    return squared if metric == "sqeuclidean" else hlo.sqrt(squared)
