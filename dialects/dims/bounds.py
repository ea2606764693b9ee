"""What is certain about the value of a size when symbols are only known to be at least 0, or 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from oxide.dialects.dims.expression import Atom, Dim, Monomial, Size, atoms, substitute

# How many operations inside one another are looked through.
_DEPTH = 4

# Longer polynomials are not looked at: their powers would be multiplied out.
_MAX_TERMS = 64

# Bounds of an atom; None for no bound.
Interval = tuple[int | None, int | None]


def is_at_least(size: Size, limit: int, *, least: int = 0) -> bool:
    """Whether the size is at least `limit` whatever its symbols are, given that each is at least `least`.

    False when that could not be shown.
    """
    bound = lower(size, least)
    return bound is not None and bound >= limit


def lower(size: Size, least: int) -> int | None:
    """A lower bound, the best one found; None when none was."""
    return _lower(size, least, _DEPTH)


def upper(size: Size, least: int) -> int | None:
    """An upper bound, the best one found; None when none was."""
    return _upper(size, least, _DEPTH)


def _upper(size: Size, least: int, depth: int) -> int | None:
    bound = _lower(-size, least, depth)
    return None if bound is None else -bound


@lru_cache(maxsize=4096)
def _lower(size: Size, least: int, depth: int) -> int | None:
    if isinstance(size, int):
        return size
    if len(size.terms) > _MAX_TERMS:
        return None
    found = _by_intervals(size, least, depth)
    if depth:
        for atom in atoms(size):
            factor = _linear_factor(size, atom)
            if factor is not None and atom.kind != "symbol":
                found = _larger(found, _RELAXATIONS[atom.kind](size, atom, factor, least, depth - 1))
    return found


def _larger(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else max(a, b)


def _by_intervals(size: Dim, least: int, depth: int) -> int | None:
    """Every atom is its lower bound plus something that is not negative; then terms are bounded one by one."""
    intervals = {atom: _interval(atom, least, depth) for atom in atoms(size)}
    if any(low is None for low, _ in intervals.values()):
        return None

    moved = substitute(size, lambda atom: _single(atom, 1) + (intervals[atom][0] or 0))
    bound = 0
    for monomial, factor in moved.terms if isinstance(moved, Dim) else [((), moved)]:
        if not monomial:
            bound += factor
        elif factor < 0:
            largest = _largest(monomial, intervals)
            if largest is None:
                return None
            bound += factor * largest
    return bound


def _largest(monomial: Monomial, intervals: dict[Atom, Interval]) -> int | None:
    """The largest value of a product of what atoms are beyond their lower bounds."""
    product = 1
    for atom, power in monomial:
        low, high = intervals[atom]
        if high is None or low is None:
            return None
        product *= max(high - low, 0) ** power
    return product


def _interval(atom: Atom, least: int, depth: int) -> Interval:
    if atom.kind == "symbol":
        return least, None
    if not depth:
        return None, None
    ends = [(_lower(o, least, depth - 1), _upper(o, least, depth - 1)) for o in atom.operands]
    (low, high), (low2, high2) = ends[0], ends[-1]
    if atom.kind == "//":
        if low2 is None or low2 < 0:
            return None, None
        divisor = atom.operands[1]
        if isinstance(divisor, int):
            return None if low is None else low // divisor, None if high is None else high // divisor
        return (None, None) if low is None or low < 0 else (0, high)
    if atom.kind == "%":
        return (None, None) if low2 is None or low2 < 0 else (0, None if high2 is None else high2 - 1)
    lows, highs = [e[0] for e in ends], [e[1] for e in ends]
    if atom.kind == "max":
        return _best(max, [v for v in lows if v is not None]), _best(max, highs)
    return _best(min, lows), _best(min, [v for v in highs if v is not None])


def _best(choose: Callable[[list[int]], int], values: list[int | None] | list[int]) -> int | None:
    known = [v for v in values if v is not None]
    return choose(known) if known and len(known) == len(values) else None


# --------------------------------------------- an operation replaced by an operand it cannot be beyond


def _linear_factor(size: Dim, atom: Atom) -> int | None:
    """The factor of an atom that occurs in one term, alone; None otherwise."""
    terms = [(m, k) for m, k in size.terms if any(a is atom or a == atom for a, _ in m)]
    return terms[0][1] if len(terms) == 1 and terms[0][0] == ((atom, 1),) else None


def _single(atom: Atom, factor: int) -> Dim:
    return Dim(((((atom, 1),), factor),))


def _with(size: Size, atom: Atom, factor: int, value: Size) -> Size:
    """The size with a value in place of the term factor * atom."""
    return size - _single(atom, factor) + factor * value


def _relax_division(size: Dim, atom: Atom, factor: int, least: int, depth: int) -> int | None:
    """a // c is at most a / c and at least (a - c + 1) / c."""
    top, bottom = atom.operands
    if not isinstance(bottom, int):
        exceeds = factor < 0 and is_at_least(top, 0) and is_at_least(bottom, 0)
        return _lower(_with(size, atom, factor, top), least, depth) if exceeds else None
    if bottom <= 0:
        return None
    rest = size - _single(atom, factor)
    bound = _lower(bottom * rest + factor * (top if factor < 0 else top - bottom + 1), least, depth)
    return None if bound is None else -(-bound // bottom)


def _relax_remainder(size: Dim, atom: Atom, factor: int, least: int, depth: int) -> int | None:
    """a % b is at most b - 1, and at most a when a is not negative."""
    top, bottom = atom.operands
    if factor > 0 or not is_at_least(bottom, 0):
        return None
    bound = _lower(_with(size, atom, factor, bottom - 1), least, depth)
    if is_at_least(top, 0):
        bound = _larger(bound, _lower(_with(size, atom, factor, top), least, depth))
    return bound


def _relax_extreme(size: Dim, atom: Atom, factor: int, least: int, depth: int) -> int | None:
    """A maximum is at least each operand, and it is one of them; a minimum alike."""
    bounds = [_lower(_with(size, atom, factor, operand), least, depth) for operand in atom.operands]
    if (factor > 0) == (atom.kind == "max"):
        known = [b for b in bounds if b is not None]
        return max(known) if known else None
    return _best(min, bounds)


_RELAXATIONS = {
    "//": _relax_division,
    "%": _relax_remainder,
    "max": _relax_extreme,
    "min": _relax_extreme,
}
