"""CHLO operations that are not plain elementwise functions: broadcasting forms and constants."""

from __future__ import annotations

from functools import partial
from typing import cast

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.elementwise import COMPARISONS
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits, refuse, register
from oxide.backends.jax_source.syntax import binary, call, comparison
from oxide.backends.jax_source.terms import Constant, filled
from oxide.dialects import dtypes
from oxide.dialects.attributes import keyword

_OPERATORS = {"add": "+", "and": "&", "multiply": "*", "or": "|", "subtract": "-", "xor": "^"}
_FUNCTIONS = {
    "atan2": "jnp.arctan2",
    "complex": "lax.complex",
    "maximum": "jnp.maximum",
    "minimum": "jnp.minimum",
    "next_after": "jnp.nextafter",
    "polygamma": "lax.polygamma",
    "power": "jnp.power",
    "remainder": "lax.rem",
    "shift_left": "lax.shift_left",
    "shift_right_arithmetic": "lax.shift_right_arithmetic",
    "shift_right_logical": "lax.shift_right_logical",
    "zeta": "lax.zeta",
}


def _operands(e: Emitter, op: ir.OpView) -> list[syntax.ast.expr]:
    """Both operands at the result's shape, left to numpy where the plain rule (align last dimensions) holds."""
    result = e.type(op.results[0])
    left, right = (e.type(v) for v in op.operands)
    nodes = [e.array(v) for v in op.operands]
    if "broadcast_dimensions" in op.attributes and left.rank != right.rank:
        dims = list(cast(ir.DenseI64ArrayAttr, op.attributes["broadcast_dimensions"]))
        smaller = 0 if left.rank < right.rank else 1
        type_ = (left, right)[smaller]
        if dims != list(range(result.rank - type_.rank, result.rank)):
            kept = tuple(type_.shape[dims.index(d)] if d in dims else 1 for d in range(result.rank))
            nodes[smaller] = syntax.method(nodes[smaller], "reshape", syntax.literal(kept))
    return nodes


def _operator(symbol: str, e: Emitter, op: ir.OpView) -> Emitted:
    if e.type(op.operands[0]).element == "i1":
        symbol = {"+": "|", "*": "&"}.get(symbol, symbol)
    return binary(symbol, *_operands(e, op))


def _function(target: str, e: Emitter, op: ir.OpView) -> Emitted:
    nodes = _operands(e, op)
    if target.startswith("lax."):
        shape = syntax.literal(e.type(op.results[0]).shape)
        nodes = [call("jnp.broadcast_to", n, shape) for n in nodes]
    if target == "jnp.power" and e.type(op.operands[0]).is_integer:
        raise Unsupported("integer power; lower it with chlo-legalize-to-stablehlo")
    return call(target, *nodes)


for _name, _symbol in _OPERATORS.items():
    register(f"chlo.broadcast_{_name}", partial(_operator, _symbol))
for _name, _target in _FUNCTIONS.items():
    register(f"chlo.broadcast_{_name}", partial(_function, _target))


@emits("chlo.broadcast_divide")
def broadcast_divide(e: Emitter, op: ir.OpView) -> Emitted:
    if e.type(op.operands[0]).is_integer:
        return _function("lax.div", e, op)
    return binary("/", *_operands(e, op))


@emits("chlo.broadcast_compare")
def broadcast_compare(e: Emitter, op: ir.OpView) -> Emitted:
    left, right = _operands(e, op)
    if "compare_type" in op.attributes and keyword(op.operation, "compare_type") == "TOTALORDER":
        key = e.helper("total_order")
        left, right = syntax.call(key, left), syntax.call(key, right)
    return comparison(COMPARISONS[keyword(op.operation, "comparison_direction")], left, right)


@emits("chlo.broadcast_select")
def broadcast_select(e: Emitter, op: ir.OpView) -> Emitted:
    return call("jnp.where", *(e.array(v) for v in op.operands))


@emits("chlo.constant")
def constant(e: Emitter, op: ir.OpView) -> Emitted:
    return Constant(e.type(op.results[0]), np.asarray(op.attributes["value"]))


@emits("chlo.constant_like")
def constant_like(e: Emitter, op: ir.OpView) -> Emitted:
    type_ = e.type(op.results[0])
    value = op.attributes["value"]
    if not isinstance(value, ir.FloatAttr | ir.IntegerAttr | ir.BoolAttr):
        raise Unsupported(f"a constant {value}")
    scalar = np.asarray(value.value).astype(dtypes.to_numpy(ir.RankedTensorType(op.results[0].type).element_type))
    return Constant(type_, filled(type_, scalar))


refuse("chlo.scan", "lower it with chlo-legalize-to-stablehlo")
refuse("chlo.ragged_dot", "lower it with chlo-legalize-to-stablehlo")
