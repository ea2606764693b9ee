"""Operations on sizes that are no polynomials of them: floor division, remainder, maximum, minimum, comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

from oxide.dialects.dims.bounds import is_at_least
from oxide.dialects.dims.constraints import known_non_negative
from oxide.dialects.dims.expression import (
    Atom,
    Monomial,
    Size,
    atoms,
    monomial_quotient,
    of_atom,
    of_terms,
    terms_of,
    undecided,
)


def maximum(*sizes: Size) -> Size:
    """The largest; what that is, is decided as comparisons are."""
    return _extreme("max", sizes, known_non_negative)


def minimum(*sizes: Size) -> Size:
    """The smallest; what that is, is decided as comparisons are."""
    return _extreme("min", sizes, known_non_negative)


def floor_divide(a: Size, b: Size) -> Size:
    """The floor of a / b.  b is not 0 where the quotient is used, so `n*h // n` is h."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    quotient, rest = _divide(a, b)
    if isinstance(rest, int) and rest == 0:
        return quotient
    if isinstance(rest, int) and isinstance(b, int):
        return quotient + rest // b
    if _is_remainder(rest, b):
        return quotient
    rest, b = _without_common_factor(rest, b)
    inner = atoms(rest)
    if isinstance(b, int) and b > 0 and len(inner) == 1 and inner[0].kind == "//" and rest == of_atom(inner[0]):
        top, bottom = inner[0].operands
        if isinstance(bottom, int) and bottom > 0:
            return quotient + floor_divide(top, bottom * b)
    return quotient + of_atom(Atom("//", operands=(rest, b)))


def remainder(a: Size, b: Size) -> Size:
    """a - b * (a // b), which has the sign of b."""
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    _, rest = _divide(a, b)
    if isinstance(rest, int) and (rest == 0 or isinstance(b, int)):
        return rest % b if isinstance(b, int) else 0
    return rest if _is_remainder(rest, b) else of_atom(Atom("%", operands=(rest, b)))


def _divide(a: Size, b: Size) -> tuple[Size, Size]:
    """(q, r) with a == q * b + r, by polynomial division: no term of r is divisible by b's first one."""
    if isinstance(b, int) and b == 0:
        raise ZeroDivisionError("division of a size by zero")
    (lead, factor), *_ = terms_of(b)
    quotient: dict[Monomial, int] = {}
    rest: Size = 0
    pending = a
    while pending != 0:
        (monomial, count), *_ = terms_of(pending)
        part = monomial_quotient(monomial, lead)
        times = _quotient(count, factor, floor=isinstance(b, int))
        if part is not None and times:
            quotient[part] = quotient.get(part, 0) + times
            pending = pending - of_terms({part: times}) * b
            (after, _), *_ = (*terms_of(pending), ((), 0))
            if after != monomial:
                continue
        left = dict(terms_of(pending)).get(monomial, 0)
        head = of_terms({monomial: left})
        rest, pending = rest + head, pending - head
    return of_terms(quotient), rest


def _quotient(a: int, b: int, *, floor: bool) -> int:
    """a / b rounded down, or towards 0."""
    return a // b if floor or a * b > 0 else -(-a // b)


def _is_remainder(rest: Size, divisor: Size) -> bool:
    """Whether 0 <= rest < divisor for certain."""
    return is_at_least(rest, 0) and is_at_least(divisor - rest, 1)


def _without_common_factor(a: Size, b: Size) -> tuple[Size, Size]:
    """a and b without the integer and the atoms that divide every term of both."""
    everything = [*terms_of(a), *terms_of(b)]
    content = math.gcd(*(k for _, k in everything))
    shared = dict(reduce(_common, (m for m, _ in everything)))
    divisor = tuple(shared.items())

    def reduced(size: Size) -> Size:
        return of_terms({monomial_quotient(m, divisor) or (): k // content for m, k in terms_of(size)})

    return reduced(a), reduced(b)


def _common(m: Monomial, n: Monomial) -> Monomial:
    other = dict(n)
    return tuple((atom, min(power, other[atom])) for atom, power in m if atom in other)


def _extreme(kind: str, sizes: tuple[Size, ...], is_non_negative: Callable[[Size], bool]) -> Size:
    def dominates(a: Size, b: Size) -> bool:
        return is_non_negative(a - b if kind == "max" else b - a)

    flat: list[Size] = []
    for size in sizes:
        inner = atoms(size)
        same = len(inner) == 1 and inner[0].kind == kind and size == of_atom(inner[0])
        flat += inner[0].operands if same else [size]
    kept: list[Size] = []
    for size in dict.fromkeys(flat):
        if not any(dominates(other, size) for other in kept):
            kept = [other for other in kept if not dominates(size, other)] + [size]
    if len(kept) == 1:
        return kept[0]
    return of_atom(Atom(kind, operands=tuple(sorted(kept, key=str))))


def at_least_zero(difference: Size) -> bool:
    """Whether a difference is at least 0.  Raises SymbolicSizeError when that depends on the symbols."""
    if isinstance(difference, int):
        return difference >= 0
    if known_non_negative(difference):
        return True
    if known_non_negative(-difference - 1):
        return False
    left = of_terms({m: k for m, k in difference.terms if k > 0})
    right = of_terms({m: -k for m, k in difference.terms if k < 0})
    raise undecided(f"whether {left} >= {right}", difference)


# By kind of atom.  Nothing is assumed here: what is simplified is so for all values of the symbols.
OPERATIONS: dict[str, Callable[..., Size]] = {
    "//": floor_divide,
    "%": remainder,
    "max": lambda *sizes: _extreme("max", sizes, lambda size: is_at_least(size, 0)),
    "min": lambda *sizes: _extreme("min", sizes, lambda size: is_at_least(size, 0)),
}
