"""Conversions change places with what places elements, so that fewer bytes move; comparisons need none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import keyword
from oxide.passes.canonicalize.conversions import holds
from oxide.passes.canonicalize.matching import again, has_one_use, is_static, pattern, producer
from oxide.passes.simplify.converts import as_constant, converted

# How many of the first operands are placed.
_PLACED = {
    "broadcast_in_dim": 1,
    "dynamic_slice": 1,
    "gather": 1,
    "pad": 2,
    "reshape": 1,
    "reverse": 1,
    "slice": 1,
    "transpose": 1,
}
_ONE_BY_ONE = {f"stablehlo.{name}": count for name, count in _PLACED.items()}
# Read as far as their result goes.
_PARTIAL = frozenset(("stablehlo.dynamic_slice", "stablehlo.gather", "stablehlo.slice"))


def _placed(op: ir.Operation) -> list[ir.Value]:
    """The operands whose elements an operation places: all of a concatenate's."""
    return list(op.operands)[: _ONE_BY_ONE.get(op.name, len(op.operands))]


def _moved(op: ir.Operation) -> int:
    """How many elements an operation that places them reads and writes."""
    result = hlo.size(op.results[0])
    return result + (result if op.name in _PARTIAL else sum(hlo.size(value) for value in _placed(op)))


def _first_convert(values: Sequence[ir.Value]) -> ir.Operation | None:
    return next((op for value in values if (op := producer(value, "stablehlo.convert")) is not None), None)


def _in(narrow: np.dtype, values: Sequence[ir.Value]) -> list[ir.Value | np.ndarray] | None:
    """What values were before conversions from a type, or would be as its constants; None where one is neither."""
    sources: list[ir.Value | np.ndarray] = []
    for value in values:
        source = converted(value, narrow)
        known = as_constant(value, narrow) if source is None else None
        if source is None and known is None:
            return None
        sources += [each for each in (source, known) if each is not None]
    return sources


def _built(sources: Sequence[ir.Value | np.ndarray]) -> list[ir.Value]:
    return [source if isinstance(source, ir.Value) else hlo.constant(source) for source in sources]


def _convert_later(op: ir.Operation) -> ir.Value | None:
    """f(convert(x)) -> convert(f(x)) where f places elements, and fewer bytes move

    f stands for reshapes, transposes, slices, broadcasts, concatenates, reverses, gathers and pads.
    """
    placed = _placed(op)
    inner = _first_convert(placed)
    if inner is None or not is_static(op):
        return None
    narrow, wide = hlo.dtype(inner.operands[0]), hlo.dtype(op.results[0])
    sources = _in(narrow, placed)
    wide_ones = [value for value in placed if producer(value, "stablehlo.convert") is not None]
    if sources is None or not all(map(has_one_use, wide_ones)):
        return None
    fewer = sum(map(hlo.size, wide_ones)) - hlo.size(op.results[0])
    if _moved(op) * (wide.itemsize - narrow.itemsize) + fewer * (wide.itemsize + narrow.itemsize) <= 0:
        return None
    rest = list(op.operands)[len(placed) :]
    kind = hlo.make_type(hlo.shape(op.results[0]), narrow)
    return hlo.convert(again(op, [*_built(sources), *rest], kind), wide)


def _convert_earlier(op: ir.Operation) -> ir.Value | None:
    """convert(f(x)) -> f(convert(x)) where f places elements of one tensor, and fewer bytes move"""
    owner = op.operands[0].owner
    if isinstance(owner, ir.Block) or owner.operation.name not in _ONE_BY_ONE or not has_one_use(op.operands[0]):
        return None
    inner = owner.operation
    if not is_static(inner):
        return None
    placed, wide, narrow = _placed(inner), hlo.dtype(op.operands[0]), hlo.dtype(op.results[0])
    fewer = hlo.size(op.results[0]) - sum(map(hlo.size, placed))
    if _moved(inner) * (wide.itemsize - narrow.itemsize) + fewer * (wide.itemsize + narrow.itemsize) <= 0:
        return None
    rest = list(inner.operands)[len(placed) :]
    return again(inner, [*(hlo.convert(value, narrow) for value in placed), *rest], op.results[0].type)


def _compare_narrow(op: ir.Operation) -> ir.Value | None:
    """compare(convert(x, A -> B), y) -> compare(x, y') where B has all values of A, and y is made of them too"""
    inner = _first_convert(list(op.operands))
    if inner is None or not is_static(op):
        return None
    narrow = hlo.dtype(inner.operands[0])
    total = "compare_type" in op.attributes and keyword(op, "compare_type") == "TOTALORDER"
    if total or not holds(hlo.dtype(op.operands[0]), narrow):
        return None
    sources = _in(narrow, list(op.operands))
    if sources is None:
        return None
    x, y = _built(sources)
    return hlo.compare(x, y, keyword(op, "comparison_direction"))


PATTERNS = [
    pattern("convert-later", [*_PLACED, "concatenate"], _convert_later),
    pattern("convert-earlier", "convert", _convert_earlier),
    pattern("compare-narrow", "compare", _compare_narrow),
]
