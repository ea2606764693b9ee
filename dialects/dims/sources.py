"""Where the values of symbols come from: which dimension of which tensor each is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oxide.dialects.dims.expression import Dim, Size, rename, symbol, symbols


@dataclass(frozen=True)
class Source:
    """`symbol` is `(size of dimension axis of tensor number tensor - rest) // factor`."""

    symbol: str
    tensor: int
    axis: int
    factor: int = 1
    rest: Size = 0

    def value(self, size: int, known: Mapping[str, int]) -> int:
        """The symbol's value; `known` has those of the symbols in `rest`."""
        rest = rename(self.rest, known)
        return (size - int(rest)) // self.factor


def find_sources(shapes: Sequence[Sequence[Size]]) -> list[Source]:
    """One source for every symbol that the shapes determine, each after those it needs.

    A dimension that is a symbol comes before one that has to be solved for it.
    """
    found: dict[str, Source] = {}
    places = [(t, a, s) for t, shape in enumerate(shapes) for a, s in enumerate(shape) if isinstance(s, Dim)]
    for tensor, axis, size in places:
        names = symbols(size)
        if size == symbol(names[0]):
            found.setdefault(names[0], Source(names[0], tensor, axis))
    progress = True
    while progress:
        progress = False
        for tensor, axis, size in places:
            unknown = [name for name in symbols(size) if name not in found]
            if len(unknown) == 1:
                solved = _solve(size, unknown[0])
                if solved is not None:
                    found[unknown[0]] = Source(unknown[0], tensor, axis, *solved)
                    progress = True
    return list(found.values())


def _solve(size: Dim, name: str) -> tuple[int, Size] | None:
    """(factor, rest) with size == factor * name + rest, when name occurs in one term, alone."""
    unknown = symbol(name)
    ((monomial, _),) = unknown.terms
    for candidate, factor in size.terms:
        if candidate == monomial and factor > 0:
            rest = size - factor * unknown
            return None if name in symbols(rest) else (factor, rest)
    return None
