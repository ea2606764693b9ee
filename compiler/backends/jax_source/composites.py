"""Composites: known ones read as one call, fusions and unknown ones as what they are made of."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.constants import shortest
from oxide.backends.jax_source.dots import window_options
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, emits
from oxide.backends.jax_source.syntax import call, literal
from oxide.dialects.attributes import string, symbol
from oxide.dialects.composites import attributes_of

Attributes = dict[str, Any]


@emits("stablehlo.composite")
def composite(e: Emitter, op: ir.OpView) -> Emitted:
    name = string(op.operation, "name")
    emitter = _EMITTERS.get(name)
    decomposition = symbol(op.operation, "decomposition")
    if emitter is not None:
        written = emitter(e, op, attributes_of(op.operation))
        if written is not None:
            return written
    if name == "oxide.fusion":
        return e.inline(decomposition, list(op.operands))
    return e.call(decomposition, list(op.operands))


def _wide(e: Emitter, op: ir.OpView) -> bool:
    """Oxide computes softmax of half precision in float32, jax.nn in half precision."""
    return e.type(op.operands[0]).element in ("f32", "f64")


def _axis(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    axis = attributes["axis"]
    return literal(-1 if axis == e.type(op.operands[0]).rank - 1 else axis)


def _softmax(function: str) -> Callable[[Emitter, ir.OpView, Attributes], ast.expr | None]:
    def emit(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
        x, axis = e.array(op.operands[0]), _axis(e, op, attributes)
        if _wide(e, op):
            return call(function, x, axis=axis)
        wide = call(function, syntax.method(x, "astype", e.dtype("f32")), axis=axis)
        return syntax.method(wide, "astype", e.dtype(e.type(op.operands[0]).element))

    return emit


def _cumlogsumexp(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    """lax counts no axes from the end."""
    axis, element = literal(attributes["axis"]), e.type(op.operands[0]).element
    if _wide(e, op):
        return call("lax.cumlogsumexp", e.array(op.operands[0]), axis=axis)
    wide = syntax.method(e.array(op.operands[0]), "astype", e.dtype("f32"))
    return syntax.method(call("lax.cumlogsumexp", wide, axis=axis), "astype", e.dtype(element))


def _number(e: Emitter, op: ir.OpView, value: float) -> ast.expr:
    """A number as float32, in which it is used unless an operand is wider: 1e-05, not 9.999999747378752e-06."""
    wide = any(e.type(v).element == "f64" for v in op.operands)
    return literal(value if wide else shortest(np.float32(value), value))


def _gelu(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    tanh = attributes["approximate"] == "tanh"
    return call("jax.nn.gelu", e.array(op.operands[0]), approximate=literal(tanh))


def _activation(function: str) -> Callable[[Emitter, ir.OpView, Attributes], ast.expr]:
    def emit(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
        del attributes
        return call(function, e.array(op.operands[0]))

    return emit


def _norm(helper: str) -> Callable[[Emitter, ir.OpView, Attributes], ast.expr]:
    def emit(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
        rank = e.type(op.operands[0]).rank
        axes = attributes["axes"]
        # Counted from the end, as a person would, when they are the last ones.
        if axes == tuple(range(rank - len(axes), rank)):
            axes = tuple(a - rank for a in axes)
        nodes = [e.array(v) for v in op.operands]
        epsilon = _number(e, op, attributes["epsilon"])
        return syntax.call(e.helper(helper), *nodes, axes=literal(axes), epsilon=epsilon)

    return emit


def _group_norm(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    nodes = [e.array(v) for v in op.operands]
    groups, epsilon = literal(attributes["groups"]), _number(e, op, attributes["epsilon"])
    axis = literal(attributes["axis"]) if "axis" in attributes else None
    return syntax.call(e.helper("group_norm"), *nodes, groups=groups, epsilon=epsilon, axis=axis)


def _batch_norm(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    nodes = [e.array(v) for v in op.operands]
    axis, epsilon = literal(attributes["axis"]), _number(e, op, attributes["epsilon"])
    return syntax.call(e.helper("batch_norm"), *nodes, axis=axis, epsilon=epsilon)


def _attention(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    nodes = [e.array(v) for v in op.operands]
    options = {"causal": literal(True) if attributes["causal"] else None}
    if "soft_cap" in attributes:
        options["soft_cap"] = _number(e, op, attributes["soft_cap"])
    return syntax.call(e.helper("attention"), *nodes, scale=_number(e, op, attributes["scale"]), **options)


def _rotary(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    nodes = [e.array(v) for v in op.operands]
    return syntax.call(e.helper("rotary"), *nodes, interleaved=literal(True) if attributes["interleaved"] else None)


def _one_hot(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    """JAX counts the new axis from the end by default, and gives floats."""
    last = attributes["axis"] == e.type(op.operands[0]).rank
    axis = None if last else literal(attributes["axis"])
    depth = literal(attributes["depth"])
    return call("jax.nn.one_hot", e.array(op.operands[0]), depth, axis=axis, dtype=e.dtype(attributes["dtype"]))


_CUMULATIVE = {"add": "lax.cumsum", "multiply": "lax.cumprod", "max": "lax.cummax", "min": "lax.cummin"}


def _cumulative(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    reverse = literal(True) if attributes["reverse"] else None
    function = _CUMULATIVE[attributes["kind"]]
    return call(function, e.array(op.operands[0]), axis=literal(attributes["axis"]), reverse=reverse)


def _dequantized(e: Emitter, op: ir.OpView, features: int) -> tuple[ast.expr, ast.expr]:
    """What the first and the last three operands stand for; the last differ along a dimension of the kernel."""
    x, x_scale, x_zero, kernel, kernel_scale, kernel_zero = (e.array(v) for v in op.operands)
    axis = literal(features) if features else None
    return (
        syntax.call(e.helper("dequantized"), x, x_scale, x_zero),
        syntax.call(e.helper("dequantized"), kernel, kernel_scale, kernel_zero, axis=axis),
    )


def _quantized_linear(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    x, kernel = _dequantized(e, op, 1 - attributes["axis"])
    return syntax.binary("@", x, syntax.attribute(kernel, "T") if attributes["axis"] else kernel)


def _quantized_convolution(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    lhs, rhs, out = attributes["layout"].split(",")
    reals = _dequantized(e, op, rhs.index("O"))
    ends = attributes["padding"]
    padding = tuple(zip(ends[::2], ends[1::2], strict=True))
    strides, dilation, groups = (attributes[name] for name in ("strides", "dilation", "groups"))
    if lhs == out == "NC" + lhs[2:] and rhs == "OI" + lhs[2:]:
        options = window_options(stride=strides, padding=padding, dilation=dilation, groups=groups)
        return syntax.call(e.helper("conv"), *reals, **options)
    return call(
        "lax.conv_general_dilated",
        *reals,
        window_strides=literal(strides),
        padding=literal(padding),
        rhs_dilation=literal(dilation) if set(dilation) != {1} else None,
        dimension_numbers=literal((lhs, rhs, out)),
        feature_group_count=literal(groups) if groups != 1 else None,
    )


def _svd(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr | None:
    a = e.array(op.operands[0])
    if not attributes["vectors"]:
        return call("jnp.linalg.svd", a, compute_uv=literal(False))
    # Those of square matrices are full in any case, and JAX differentiates them only where it is not said.
    _, rows, columns = e.type(op.operands[0]).shape
    return call("jnp.linalg.svd", a, full_matrices=literal(attributes["full"] and rows != columns))


def _eigh(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    return call("jnp.linalg.eigh" if attributes["vectors"] else "jnp.linalg.eigvalsh", e.array(op.operands[0]))


def _eig(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    """Eigenvectors have the lengths and phases for which JAX's derivatives of them hold; not for TPUs."""
    a = e.array(op.operands[0])
    if not attributes["vectors"]:
        return call("jnp.linalg.eigvals", a)
    flags = {"compute_left_eigenvectors": literal(False), "enable_eigvec_derivs": literal(True)}
    return call("lax.linalg.eig", a, **flags)


def _qr(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr | None:
    """What JAX does not differentiate is written out, in loops that it does."""
    _, rows, columns = e.type(op.operands[0]).shape
    if rows < columns or (attributes["full"] and rows != columns):
        return None
    return call("jnp.linalg.qr", e.array(op.operands[0]))


def _matrix_exp(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr:
    """JAX bounds how often it squares; beyond is NaN: for norms above 2.6e5 by default, above 1.7e10 here."""
    return call("jax.scipy.linalg.expm", e.array(op.operands[0]), max_squarings=literal(32))


def _of_matrices(
    emitter: Callable[[Emitter, ir.OpView, Attributes], ast.expr | None],
) -> Callable[[Emitter, ir.OpView, Attributes], ast.expr | None]:
    """`jnp.linalg` wants matrices that are not empty; their decompositions handle the others."""

    def emit(e: Emitter, op: ir.OpView, attributes: Attributes) -> ast.expr | None:
        return None if 0 in e.type(op.operands[0]).shape else emitter(e, op, attributes)

    return emit


_EMITTERS: dict[str, Callable[[Emitter, ir.OpView, Attributes], ast.expr | None]] = {
    "oxide.softmax": _softmax("jax.nn.softmax"),
    "oxide.log_softmax": _softmax("jax.nn.log_softmax"),
    "oxide.logsumexp": _softmax("jax.nn.logsumexp"),
    "oxide.cumlogsumexp": _cumlogsumexp,
    "oxide.gelu": _gelu,
    "oxide.silu": _activation("jax.nn.silu"),
    "oxide.mish": _activation("jax.nn.mish"),
    "oxide.hard_swish": _activation("jax.nn.hard_swish"),
    "oxide.layer_norm": _norm("layer_norm"),
    "oxide.rms_norm": _norm("rms_norm"),
    "oxide.group_norm": _group_norm,
    "oxide.batch_norm": _batch_norm,
    "oxide.attention": _attention,
    "oxide.rotary": _rotary,
    "oxide.one_hot": _one_hot,
    "oxide.cumulative": _cumulative,
    "oxide.quantized_convolution": _quantized_convolution,
    "oxide.quantized_linear": _quantized_linear,
    "oxide.svd": _of_matrices(_svd),
    "oxide.eigh": _of_matrices(_eigh),
    "oxide.eig": _of_matrices(_eig),
    "oxide.qr": _of_matrices(_qr),
    "oxide.lu": _of_matrices(_activation("lax.linalg.lu")),
    "oxide.matrix_exp": _of_matrices(_matrix_exp),
}
