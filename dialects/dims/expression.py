"""`Dim`: a size that is an integer expression over symbols, kept in a normal form.

A size is a polynomial with integer coefficients over atoms: symbols, and floor divisions, remainders, maxima and
minima that did not simplify.  Two expressions that are equal as polynomials of their atoms are the same `Dim`, so
`==` and `hash` are structural.  What is a number comes out as `int`: a `Dim` is never constant.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import NoReturn, Union

import numpy as np

from oxide.dialects.diagnostics import OxideError

Size = Union[int, "Dim"]


class SymbolicSizeError(OxideError):
    """A size that is not known before the model is called is needed as a number.

    `reason` is the message without how to give the `symbols` it depends on.
    """

    def __init__(self, what: str, symbols: Iterable[str]) -> None:
        self.symbols = tuple(symbols)
        self.reason = f"{what} must be known here, and depends on {' and '.join(self.symbols)}"
        super().__init__(f"{self.reason}; give it with {' '.join(f'--dim {name}=N' for name in self.symbols)}")


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
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name not in ("max", "min")


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

    # So that tuples of sizes read as shapes in messages.
    __repr__ = __str__

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
        return NotImplemented if size is None else _operations().floor_divide(self, size)

    def __rfloordiv__(self, other: int) -> Size:
        return _operations().floor_divide(int(other), self)

    def __mod__(self, other: Size) -> Size:
        size = _operand(other)
        return NotImplemented if size is None else _operations().remainder(self, size)

    def __rmod__(self, other: int) -> Size:
        return _operations().remainder(int(other), self)

    def __truediv__(self, other: object) -> NoReturn:
        raise needed_as_number(self)

    __rtruediv__ = __truediv__

    def __divmod__(self, other: Size) -> tuple[Size, Size]:
        return self // other, self % other

    def __rdivmod__(self, other: int) -> tuple[Size, Size]:
        return other // self, other % self

    # ---------------------------------------------------------------------------- comparison, as numbers

    def __le__(self, other: Size) -> bool:
        return _operations().at_least_zero(other - self)

    def __lt__(self, other: Size) -> bool:
        return _operations().at_least_zero(other - self - 1)

    def __ge__(self, other: Size) -> bool:
        return _operations().at_least_zero(self - other)

    def __gt__(self, other: Size) -> bool:
        return _operations().at_least_zero(self - other - 1)

    def __bool__(self) -> bool:
        return _operations().at_least_zero(self - 1)

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
    return of_atom(Atom("symbol", name))


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
        return of_atom(atom)
    operands = [substitute(operand, replacement) for operand in atom.operands]
    return _operations().OPERATIONS[atom.kind](*operands)


def rename(size: Size, values: Mapping[str, Size]) -> Size:
    """The size with symbols replaced by sizes; an `int` when all are numbers.  Others stay."""
    return substitute(size, lambda atom: values.get(atom.name) if atom.kind == "symbol" else None)


def needed_as_number(size: Size) -> SymbolicSizeError:
    return undecided(f"the size {size}", size)


def undecided(what: str, size: Size) -> SymbolicSizeError:
    """The error for `what` ("the size n", "whether n >= 3"), which is only known with the symbols of a size."""
    return SymbolicSizeError(what, symbols(size))


def _operations() -> ModuleType:
    """Imported late: its functions are made of what is defined here."""
    from oxide.dialects.dims import operations

    return operations


# --------------------------------------------------------------------------------------------- normal form


def of_atom(atom: Atom) -> Dim:
    return Dim(((((atom, 1),), 1),))


def of_terms(terms: Mapping[Monomial, int]) -> Size:
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


def terms_of(size: Size) -> Iterator[tuple[Monomial, int]]:
    if isinstance(size, Dim):
        yield from size.terms
    elif size:
        yield (), int(size)


def _sum(a: Size, b: Size, sign: int) -> Size:
    terms = dict(terms_of(a))
    for monomial, factor in terms_of(b):
        terms[monomial] = terms.get(monomial, 0) + sign * factor
    return of_terms(terms)


def _product(a: Size, b: Size) -> Size:
    terms: dict[Monomial, int] = {}
    for m, j in terms_of(a):
        for n, k in terms_of(b):
            monomial = _times(m, n)
            terms[monomial] = terms.get(monomial, 0) + j * k
    return of_terms(terms)


def _times(m: Monomial, n: Monomial) -> Monomial:
    if not m or not n:
        return m or n
    powers = dict(m)
    for atom, power in n:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(((a, p) for a, p in powers.items() if p), key=lambda item: item[0].text))


def monomial_quotient(m: Monomial, n: Monomial) -> Monomial | None:
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
    return len(inner) == 1 and inner[0].kind in ("symbol", "max", "min") and size == of_atom(inner[0])
