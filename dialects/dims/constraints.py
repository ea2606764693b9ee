"""Relations between sizes that a program relies on, collected while it is built and checked when it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError, location_text
from oxide.dialects.dims.bounds import is_at_least
from oxide.dialects.dims.expression import Dim, Size, atoms, of_atom, rename, symbols

# How the names of symbols begin that depend on data.
DATA = "%"


@dataclass(frozen=True)
class Constraint:
    """`left == right`, `left != right` or `left >= right`.

    `origin` is the location of what relies on it (`loc("conv1")`).
    """

    relation: str
    left: Size
    right: Size
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"

    def holds(self, sizes: Mapping[str, int]) -> bool:
        left, right = rename(self.left, sizes), rename(self.right, sizes)
        if self.relation == ">=":
            return left >= right
        return (left == right) is (self.relation == "==")


@dataclass
class Constraints:
    """The constraints of a function under construction, each once."""

    _found: dict[tuple[str, ...], Constraint] = field(default_factory=dict)

    def add(self, constraint: Constraint) -> None:
        sides = [str(constraint.left), str(constraint.right)]
        if constraint.relation != ">=":
            sides.sort()
        self._found.setdefault((constraint.relation, *sides), constraint)

    def __iter__(self) -> Iterator[Constraint]:
        return iter(list(self._found.values()))

    def __len__(self) -> int:
        return len(self._found)


_current: ContextVar[Constraints | None] = ContextVar("constraints", default=None)


@contextmanager
def collected() -> Iterator[Constraints]:
    """Inside the block, constraints are recorded; outside of any such block they are assumed."""
    token = _current.set(Constraints())
    try:
        found = _current.get()
        assert found is not None
        yield found
    finally:
        _current.reset(token)


def require_equal(a: Size, b: Size, message: str) -> None:
    """Raise OxideError(message) when the sizes differ for certain; record `a == b` when that is not known."""
    if a == b:
        return
    difference = a - b
    if isinstance(difference, int) or is_at_least(difference, 1) or is_at_least(-difference, 1):
        raise OxideError(message)
    for one, other in ((a, b), (b, a)):
        rest = _other_operands("min", one, other)
        if rest is not None:  # min(64, seq) == seq says that 64 >= seq
            for limit in rest:
                _record(">=", limit, other)
            return
    _record("==", a, b)


def _other_operands(kind: str, size: Size, operand: Size) -> list[Size] | None:
    """The operands of a minimum (or maximum) besides one of them; None when the size is no such thing."""
    inner = atoms(size)
    if len(inner) != 1 or inner[0].kind != kind or size != of_atom(inner[0]) or operand not in inner[0].operands:
        return None
    return [o for o in inner[0].operands if o != operand]


def require_same(a: Sequence[Size], b: Sequence[Size], message: str) -> None:
    """`require_equal` of two shapes, dimension by dimension."""
    if len(a) != len(b):
        raise OxideError(message)
    for have, want in zip(a, b, strict=True):
        require_equal(have, want, message)


def require_at_least(a: Size, b: Size, message: str) -> None:
    """Raise OxideError(message) when a < b for certain; record `a >= b` when that is not known."""
    difference = a - b
    if is_at_least(difference, 0):
        return
    if is_at_least(-difference, 1):
        raise OxideError(message)
    _record(">=", a, b)


def require_different(a: Size, b: Size, message: str) -> None:
    """Raise OxideError(message) when the sizes are equal for certain; record `a != b` when that is not known."""
    if a == b:
        raise OxideError(message)
    difference = a - b
    if not (isinstance(difference, int) or is_at_least(difference, 1) or is_at_least(-difference, 1)):
        _record("!=", a, b)


_CHECKS = {"==": require_equal, "!=": require_different, ">=": require_at_least}


def depends_on_data(size: Size) -> bool:
    """Whether a size has symbols that stand for the values of tensors, not for sizes of inputs."""
    return isinstance(size, Dim) and any(name.startswith(DATA) for name in symbols(size))


def known_non_negative(difference: Size) -> bool:
    """Whether a size is at least 0, given symbols of at least 1; what that was needed for is recorded.

    A symbol that depends on data is not taken to be at least 1: nobody can keep such a constraint.
    """
    if is_at_least(difference, 0):
        return True
    if depends_on_data(difference) or not is_at_least(difference, 0, least=1):
        return False
    if not is_at_least(-difference, 1):  # else no symbols satisfy it
        _record(">=", difference, 0)
    return True


def require(constraint: Constraint) -> None:
    """Record a constraint of a function that is called, in terms of the caller's symbols."""
    _CHECKS[constraint.relation](constraint.left, constraint.right, f"sizes do not fit: {constraint} does not hold")


def _record(relation: str, left: Size, right: Size) -> None:
    found = _current.get()
    if found is None:
        return
    if relation == ">=" and isinstance(right, int):  # `batch - 1 >= 0` reads better as `batch >= 1`
        constant = _constant_term(left)
        left, right = left - constant, right - constant
    location = ir.Location.current
    found.add(Constraint(relation, left, right, "" if location is None else location_text(location)))


def _constant_term(size: Size) -> int:
    if isinstance(size, int):
        return size
    monomial, factor = size.terms[-1]
    return 0 if monomial else factor
