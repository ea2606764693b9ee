"""Upper bounds of integers that depend on data: what the count of a bounded value can be made into and still fit.

Shape arithmetic on counts (ONNX Shape, Gather, Min, Mul, ... of a result of NonZero or NonMaxSuppression) is
followed through the operations that computed it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo

# The least and the largest an element of a value can be.
Range = tuple[int, int]
MAX_STEPS = 64

# Operations whose result has elements of their first operand, or of all their operands.
PICKS = ("reshape", "broadcast_in_dim", "slice", "transpose", "convert", "dynamic_slice", "gather", "reverse")


def upper_bound(value: ir.Value) -> int | None:
    """The largest that any element of a non-negative integer value can be; None when that is not known."""
    found = integer_range(value)
    return None if found is None else found[1]


def integer_range(value: ir.Value) -> Range | None:
    """The least and the largest that an element of an integer value can be; None when that is not known."""
    return _range(value, MAX_STEPS, {}) if dtypes.is_integer(hlo.dtype(value)) else None


def elements(value: ir.Value) -> list[int | ir.Value]:
    """The elements of an integer vector (or scalar): numbers where they are known, i64 scalars where not."""
    parts: list[int | ir.Value] = []
    for index in range(hlo.size(value)):
        part = _element(value, index)
        if part is None:
            part = hlo.reshape(hlo.slice_axis(value, 0, index, index + 1), [])
        parts.append(_plain(part) if isinstance(part, ir.Value) else part)
    return parts


def _element(value: ir.Value, index: int) -> int | ir.Value | None:
    """An element of what scalars were put together to; None where the vector was made otherwise."""
    known = hlo.constant_value(value)
    if known is not None:
        return int(known.reshape(-1)[index])
    operation = _producer(value)
    if not hlo.rank(value):
        return value
    if operation is None or hlo.rank(value) > 1:
        return None
    operands = list(operation.operands)
    name = operation.name.removeprefix("stablehlo.")
    if name == "concatenate":
        for operand in operands:
            (length,) = ir.RankedTensorType(operand.type).shape
            if index < length:
                return _element(operand, index)
            index -= length
    if name == "slice":
        start, stride = (ir.DenseI64ArrayAttr(operation.attributes[k])[0] for k in ("start_indices", "strides"))
        return _element(operands[0], start + index * stride)
    if name == "convert" or (name == "reshape" and hlo.size(value) == 1):
        return _element(operands[0], index)
    return None


def _plain(value: ir.Value) -> ir.Value:
    """An i64 scalar without the steps that leave its value as it is, so that equal sizes are seen to be equal."""
    while (operation := _producer(value)) is not None:
        operands = list(operation.operands)
        if operation.name == "stablehlo.minimum":
            limit, bound = hlo.constant_value(operands[1]), upper_bound(operands[0])
            if limit is None or bound is None or limit.size != 1 or bound > int(limit.reshape(())):
                break
            value = operands[0]
        elif operation.name == "stablehlo.convert" and dtypes.is_integer(hlo.dtype(operands[0])):
            value = operands[0]
        elif operation.name == "stablehlo.reshape" and hlo.size(value) == 1:
            source = _element(operands[0], 0)
            if not isinstance(source, ir.Value):
                break
            value = source
        else:
            break
    return hlo.convert(value, np.int64)


def _producer(value: ir.Value) -> ir.Operation | None:
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def _range(value: ir.Value, steps: int, found: dict[ir.Value, Range | None]) -> Range | None:
    """The range of a value, looked for at most `steps` operations back.  `found` are those of this search: a value
    that many paths lead to is visited once.
    """
    if value not in found:
        found[value] = _find_range(value, steps, found)
    return found[value]


def _find_range(value: ir.Value, steps: int, found: dict[ir.Value, Range | None]) -> Range | None:
    known = hlo.constant_value(value)
    if known is not None:
        is_number = known.size and known.dtype.kind in "iub"
        return (int(known.min()), int(known.max())) if is_number else None
    if hlo.dtype(value) == np.bool_:
        return (0, 1)
    operation = _producer(value)
    if operation is None or not steps:
        return None
    name = operation.name.removeprefix("stablehlo.")
    operands = list(operation.operands)
    if name == "reduce" and len(operands) == 2:
        return _sum_range(operation, steps, found)
    if name != "minimum" and name not in COMBINATIONS:
        return None
    ranges = [_range(operand, steps - 1, found) for operand in (operands[:1] if name in PICKS else operands)]
    if name == "minimum":
        return _smaller(ranges)
    if any(r is None for r in ranges):
        return None
    return COMBINATIONS[name]([r for r in ranges if r is not None])


def _smaller(ranges: Sequence[Range | None]) -> Range | None:
    """Of a minimum: one side alone bounds it from above; sizes are not negative."""
    known = [r for r in ranges if r is not None]
    low = min(r[0] for r in known) if len(known) == len(ranges) else 0
    return (low, min(r[1] for r in known)) if known else None


def _sum_range(operation: ir.Operation, steps: int, found: dict[ir.Value, Range | None]) -> Range | None:
    """A sum of non-negative elements, such as how many of a mask are true."""
    body = operation.regions[0].blocks[0].operations[0].operation.name
    x = operation.operands[0]
    elements_range = _range(x, steps - 1, found)
    type_ = ir.RankedTensorType(x.type)
    if body != "stablehlo.add" or elements_range is None or elements_range[0] < 0 or not type_.has_static_shape:
        return None
    return (0, elements_range[1] * math.prod(type_.shape))


def _corners(combine: Callable[[int, int], int]) -> Callable[[list[Range]], Range]:
    """Of a function of two numbers that is monotonic in each."""

    def of(ranges: list[Range]) -> Range:
        values = [combine(a, b) for a in ranges[0] for b in ranges[1]]
        return (min(values), max(values))

    return of


def _union(ranges: list[Range]) -> Range:
    return (min(low for low, _ in ranges), max(high for _, high in ranges))


def _divided(ranges: list[Range]) -> Range | None:
    (low, high), (least, most) = ranges
    return None if low < 0 or least <= 0 else (low // most, high // least)


COMBINATIONS: dict[str, Callable[[list[Range]], Range | None]] = {
    **dict.fromkeys((*PICKS, "concatenate"), _union),
    "add": _corners(lambda a, b: a + b),
    "subtract": _corners(lambda a, b: a - b),
    "multiply": _corners(lambda a, b: a * b),
    "maximum": _corners(max),
    "divide": _divided,
    "select": lambda ranges: _union(ranges[1:]),
    "clamp": lambda ranges: (ranges[0][0], ranges[2][1]),
    "negate": lambda ranges: (-ranges[0][1], -ranges[0][0]),
}
