"""Contents of values that follow from sizes: what the arithmetic of a dynamic module computes, as Python integers.

A rule takes the contents of the operands, arrays of int, bool and `Dim`, and gives those of the result, or None
where they do not follow.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.attributes import integer, integers, keyword
from oxide.dialects.constants import read_constant
from oxide.dialects.dims import Atom, Dim, Size

if TYPE_CHECKING:
    from oxide.dialects.shapes.facts import Symbolic

# Larger values are data.
_MOST_ELEMENTS = 64
# Sizes fit these without wrapping around.
_SIGNED = ("i32", "i64")

Element = Any  # int, bool or Dim; None where it does not follow


def evaluate(facts: Symbolic, op: ir.OpView) -> np.ndarray | None:
    """The contents of an operation's only result, or None."""
    name = op.operation.name
    if name == "stablehlo.get_dimension_size":
        size = facts.shape(op.operands[0])[integer(op.operation, "dimension")]
        return _array(size)
    if len(op.results) != 1 or not is_small(op.results[0]):
        return None
    if name == "stablehlo.constant":
        return read_constant(op.operation).astype(object)
    if name == "stablehlo.select":
        selected = _selected(facts, op)
        return _floored(facts, op) if selected is None else selected
    if name not in _ELEMENTWISE and name not in _MOVEMENT:
        return None
    operands = [facts.contents(v) for v in op.operands]
    if name in ("stablehlo.and", "stablehlo.or"):
        return _logical(op, operands)
    known = [o for o in operands if o is not None]
    if len(known) < len(operands):
        return None
    if name in _MOVEMENT:
        return _MOVEMENT[name](op, known)
    if name in _ARITHMETIC and str(ir.RankedTensorType(op.results[0].type).element_type) == "i1":
        return None
    rule = _ELEMENTWISE[name]
    return _checked(op, np.vectorize(lambda *e: rule(facts, op, *e), otypes=[object])(*known))


def is_small(value: ir.Value) -> bool:
    """Whether a value may hold sizes: a few integers or bools."""
    type_ = value.type
    if not isinstance(type_, ir.RankedTensorType) or not type_.has_static_shape:
        return False
    return str(type_.element_type) in (*_SIGNED, "i1") and np.prod(type_.shape, dtype=object) <= _MOST_ELEMENTS


def _array(element: Element) -> np.ndarray:
    result = np.empty((), object)
    result[()] = element
    return result


def _checked(op: ir.OpView, result: np.ndarray) -> np.ndarray | None:
    """None if an element does not follow, or is a number that the type wraps around."""
    element = str(ir.RankedTensorType(op.results[0].type).element_type)
    bits = 64 if element == "i1" else int(element[1:])
    for item in result.flat:
        if item is None or (isinstance(item, int) and not -(1 << (bits - 1)) <= item < 1 << (bits - 1)):
            return None
    return result


# ---------------------------------------------------------------------------------------- elementwise


def _numbers(function: Callable[..., Element]) -> Callable[..., Element]:
    return lambda facts, op, *elements: function(*elements)


def _converted(facts: Symbolic, op: ir.OpView, x: Element) -> Element:
    to_bool = str(ir.RankedTensorType(op.results[0].type).element_type) == "i1"
    return x if to_bool == isinstance(x, bool) else None if to_bool else int(x)


def _divided(facts: Symbolic, op: ir.OpView, a: Element, b: Element) -> Element:
    """StableHLO divides towards zero, which is the floor for sizes that are not negative (nothing divides by 0)."""
    return a // b if b != 0 and facts.is_at_least(a, 0) and facts.is_at_least(b, 0) else None


def _rest(facts: Symbolic, op: ir.OpView, a: Element, b: Element) -> Element:
    return a % b if b != 0 and facts.is_at_least(a, 0) and facts.is_at_least(b, 0) else None


def extreme(facts: Symbolic, kind: str, a: Size, b: Size) -> Size:
    """`max` or `min` of two sizes, assuming nothing that is not known."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b) if kind == "max" else min(a, b)
    for one, other in ((a, b), (b, a)):
        if facts.is_at_least(one - other, 0):
            return one if kind == "max" else other
    atom = Atom(kind, operands=tuple(sorted((a, b), key=str)))
    return Dim(((((atom, 1),), 1),))


def _maximum(facts: Symbolic, op: ir.OpView, a: Element, b: Element) -> Element:
    return extreme(facts, "max", a, b)


def _minimum(facts: Symbolic, op: ir.OpView, a: Element, b: Element) -> Element:
    return extreme(facts, "min", a, b)


def _clamped(facts: Symbolic, op: ir.OpView, low: Element, x: Element, high: Element) -> Element:
    return extreme(facts, "min", extreme(facts, "max", x, low), high)


def _sign(facts: Symbolic, op: ir.OpView, x: Element) -> Element:
    if facts.is_at_least(x, 1):
        return 1
    return (x > 0) - (x < 0) if isinstance(x, int) else None


def _compared(facts: Symbolic, op: ir.OpView, a: Element, b: Element) -> bool | None:
    direction = keyword(op.operation, "comparison_direction")
    return decide(facts, direction, a, b)


def decide(facts: Symbolic, direction: str, a: Size, b: Size) -> bool | None:
    """What a comparison of two sizes gives; None when it depends."""
    if isinstance(a, int) and isinstance(b, int):
        return _COMPARISONS[direction](a, b)
    if direction in ("EQ", "NE"):
        equal = True if a == b else None
        if facts.is_at_least(a - b, 1) or facts.is_at_least(b - a, 1):
            equal = False
        return equal if equal is None or direction == "EQ" else not equal
    # a >= b and its kin, as `difference >= 0`.
    difference = {"GE": a - b, "GT": a - b - 1, "LE": b - a, "LT": b - a - 1}[direction]
    if facts.is_at_least(difference, 0):
        return True
    return False if facts.is_at_least(-difference - 1, 0) else None


# On i1 these are logical operations.
_ARITHMETIC = frozenset({"stablehlo.add", "stablehlo.multiply", "stablehlo.maximum", "stablehlo.minimum"})
_COMPARISONS = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
}
_ELEMENTWISE: dict[str, Callable[..., Element]] = {
    "stablehlo.add": _numbers(operator.add),
    "stablehlo.subtract": _numbers(operator.sub),
    "stablehlo.multiply": _numbers(operator.mul),
    "stablehlo.negate": _numbers(operator.neg),
    "stablehlo.convert": _converted,
    "stablehlo.not": lambda facts, op, x: not x if isinstance(x, bool) else None,
    "stablehlo.and": _numbers(lambda a, b: None),
    "stablehlo.or": _numbers(lambda a, b: None),
    "stablehlo.divide": _divided,
    "stablehlo.remainder": _rest,
    "stablehlo.maximum": _maximum,
    "stablehlo.minimum": _minimum,
    "stablehlo.clamp": _clamped,
    "stablehlo.sign": _sign,
    "stablehlo.compare": _compared,
}


def _logical(op: ir.OpView, operands: list[np.ndarray | None]) -> np.ndarray | None:
    """`and` with False is False and `or` with True is True, whatever the other operand is."""
    if str(ir.RankedTensorType(op.results[0].type).element_type) != "i1":
        return None
    is_and = op.operation.name == "stablehlo.and"
    left, right = operands
    if left is not None and right is not None:
        return np.asarray((left & right) if is_and else (left | right), object)
    for known in (left, right):
        if known is not None and all(bool(item) != is_and for item in known.flat):
            return known
    return None


def _selected(facts: Symbolic, op: ir.OpView) -> np.ndarray | None:
    predicate, on_true, on_false = (facts.contents(v) for v in op.operands)
    if predicate is None:
        if on_true is None or on_false is None or list(on_true.flat) != list(on_false.flat):
            return None
        return on_true
    taken = [on_true if item else on_false for item in np.broadcast_to(predicate, _shape(op)).flat]
    if any(t is None for t in taken):
        return None
    result = np.empty(_shape(op), object)
    for position, array in enumerate(taken):
        result.flat[position] = array.flat[position] if array is not None else None
    return result


# ------------------------------------------------------------------------------------------- movement


def _shape(op: ir.OpView) -> tuple[int, ...]:
    return tuple(ir.RankedTensorType(op.results[0].type).shape)


def _reshaped(op: ir.OpView, known: list[np.ndarray]) -> np.ndarray:
    return known[0].reshape(_shape(op))


def _joined(op: ir.OpView, known: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(known, axis=integer(op.operation, "dimension"))


def _spread(op: ir.OpView, known: list[np.ndarray]) -> np.ndarray:
    shape, mapping = _shape(op), integers(op.operation, "broadcast_dimensions")
    order = sorted(range(len(mapping)), key=mapping.__getitem__)
    kept = [1] * len(shape)
    for axis, extent in zip(mapping, known[0].shape, strict=True):
        kept[axis] = extent
    return np.broadcast_to(known[0].transpose(order).reshape(kept), shape)


def _part(op: ir.OpView, known: list[np.ndarray]) -> np.ndarray:
    names = ("start_indices", "limit_indices", "strides")
    bounds = zip(*(integers(op.operation, n) for n in names), strict=True)
    return known[0][tuple(slice(*b) for b in bounds)]


_MOVEMENT: dict[str, Callable[[ir.OpView, list[np.ndarray]], np.ndarray]] = {
    "stablehlo.reshape": _reshaped,
    "stablehlo.concatenate": _joined,
    "stablehlo.broadcast_in_dim": _spread,
    "stablehlo.slice": _part,
}


# ------------------------------------------------------------------------------------------- floor


def _floored(facts: Symbolic, op: ir.OpView) -> np.ndarray | None:
    """Floor division and modulo by b >= 1, built of operations that round towards zero.

    select(a / b rounds up, a / b - 1, a / b)  is a // b
    select(a / b rounds up, rem(a, b) + b, rem(a, b))  is a % b
    """
    predicate, on_true, on_false = op.operands
    plain, adjusted = _producer(facts, on_false), _producer(facts, on_true)
    if plain is None or adjusted is None or len(plain.operands) != 2 or len(adjusted.operands) != 2:
        return None
    a, b = _operands(facts, plain)
    base, change = _operands(facts, adjusted)
    known = [facts.contents(v) for v in (a, b, change)]
    numbers = [k.flat[0] for k in known if k is not None and k.size == 1]
    if base != plain.results[0] or len(numbers) < 3 or not facts.is_at_least(numbers[1], 1):
        return None
    facts_found = {_fact(facts, v, a, b) for v in _conjuncts(facts, predicate)}
    if not (facts_found == {"a <= 0", "rest != 0"} or {"rest < 0"} <= facts_found <= {"rest < 0", "rest != 0"}):
        return None
    x, y, amount = numbers
    names = plain.operation.name, adjusted.operation.name
    if names == ("stablehlo.divide", "stablehlo.subtract") and amount == 1:
        return _array(x // y)
    if names == ("stablehlo.remainder", "stablehlo.add") and amount == y:
        return _array(x % y)
    return None


def _conjuncts(facts: Symbolic, predicate: ir.Value) -> list[ir.Value]:
    both = _producer(facts, predicate, "stablehlo.and")
    return [predicate] if both is None else [v for o in both.operands for v in _conjuncts(facts, o)]


def _fact(facts: Symbolic, predicate: ir.Value, a: ir.Value, b: ir.Value) -> str:
    """What a predicate says about a, or the remainder of a by b: a <= 0, rest != 0 or rest < 0."""
    compare = _producer(facts, predicate, "stablehlo.compare")
    right = None if compare is None else facts.contents(compare.operands[1])
    if compare is None or right is None or right.size != 1:
        return ""
    direction, number = keyword(compare.operation, "comparison_direction"), right.flat[0]
    left = _producer(facts, compare.operands[0])
    if left is None:
        return ""
    if left.operation.name == "stablehlo.remainder" and _operands(facts, left) == [a, b] and number == 0:
        return {"NE": "rest != 0", "LT": "rest < 0"}.get(direction, "")
    if left.operation.name == "stablehlo.sign" and _operands(facts, left) == [a] and number == 1:
        # Of a sign, to differ from 1 is not to be positive.
        return "a <= 0" if direction == "NE" else ""
    if left.operation.name == "stablehlo.compare" and direction == "NE" and number is False:
        return _fact(facts, compare.operands[0], a, b)
    return ""


def _operands(facts: Symbolic, op: ir.OpView) -> list[ir.Value]:
    return [_through_conversion(facts, v) for v in op.operands]


def _through_conversion(facts: Symbolic, value: ir.Value) -> ir.Value:
    """The value, seen through calls and through conversions that change nothing."""
    value = facts.source(value)
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "stablehlo.convert":
        return value
    source = owner.operands[0]
    return _through_conversion(facts, source) if source.type == value.type else value


def _producer(facts: Symbolic, value: ir.Value, name: str = "") -> ir.OpView | None:
    owner = _through_conversion(facts, value).owner
    if isinstance(owner, ir.Block) or (name and owner.name != name):
        return None
    view = owner.opview
    return view if isinstance(view, ir.OpView) else None
