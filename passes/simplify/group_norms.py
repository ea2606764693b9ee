"""Group norms that were written as norms of whole groups, which hides the channels from what looks at layouts."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import string
from oxide.passes.canonicalize.matching import has_one_use, is_static, pattern, shape_of, static_producer


def _norm_of_merged_channels(op: ir.Operation) -> ir.Value | None:
    """reshape(group_norm(reshape(x, [batch, groups, size]), s, b)) -> group_norm(x, s and b of each channel)"""
    norm = static_producer(op.operands[0], "stablehlo.composite")
    if norm is None or string(norm, "name") != "oxide.group_norm" or not is_static(op):
        return None
    values, inner = composites.attributes_of(norm), static_producer(norm.operands[0], "stablehlo.reshape")
    if inner is None or values.get("axis", 1) != 1 or not has_one_use(norm.results[0]):
        return None
    x, groups = inner.operands[0], values["groups"]
    batch, channels, *_ = [*shape_of(x), 0, 0]
    # One channel of what is normalised is a group of channels of x.
    whole = shape_of(norm.operands[0])[:2] == [batch, groups] and len(shape_of(norm.operands[0])) == 3
    if not isinstance(groups, int) or not whole or x.type != op.results[0].type or channels % groups:
        return None
    spread = [hlo.broadcast_in_dim(each, [groups, channels // groups], [0]) for each in list(norm.operands)[1:]]
    weights = [hlo.reshape(each, [channels]) for each in spread]
    return composites.build("group_norm", [x, *weights], groups=groups, epsilon=values["epsilon"])[0]


PATTERNS = [pattern("norm-of-merged-channels", "reshape", _norm_of_merged_channels)]
