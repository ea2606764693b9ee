"""Conversions to more bits and back, and what stands between them."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.constants import constant_value, different_elements
from oxide.dialects.dtypes import is_float, is_integer
from oxide.dialects.fold.elementwise import convert
from oxide.dialects.rewrite import Pattern
from oxide.passes.canonicalize.conversions import holds
from oxide.passes.canonicalize.matching import (
    Declined,
    attributes_of,
    has_one_use,
    is_static,
    pattern,
    producer,
)

# Every element they give is one of their operands' elements, or its negative or magnitude.
_MOVING = ("broadcast_in_dim", "concatenate", "reshape", "reverse", "slice", "transpose")
_CHOOSING = ("abs", "maximum", "minimum", "negate", "select")
_SELECTING = frozenset(f"stablehlo.{name}" for name in (*_MOVING, *_CHOOSING))
# An integer's negative may be none of its type.
_FLOATS_ONLY = frozenset(("stablehlo.abs", "stablehlo.negate"))


def patterns(drop_rounding: bool) -> list[Pattern]:
    return [
        pattern("narrow-between", "convert", _narrow_between),
        pattern(
            "rounding-between",
            "convert",
            lambda op: _rounding_between(op, drop_rounding),
            "convert(convert(x, B -> A), A -> B) -> x of floats that A rounds, with `drop-rounding`",
        ),
    ]


def _narrow_between(op: ir.Operation) -> ir.Value | None:
    """convert(f(convert(x, A -> B)), B -> A) -> f(x) where f places or selects numbers, and B has all values of A

    f stands for reshapes, transposes, slices, broadcasts, concatenates, reverses, maxima, minima, selects, and of
    floats negatives and magnitudes, one after another; what else goes into them is constants that are values of A.
    """
    wide, target = op.operands[0], hlo.dtype(op.results[0])
    alike = any(kind(target) and kind(hlo.dtype(wide)) for kind in (is_float, is_integer))
    if not alike or not holds(hlo.dtype(wide), target) or not _is_narrow(wide, target):
        return None
    return _narrowed(wide, target)


def _is_narrow(value: ir.Value, target: np.dtype) -> bool:
    """True when nothing but elements of `target`, converted, can come out as `value`."""
    if converted(value, target) is not None or as_constant(value, target) is not None:
        return True
    op = _selection(value)
    if op is None or (op.name in _FLOATS_ONLY and not is_float(target)):
        return False
    return all(_is_narrow(x, target) for x in _selected(op))


def _selection(value: ir.Value) -> ir.Operation | None:
    """The operation that selects or places a value for one user."""
    if isinstance(value.owner, ir.Block) or not has_one_use(value):
        return None
    op = value.owner.operation
    return op if op.name in _SELECTING and is_static(op) else None


def _selected(op: ir.Operation) -> list[ir.Value]:
    """The operands whose elements an operation hands on."""
    return list(op.operands)[1 if op.name == "stablehlo.select" else 0 :]


def _narrowed(value: ir.Value, target: np.dtype) -> ir.Value:
    source, known = converted(value, target), as_constant(value, target)
    if source is not None:
        return source
    if known is not None:
        return hlo.constant(known)
    op = _selection(value)
    assert op is not None
    selected = _selected(op)
    others = list(op.operands)[: len(op.operands) - len(selected)]
    operands = [*others, *(_narrowed(x, target) for x in selected)]
    kind = hlo.make_type(hlo.shape(value), target)
    return hlo.create(op.name, operands, [kind], attributes_of(op)).results[0]


def converted(value: ir.Value, source: np.dtype) -> ir.Value | None:
    """What a value of type `source` was before a conversion."""
    op = producer(value, "stablehlo.convert")
    return op.operands[0] if op is not None and hlo.dtype(op.operands[0]) == source else None


def as_constant(value: ir.Value, target: np.dtype) -> np.ndarray | None:
    """A constant in another type, where that has all its elements."""
    array = constant_value(value)
    if array is None:
        return None
    elements = different_elements(array)
    narrow = None if np.isnan(elements).any() else convert(elements, target)
    if narrow is None or not (narrow.astype(array.dtype) == elements).all():
        return None
    return np.broadcast_to(narrow, array.shape)


def _rounding_between(op: ir.Operation, drop_rounding: bool) -> ir.Value | Declined | None:
    inner = producer(op.operands[0], "stablehlo.convert")
    if inner is None or inner.operands[0].type != op.results[0].type:
        return None
    wide, narrow = hlo.dtype(op.results[0]), hlo.dtype(op.operands[0])
    if not is_float(wide) or not is_float(narrow) or not holds(wide, narrow):
        return None
    return inner.operands[0] if drop_rounding else Declined(f"{narrow} rounds; drop-rounding allows more precision")
