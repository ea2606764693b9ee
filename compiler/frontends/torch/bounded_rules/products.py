"""Products: elements that do not count are zero where they are summed over."""

from __future__ import annotations

from typing import Any

import numpy as np

from oxide.dialects import hlo
from oxide.dialects.dims import minimum
from oxide.frontends.bounded import fit
from oxide.frontends.torch.bounded_rules.call import Call, Value, rule

# The operands by name and, counted from the end, the dimensions they are summed over.
Operands = tuple[tuple[str, int], tuple[str, int]]

PRODUCTS: dict[str, Operands] = {
    "mm.default": (("self", 1), ("mat2", 2)),
    "bmm.default": (("self", 1), ("mat2", 2)),
    "mv.default": (("self", 1), ("vec", 1)),
    "dot.default": (("self", 1), ("tensor", 1)),
    "addmm.default": (("mat1", 1), ("mat2", 2)),
    "baddbmm.default": (("batch1", 1), ("batch2", 2)),
    "addmv.default": (("mat", 1), ("vec", 1)),
    "linear.default": (("input", 1), ("weight", 1)),
}


@rule(*PRODUCTS)
def product(call: Call) -> Any:
    return _product(call, PRODUCTS[call.node.op.removeprefix("aten.")])


@rule("matmul.default")
def matmul(call: Call) -> Any:
    return _product(call, (("self", 1), ("other", min(2, len(call.shapes["other"])))))


def _product(call: Call, operands: Operands) -> Any:
    ready: dict[str, Value] = {}
    for (name, distance), (other, far) in (operands, operands[::-1]):
        axis, there = hlo.rank(call.arguments[name]) - distance, hlo.rank(call.arguments[other]) - far
        room = minimum(hlo.shape(call.arguments[name])[axis], hlo.shape(call.arguments[other])[there])
        ready[name] = fit(call.filled(name, 0, [axis]), axis, room)
    return call.run(**ready)


@rule("einsum.default")
def einsum(call: Call) -> Any:
    """Zeros do not add to what is summed."""
    return call.run(tensors=[part.filled("self", 0) for part in call.parts("tensors")])


@rule("scaled_dot_product_attention.default")
def attention(call: Call) -> Any:
    """Keys that do not count are masked out, and their values are zero.  Queries are rows by themselves."""
    keys = len(call.shapes["key"]) - 2
    if not set(call.open_axes("key")) & {keys, keys + 1}:
        return call.run()
    if keys + 1 in call.open_axes("key"):
        call.refuse("a head of a size that depends on data is not supported")
    value = call.filled("value", 0)
    if call.arguments["is_causal"]:  # a query comes before the keys that do not count
        return call.run(value=value)
    room = hlo.shape(call.arguments["key"])[keys]
    counts = hlo.less(hlo.iota([1, room], 1, np.int64), call.count("key", keys))
    mask = call.get("attn_mask")
    if mask is None:
        rows = hlo.shape(call.arguments["query"])[len(call.shapes["query"]) - 2]
        return call.run(value=value, attn_mask=hlo.broadcast_to(counts, [rows, room]))
    hidden = False if hlo.dtype(mask) == np.bool_ else hlo.lowest(hlo.dtype(mask))
    return call.run(value=value, attn_mask=hlo.select(hlo.broadcast_to(counts, hlo.shape(mask)), mask, hidden))
