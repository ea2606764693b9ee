"""`Dim`: a size that is an integer expression over symbols, kept in a normal form.

A size is a polynomial with integer coefficients over atoms: symbols, and floor divisions, remainders, maxima and
minima that did not simplify.  Two expressions that are equal as polynomials of their atoms are the same `Dim`, so
`==` and `hash` are structural.  What is a number comes out as `int`: a `Dim` is never constant.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Union

import numpy as np

from oxide.dialects.diagnostics import OxideError

Size = Union[int, "Dim"]


class SymbolicSizeError(OxideError):
    """A size that is not known before the model is called is needed as a number."""


@dataclass(frozen=True)
class Atom:
    """What a polynomial is made of: a symbol, or an operation that is no polynomial of its operands.

    `kind` is `symbol` (then `name` is set), `//`, `%`, `max` or `min`.
    """

    kind: str
    name: str = ""
    operands: tuple[Size, ...] = ()

    @cached_property
    def text(self) -> str:
        if self.kind == "symbol":
            return self.name if _is_plain(self.name) else repr(self.name)
        inner = [str(o) for o in self.operands]
        if self.kind in ("max", "min"):
            return f"{self.kind}({', '.join(inner)})"
        wrapped = [t if _is_simple(o) else f"({t})" for o, t in zip(self.operands, inner, strict=True)]
        return f" {self.kind} ".join(wrapped)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.name, self.operands))


def _is_plain(name: str) -> bool:
    """Whether a name can stand in an expression as it is."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name not in OPERATIONS


# Atoms with their powers, in the order of their texts; empty for the constant term.
Monomial = tuple[tuple[Atom, int], ...]


class Dim:
    """A size that depends on symbols.  Arithmetic with integers and other sizes gives `Dim` or `int`.

    - `a == b` is True when a and b are equal whatever the symbols stand for, and False otherwise: False does not
      promise that they differ.  `dims.require_equal` is the way to insist on equality.
    - `a < b` and its kin answer when the answer follows from symbols being at least 0.  When it follows from
      symbols being at least 1, the answer is given and recorded as a constraint of the module being built
      (`dims.constraints`).  Otherwise they raise SymbolicSizeError.  `bool(a)` is `a != 0`, decided alike.
    - `int(a)`, `range(a)` and other uses as a number raise SymbolicSizeError.
    """

    __slots__ = ("_hash", "_text", "terms")

    # numpy's scalars leave arithmetic with sizes to the methods below.
    __array_ufunc__ = None

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        """Of terms in normal form; use `symbol` and arithmetic."""
        self.terms = terms
        self._hash = hash(terms)
        self._text = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self._hash == other._hash and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        if not self._text:
            self._text = _text(self)
        return self._text

    def __repr__(self) -> str:
        return f"Dim({str(self)!r})"

    # ------------------------------------------------------------------------------------- arithmetic

    def __add__(self, other: Size) -> Size:
        size = _operand(other)
        return NotImplemented if size is None else _sum(self, size, 1)

    __radd__ = __add__

    def __sub__(self, other: Size) -> Size:
        size = _operand(other)
        return NotImplemented if size is None else _sum(self, size, -1)

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __neg__(self) -> Size:
        return Dim(tuple((m, -k) for m, k in self.terms))

    def __pos__(self) -> Size:
        return self

    def __mul__(self, other: Size) -> Size:
        size = _operand(other)
        return NotImplemented if size is None else _product(self, size)

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        size = _operand(other)
        return NotImplemented if size is None else floor_divide(self, size)

    def __rfloordiv__(self, other: int) -> Size:
        return floor_divide(int(other), self)

    def __mod__(self, other: Size) -> Size:
        size = _operand(other)
        return NotImplemented if size is None else remainder(self, size)

    def __rmod__(self, other: int) -> Size:
        return remainder(int(other), self)

    def __divmod__(self, other: Size) -> tuple[Size, Size]:
        return self // other, self % other

    def __rdivmod__(self, other: int) -> tuple[Size, Size]:
        return other // self, other % self

    # ---------------------------------------------------------------------------- comparison, as numbers

    def __le__(self, other: Size) -> bool:
        return _decide(other - self)

    def __lt__(self, other: Size) -> bool:
        return _decide(other - self - 1)

    def __ge__(self, other: Size) -> bool:
        return _decide(self - other)

    def __gt__(self, other: Size) -> bool:
        return _decide(self - other - 1)

    def __bool__(self) -> bool:
        return _decide(self - 1)

    def __index__(self) -> int:
        raise needed_as_number(self)

    def __int__(self) -> int:
        raise needed_as_number(self)

    def __float__(self) -> float:
        raise needed_as_number(self)


def _operand(other: object) -> Size | None:
    if isinstance(other, int | Dim):
        return other
    return int(other) if isinstance(other, np.integer) else None


def symbol(name: str) -> Dim:
    """The size called `name`, at least 0."""
    return _of_atom(Atom("symbol", name))


def maximum(*sizes: Size) -> Size:
    """The largest; what that is, is decided as comparisons are."""
    return _extreme("max", sizes, _assume_non_negative)


def minimum(*sizes: Size) -> Size:
    """The smallest; what that is, is decided as comparisons are."""
    return _extreme("min", sizes, _assume_non_negative)


def symbols(size: Size) -> list[str]:
    """The names of the symbols in a size, sorted."""
    found: set[str] = set()
    for atom in atoms(size):
        found.update([atom.name] if atom.kind == "symbol" else [n for o in atom.operands for n in symbols(o)])
    return sorted(found)


def atoms(size: Size) -> list[Atom]:
    """The atoms of a polynomial, each once."""
    if isinstance(size, int):
        return []
    return list(dict.fromkeys(atom for monomial, _ in size.terms for atom, _ in monomial))


def substitute(size: Size, replacement: Callable[[Atom], Size | None]) -> Size:
    """The size with atoms replaced; where `replacement` answers None, their operands are looked into."""
    if isinstance(size, int):
        return size
    total: Size = 0
    for monomial, factor in size.terms:
        term: Size = factor
        for atom, power in monomial:
            value = _replaced(atom, replacement)
            for _ in range(power):
                term = term * value
        total = total + term
    return total


def _replaced(atom: Atom, replacement: Callable[[Atom], Size | None]) -> Size:
    value = replacement(atom)
    if value is not None:
        return value
    if atom.kind == "symbol":
        return _of_atom(atom)
    operands = [substitute(operand, replacement) for operand in atom.operands]
    return OPERATIONS[atom.kind](*operands)


def rename(size: Size, values: Mapping[str, Size]) -> Size:
    """The size with symbols replaced by sizes; an `int` when all are numbers.  Others stay."""
    return substitute(size, lambda atom: values.get(atom.name) if atom.kind == "symbol" else None)


def needed_as_number(size: Size) -> SymbolicSizeError:
    names = symbols(size)
    listed = ", ".join(map(repr, names))
    how = " ".join(f"--dim {name}=N" for name in names)
    return SymbolicSizeError(
        f"a size that depends on {listed} ({size}) is needed as a number here; give it with {how}"
    )


# --------------------------------------------------------------------------------------------- normal form


def _of_atom(atom: Atom) -> Dim:
    return Dim(((((atom, 1),), 1),))


def _of_terms(terms: Mapping[Monomial, int]) -> Size:
    kept = [(m, k) for m, k in terms.items() if k]
    if not kept:
        return 0
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    kept.sort(key=lambda term: _order(term[0]))
    return Dim(tuple(kept))


def _order(monomial: Monomial) -> tuple[int, list[tuple[str, int]]]:
    """High degrees first, the constant last."""
    return -sum(power for _, power in monomial), [(atom.text, -power) for atom, power in monomial]


def _terms(size: Size) -> Iterator[tuple[Monomial, int]]:
    if isinstance(size, Dim):
        yield from size.terms
    elif size:
        yield (), int(size)


def _sum(a: Size, b: Size, sign: int) -> Size:
    terms = dict(_terms(a))
    for monomial, factor in _terms(b):
        terms[monomial] = terms.get(monomial, 0) + sign * factor
    return _of_terms(terms)


def _product(a: Size, b: Size) -> Size:
    terms: dict[Monomial, int] = {}
    for m, j in _terms(a):
        for n, k in _terms(b):
            monomial = _times(m, n)
            terms[monomial] = terms.get(monomial, 0) + j * k
    return _of_terms(terms)


def _times(m: Monomial, n: Monomial) -> Monomial:
    if not m or not n:
        return m or n
    powers = dict(m)
    for atom, power in n:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(((a, p) for a, p in powers.items() if p), key=lambda item: item[0].text))


def _monomial_quotient(m: Monomial, n: Monomial) -> Monomial | None:
    """m / n, None when n does not divide m."""
    powers = dict(m)
    for atom, power in n:
        if powers.get(atom, 0) < power:
            return None
        powers[atom] -= power
    return tuple((a, p) for a, p in powers.items() if p)


def _text(size: Dim) -> str:
    parts = []
    for monomial, factor in size.terms:
        factors = [f for atom, power in monomial for f in [_factor_text(atom)] * power]
        if abs(factor) != 1 or not factors:
            factors.insert(0, str(abs(factor)))
        sign = "-" if factor < 0 else "+"
        parts.append(f"{sign} {'*'.join(factors)}")
    head = parts[0]
    return " ".join([head[2:] if head[0] == "+" else f"-{head[2:]}", *parts[1:]])


def _factor_text(atom: Atom) -> str:
    return atom.text if atom.kind in ("symbol", "max", "min") else f"({atom.text})"


def _is_simple(size: Size) -> bool:
    if isinstance(size, int):
        return size >= 0
    inner = atoms(size)
    return len(inner) == 1 and inner[0].kind in ("symbol", "max", "min") and size == _of_atom(inner[0])


# ------------------------------------------------------------------------- division, maximum, comparison


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
    if isinstance(b, int) and b > 0 and len(inner) == 1 and inner[0].kind == "//" and rest == _of_atom(inner[0]):
        top, bottom = inner[0].operands
        if isinstance(bottom, int) and bottom > 0:
            return quotient + floor_divide(top, bottom * b)
    return quotient + _of_atom(Atom("//", operands=(rest, b)))


def remainder(a: Size, b: Size) -> Size:
    """a - b * (a // b), which has the sign of b."""
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    _, rest = _divide(a, b)
    if isinstance(rest, int) and (rest == 0 or isinstance(b, int)):
        return rest % b if isinstance(b, int) else 0
    return rest if _is_remainder(rest, b) else _of_atom(Atom("%", operands=(rest, b)))


def _divide(a: Size, b: Size) -> tuple[Size, Size]:
    """(q, r) with a == q * b + r, by polynomial division: no term of r is divisible by b's first one."""
    if isinstance(b, int) and b == 0:
        raise ZeroDivisionError("division of a size by zero")
    (lead, factor), *_ = _terms(b)
    quotient: dict[Monomial, int] = {}
    rest: Size = 0
    pending = a
    while pending != 0:
        (monomial, count), *_ = _terms(pending)
        part = _monomial_quotient(monomial, lead)
        times = 0 if part is None else count // factor if isinstance(b, int) else int(count / factor)
        if part is not None and times:
            quotient[part] = quotient.get(part, 0) + times
            pending = pending - _of_terms({part: times}) * b
            (after, _), *_ = (*_terms(pending), ((), 0))
            if after != monomial:
                continue
        left = dict(_terms(pending)).get(monomial, 0)
        head = _of_terms({monomial: left})
        rest, pending = rest + head, pending - head
    return _of_terms(quotient), rest


def _is_remainder(rest: Size, divisor: Size) -> bool:
    """Whether 0 <= rest < divisor for certain."""
    from oxide.dialects.dims.bounds import is_at_least

    return is_at_least(rest, 0) and is_at_least(divisor - rest, 1)


def _without_common_factor(a: Size, b: Size) -> tuple[Size, Size]:
    """a and b without the integer and the atoms that divide every term of both."""
    everything = [*_terms(a), *_terms(b)]
    content = math.gcd(*(k for _, k in everything))
    shared = dict(reduce(_common, (m for m, _ in everything)))
    divisor = tuple(shared.items())

    def reduced(size: Size) -> Size:
        return _of_terms({_monomial_quotient(m, divisor) or (): k // content for m, k in _terms(size)})

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
        same = len(inner) == 1 and inner[0].kind == kind and size == _of_atom(inner[0])
        flat += inner[0].operands if same else [size]
    kept: list[Size] = []
    for size in dict.fromkeys(flat):
        if not any(dominates(other, size) for other in kept):
            kept = [other for other in kept if not dominates(size, other)] + [size]
    if len(kept) == 1:
        return kept[0]
    return _of_atom(Atom(kind, operands=tuple(sorted(kept, key=str))))


def _is_non_negative(size: Size) -> bool:
    from oxide.dialects.dims.bounds import is_at_least

    return is_at_least(size, 0)


def _assume_non_negative(size: Size) -> bool:
    from oxide.dialects.dims.constraints import known_non_negative

    return known_non_negative(size)


def _decide(difference: Size) -> bool:
    """Whether the difference is at least 0."""
    if isinstance(difference, int):
        return difference >= 0
    if _assume_non_negative(difference):
        return True
    if _assume_non_negative(-difference - 1):
        return False
    raise needed_as_number(difference)


# By kind of atom.  Nothing is assumed here: what is simplified is so for all values of the symbols.
OPERATIONS: dict[str, Callable[..., Size]] = {
    "//": floor_divide,
    "%": remainder,
    "max": lambda *sizes: _extreme("max", sizes, _is_non_negative),
    "min": lambda *sizes: _extreme("min", sizes, _is_non_negative),
}
