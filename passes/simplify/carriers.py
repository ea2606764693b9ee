"""Operations that can work on permuted tensors: what they read and give, and what becomes of their attributes.

Twins are what `permutations` says.  `carriage` says how an operation can work where some of its operands have
twins, and `carried` builds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import integer, integers, string
from oxide.dialects.constants import dense
from oxide.dialects.effects import ELEMENTWISE
from oxide.passes.canonicalize.matching import is_static, producer, shape_of
from oxide.passes.simplify import gathers, products, reshapes
from oxide.passes.simplify.permutations import (
    Carriage,
    Permutation,
    Reads,
    inverse,
    permuted,
    ranked,
    with_attached,
)
from oxide.passes.weight_values import nbytes

# Dimensions that are named once, in a list, and lists of numbers with one for each dimension.
_AXIS = {
    "stablehlo.batch_norm_inference": "feature_index",
    "stablehlo.concatenate": "dimension",
    "stablehlo.sort": "dimension",
}
_AXES = {"stablehlo.reduce": "dimensions", "stablehlo.reverse": "dimensions"}
_ARRAYS = {
    "stablehlo.dynamic_slice": ("slice_sizes",),
    "stablehlo.pad": ("edge_padding_low", "edge_padding_high", "interior_padding"),
    "stablehlo.reduce_window": ("window_dimensions", "window_strides", "base_dilations", "window_dilations"),
    "stablehlo.select_and_scatter": ("window_dimensions", "window_strides"),
    "stablehlo.slice": ("start_indices", "limit_indices", "strides"),
}
# How many operands come before those of which there is one for each dimension.
_INDEXED = {"stablehlo.dynamic_slice": 1, "stablehlo.dynamic_update_slice": 2}
_ALIKE = ELEMENTWISE | _AXIS.keys() | _ARRAYS.keys() | _INDEXED.keys() | {"stablehlo.reverse"}

_AXIS_COMPOSITES = frozenset(("batch_norm", "cumlogsumexp", "cumulative", "group_norm", "log_softmax", "softmax"))
_AXES_COMPOSITES = frozenset(("layer_norm", "rms_norm"))
_ELEMENTWISE_COMPOSITES = frozenset(("gelu", "hard_swish", "mish", "silu"))


def carriage(op: ir.Operation, twins: Reads, regroup: bool) -> Carriage | None:
    """How an operation can work on its operands' twins, of which there is one at least; None where it cannot.

    With `regroup` a reshape that merges dimensions which the twin has apart brings them together first.
    """
    if not is_static(op) or len(op.results) == 0:
        return None
    if op.name == "stablehlo.dot_general":
        return products.carriage(op, twins)
    if op.name == "stablehlo.gather":
        return gathers.carriage(op, twins)
    p = _favoured(op, twins)
    if op.name == "stablehlo.reshape":
        return reshapes.carriage(op, p, regroup)
    result = _result(op, p)
    if result is None:
        return None
    return Carriage([p if hlo.rank(value) == len(p) else None for value in op.operands], result)


def _favoured(op: ir.Operation, twins: Reads) -> Permutation:
    """The permutation of most bytes; broadcasts can give any."""
    sizes: Counter[Permutation] = Counter()
    for value, p in zip(op.operands, twins, strict=True):
        if p is not None:
            sizes[p] += nbytes(value) if producer(value, "stablehlo.broadcast_in_dim") is None else 0
    return sizes.most_common(1)[0][0]


def _result(op: ir.Operation, p: Permutation) -> Permutation | None:
    """The permutation of what an operation gives that reads every operand of as many dimensions as p by p."""
    if op.name == "stablehlo.composite":
        return _composite_result(string(op, "name").removeprefix(composites.PREFIX), op, p)
    if op.name == "stablehlo.reduce":
        return _without(p, integers(op, "dimensions"))
    if op.name == "stablehlo.broadcast_in_dim":
        mapping = integers(op, "broadcast_dimensions")
        return inverse(with_attached([mapping[axis] for axis in inverse(p)], hlo.rank(op.results[0])))
    return p if op.name in _ALIKE and all(hlo.rank(value) == len(p) for value in op.results) else None


def _composite_result(name: str, op: ir.Operation, p: Permutation) -> Permutation | None:
    values = composites.attributes_of(op)
    axis, axes = values.get("axis"), values.get("axes")
    if name == "logsumexp" and isinstance(axis, int):
        return _without(p, [axis])
    if name in _AXES_COMPOSITES and isinstance(axes, tuple):
        places = [p[each] for each in axes]
        # Scale and bias have these dimensions in this order.
        return p if places == sorted(places) else None
    if name == "group_norm" and p[0] != 0:
        return None
    return p if name in _AXIS_COMPOSITES | _ELEMENTWISE_COMPOSITES else None


def _without(p: Permutation, gone: Sequence[int]) -> Permutation:
    return ranked([place for axis, place in enumerate(p) if axis not in gone])


def carried(op: ir.Operation, operands: Sequence[ir.Value], how: Carriage) -> list[ir.Value]:
    """The twins of an operation's results, from the operands it reads."""
    if op.name == "stablehlo.dot_general":
        return copied(op, operands, products.attributes(op, how), how.result)
    if op.name == "stablehlo.gather":
        return copied(op, operands, gathers.attributes(op, how), how.result)
    if op.name == "stablehlo.reshape":
        return copied(op, operands, {}, how.result)
    p = next(each for each in how.reads if each is not None)
    if op.name == "stablehlo.composite":
        return _composite(op, operands, p)
    if op.name in _INDEXED:
        images = _INDEXED[op.name]
        operands = [*operands[:images], *(operands[images + axis] for axis in inverse(p))]
    return copied(op, operands, _attributes(op, p, how.result), how.result)


def _composite(op: ir.Operation, operands: Sequence[ir.Value], p: Permutation) -> list[ir.Value]:
    name, values = string(op, "name").removeprefix(composites.PREFIX), composites.attributes_of(op)
    if name == "group_norm":
        values.setdefault("axis", 1)
    axis, axes = values.get("axis"), values.get("axes")
    if isinstance(axis, int):
        values["axis"] = p[axis]
    if isinstance(axes, tuple):
        values["axes"] = tuple(p[each] for each in axes)
    return composites.build(name, operands, **values)


def _attributes(op: ir.Operation, p: Permutation, result: Permutation) -> dict[str, ir.Attribute]:
    """The attributes that name dimensions, as they are on twins."""
    changed: dict[str, ir.Attribute] = {
        name: ir.DenseI64ArrayAttr.get(permuted(p, integers(op, name)))
        for name in _ARRAYS.get(op.name, ())
        if name in op.attributes
    }
    if op.name in ("stablehlo.reduce_window", "stablehlo.select_and_scatter") and "padding" in op.attributes:
        changed["padding"] = dense(np.asarray(op.attributes["padding"])[list(inverse(p))])
    if op.name in _AXIS:
        changed[_AXIS[op.name]] = hlo.i64(p[integer(op, _AXIS[op.name])])
    if op.name in _AXES:
        axes = integers(op, _AXES[op.name])
        changed[_AXES[op.name]] = ir.DenseI64ArrayAttr.get(sorted(p[axis] for axis in axes))
    if op.name == "stablehlo.broadcast_in_dim":
        mapping = permuted(p, integers(op, "broadcast_dimensions"))
        changed["broadcast_dimensions"] = ir.DenseI64ArrayAttr.get([result[axis] for axis in mapping])
    return changed


def copied(
    op: ir.Operation, operands: Sequence[ir.Value], attributes: dict[str, ir.Attribute], p: Permutation
) -> list[ir.Value]:
    """An operation with its regions on other operands, with other attributes; p permutes its results."""
    copy = op.clone().operation
    for number, value in enumerate(operands):
        copy.operands[number] = value
    for name, attribute in attributes.items():
        copy.attributes[name] = attribute
    for result in copy.results:
        result.set_type(hlo.make_type(permuted(p, shape_of(result)), hlo.element_type(result)))
    return list(copy.results)
