"""The softmax family: softmax, log_softmax and logsumexp along one axis, or several that lie side by side."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers, keyword, string
from oxide.dialects.composites import attributes_of
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.axes import moved_reduction
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.views import Reduction, View, is_half, narrowed, reduction, reshaped, widened


def _softmax(op: ir.Operation) -> Raised | Declined | None:
    """exp(x - max x) / sum exp(x - max x) -> softmax(x)

    The division may be a multiplication by the inverse.  Without a maximum it is another function of large x.
    """
    found = _quotient(op)
    if found is None:
        return None
    powers, total = found
    exponential = producer(powers, "stablehlo.exponential")
    if exponential is None or total.operand != powers:
        return None
    return _stable(exponential.operands[0], total, "softmax")


def _quotient(op: ir.Operation) -> tuple[ir.Value, Reduction] | None:
    left, right = op.operands
    if op.name == "stablehlo.divide":
        total = _total(View.whole(right))
        return None if total is None else (left, total)
    for powers, inverse in ((left, right), (right, left)):
        parts = View.whole(inverse).operands("stablehlo.divide")
        if parts is not None and parts[0].number() == 1 and (total := _total(parts[1])) is not None:
            return powers, total
    return None


def _total(view: View) -> Reduction | None:
    """A sum, in float32 where it is of half precision."""
    source = view.source()
    wide = narrowed(source.value)
    found = reduction(source.of(wide), "add")
    if found is None or wide == source.value:
        return found
    operand = widened(found.operand)
    return None if operand == found.operand else Reduction(operand, found.axes)


def _stable(shifted: ir.Value, total: Reduction, name: str) -> Raised | Declined | None:
    """`shifted` as x less its maximum over the axis of `total`."""
    difference = producer(shifted, "stablehlo.subtract")
    found = None if difference is None else _maximum(difference)
    if found is None:
        return Declined(f"oxide.{name} subtracts the maximum before it exponentiates")
    source, largest = found
    if largest.axes != total.axes:
        return Declined(f"the maximum is taken along {largest.axes}, the sum along {total.axes}")
    return _along(name, source, largest)


def _along(name: str, source: ir.Value, largest: Reduction) -> Raised | Declined:
    """The composite along axes that a reshape makes one, of what `source` is moved to."""
    x, axes = largest.operand, largest.axes
    first, last = min(axes, default=0), max(axes, default=0)
    if axes != tuple(range(first, last + 1)):
        return Declined(f"oxide.{name} goes along one axis or several side by side, this along {axes}")
    shape = shape_of(x)
    terms = math.prod(shape[first : last + 1])
    if terms > float(ml_dtypes.finfo(hlo.dtype(x)).max):
        return Declined(f"the sum of {terms} exponentials may overflow, that of oxide.{name} in float32 does not")
    merged = [*shape[:first], terms, *shape[last + 1 :]]
    return Raised(name, [x, source], {"axis": first}, lambda: [hlo.reshape(x, merged)])


def _maximum(difference: ir.Operation) -> tuple[ir.Value, Reduction] | None:
    """The maximum that is subtracted, and what it is computed from: x, or what moves its dimensions to x."""
    largest = reduction(View.whole(difference.operands[1]), "maximum")
    if largest is not None and _is_operand(difference, largest):
        return largest.operand, largest
    x, subtracted = difference.operands
    smallest = producer(x, "stablehlo.minimum")
    if smallest is not None and subtracted in smallest.operands:
        x = next((v for v in smallest.operands if v != subtracted), x)
    return moved_reduction(x, subtracted, "maximum")


def _is_operand(difference: ir.Operation, largest: Reduction) -> bool:
    """Whether it is the maximum's operand that the maximum is subtracted from, alone or as min(x, max x)."""
    if difference.operands[0] == largest.operand:
        return True
    smallest = producer(difference.operands[0], "stablehlo.minimum")
    if smallest is None:
        return False
    x, other = smallest.operands
    if x != largest.operand:
        x, other = other, x
    return x == largest.operand and reduction(View.whole(other), "maximum") == largest


def _log_softmax(op: ir.Operation) -> Raised | Declined | None:
    """(x - max x) - log sum exp(x - max x) -> log_softmax(x)"""
    logarithm = View.whole(op.operands[1]).operands("stablehlo.log")
    total = None if logarithm is None else _total(logarithm[0])
    exponential = None if total is None else producer(total.operand, "stablehlo.exponential")
    if total is None or exponential is None or exponential.operands[0] != op.operands[0]:
        return None
    return _stable(op.operands[0], total, "log_softmax")


def _log_of_softmax(op: ir.Operation) -> Declined | None:
    """log(softmax(x)) stays: it is -inf where softmax(x) underflows"""
    inner = producer(op.operands[0], "stablehlo.composite")
    if inner is None or string(inner, "name") != "oxide.softmax":
        return None
    return Declined("the logarithm of oxide.softmax is -inf where that underflows, oxide.log_softmax is finite")


def _less_logsumexp(op: ir.Operation) -> Declined | None:
    """x - logsumexp(x) stays: beside an infinite element it is -inf, log_softmax is no number"""
    inner = producer(_unplaced(op.operands[1]), "stablehlo.composite")
    if inner is None or string(inner, "name") != "oxide.logsumexp" or reshaped(inner.operands[0]) != op.operands[0]:
        return None
    return Declined("beside an infinite element oxide.log_softmax is no number, x - oxide.logsumexp(x) is -inf")


def _logsumexp(op: ir.Operation) -> Raised | Declined | None:
    """log sum exp(x - m) + m -> logsumexp(x), where m is max x, or 0 where that is infinite"""
    for view, other in ((op.operands[0], op.operands[1]), (op.operands[1], op.operands[0])):
        logarithm = producer(_unplaced(view), "stablehlo.log")
        if logarithm is None:
            continue
        magnitude = producer(logarithm.operands[0], "stablehlo.abs")
        summed = _unplaced(logarithm.operands[0] if magnitude is None else magnitude.operands[0])
        wide = narrowed(summed)
        total = producer(_unplaced(wide), "stablehlo.reduce")
        if total is None:
            continue
        powers = total.operands[0] if wide == summed else widened(total.operands[0])
        exponential = producer(powers, "stablehlo.exponential")
        difference = None if exponential is None else producer(exponential.operands[0], "stablehlo.subtract")
        if difference is None:
            continue
        return _with_finite_maximum(total, difference, other)
    return None


def _unplaced(value: ir.Value) -> ir.Value:
    return View.whole(value).source().value


def _with_finite_maximum(
    total: ir.Operation, difference: ir.Operation, added: ir.Value
) -> Raised | Declined | None:
    x = difference.operands[0]
    axes = tuple(sorted(integers(total, "dimensions")))
    kept = tuple(a for a in range(hlo.rank(x)) if a not in axes)
    if reduction(View(total.results[0], kept), "add") is None:
        return None
    subtracted = View.whole(difference.operands[1]).source()
    if _unplaced(added) != subtracted.value:
        return None
    largest = _finite(subtracted)
    if largest is None:
        return Declined("oxide.logsumexp takes 0 for a maximum that is infinite, this does not")
    found = reduction(largest, "maximum")
    if found is None or found.operand != x or found.axes != axes:
        return None
    return _along("logsumexp", x, Reduction(x, axes))


def _finite(view: View) -> View | None:
    """m of select(is_finite(m), m, 0) and of select(abs(m) == inf, 0, m)."""
    parts = view.operands("stablehlo.select")
    if parts is None:
        return None
    condition, on_true, on_false = parts
    finite = producer(condition.source().value, "stablehlo.is_finite")
    if finite is not None:
        return on_true if finite.operands[0] == on_true.value and on_false.number() == 0 else None
    compared = producer(condition.source().value, "stablehlo.compare")
    if compared is None or keyword(compared, "comparison_direction") != "EQ" or on_true.number() != 0:
        return None
    magnitude = producer(compared.operands[0], "stablehlo.abs")
    infinite = number(compared.operands[1])
    if (
        magnitude is None
        or magnitude.operands[0] != on_false.value
        or infinite is None
        or float(infinite) != math.inf
    ):
        return None
    return on_false


# Composites that compute half precision in float32, and round once at the end.
_WIDE_INSIDE = ("oxide.softmax", "oxide.log_softmax", "oxide.logsumexp", "oxide.attention")


def _narrow(op: ir.Operation) -> Raised | None:
    """convert(softmax(convert(x))) -> softmax(x) of half precision x, which is computed in float32"""
    inner = producer(reshaped(op.operands[0]), "stablehlo.composite")
    if inner is None or string(inner, "name") not in _WIDE_INSIDE:
        return None
    floats = [v for v in inner.operands if hlo.dtype(v) != np.bool_]
    converts = [producer(v, "stablehlo.convert") for v in floats]
    narrow = [None if c is None else c.operands[0] for c in converts]
    target = hlo.dtype(op.results[0])
    if not is_half(op.results[0]) or any(v is None or hlo.dtype(v) != target for v in narrow):
        return None
    replaced = iter(v for v in narrow if v is not None)
    operands = [v if hlo.dtype(v) == np.bool_ else next(replaced) for v in inner.operands]
    return Raised(string(inner, "name").removeprefix("oxide."), operands, attributes_of(inner))


PATTERNS = [
    rule("raise-softmax", ["stablehlo.divide", "stablehlo.multiply"], _softmax),
    rule("raise-log-softmax", ["stablehlo.subtract"], _log_softmax),
    rule("raise-logsumexp", ["stablehlo.add"], _logsumexp),
]
AFTERWARDS = [
    rule("log-of-softmax", ["stablehlo.log"], _log_of_softmax),
    rule("less-logsumexp", ["stablehlo.subtract"], _less_logsumexp),
    rule("narrow-composite", ["stablehlo.convert"], _narrow),
]
