"""Elementwise expressions as polynomials: every spelling of `0.5 x (1 + e)` has the same coefficients.

Half precision that is computed in float32 a step at a time, and rounded after each, reads as if it were not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import ml_dtypes
from jaxlib.mlir import ir

from oxide.passes.canonicalize.matching import number
from oxide.passes.raise_.views import is_half, narrowed, widened

# Coefficients by the sorted numbers of the atoms that are multiplied: {(): 1.0, (0, 0, 1): 0.5} is 1 + 0.5 a a b.
Polynomial = dict[tuple[int, ...], float]

_MOST_TERMS = 6
_DEPTH = 12
_POWERS = (2.0, 3.0, 4.0)


@dataclass
class Expansion:
    """Polynomials over shared atoms; the values given first are atoms however they are made.

    `epsilon` is that of the widest constant met: coefficients are rounded to it.
    """

    opaque: Sequence[ir.Value]
    atoms: list[tuple[ir.Value, bool]] = field(default_factory=list)
    epsilon: float = 1.0
    narrow: bool = False

    def __post_init__(self) -> None:
        self.atoms = [(value, False) for value in self.opaque]
        self.narrow = bool(self.opaque) and is_half(self.opaque[0])

    def of(self, value: ir.Value, depth: int = _DEPTH) -> Polynomial:
        """The polynomial of a value; whatever is no sum, product or number becomes an atom."""
        if (value, False) in self.atoms[: len(self.opaque)] or isinstance(value.owner, ir.Block) or not depth:
            return self._atom(value)
        if (constant := number(value)) is not None:
            self.epsilon = min(self.epsilon, float(ml_dtypes.finfo(constant.dtype).eps))
            return {(): float(constant)}
        if self.narrow and (other := through_rounding(value)) != value:
            return self.of(other, depth)
        op = value.owner.operation
        expanded = self._arithmetic(op, depth - 1) if op.name in ARITHMETIC and self._is_rounded(op) else None
        return self._atom(value) if expanded is None or len(expanded) > _MOST_TERMS else expanded

    def _is_rounded(self, op: ir.Operation) -> bool:
        """False of a sum in float32 of what half precision would have rounded: it cancels less than theirs."""
        if not self.narrow or op.name not in _SUMS or is_half(op.results[0]):
            return True
        return is_step(op)

    def _arithmetic(self, op: ir.Operation, depth: int) -> Polynomial | None:
        parts = [self.of(operand, depth) for operand in op.operands]
        match op.name.split(".")[1], *parts:
            case "add", left, right:
                return _sum(left, right)
            case "subtract", left, right:
                return _sum(left, _scaled(right, -1))
            case "negate", x:
                return _scaled(x, -1)
            case "square", x:
                return _product(x, x)
            case "multiply", left, right:
                return _product(left, right)
            case "divide", left, right if list(right) == [()] and right[()]:
                return _scaled(left, 1 / right[()])
            case "divide", left, _:
                return _product(left, self._atom(op.operands[1], inverse=True))
            case "power", x, exponent if list(exponent) == [()] and exponent[()] in _POWERS:
                result = x
                for _ in range(int(exponent[()]) - 1):
                    result = _product(result, x)
                return result
        return None

    def _atom(self, value: ir.Value, inverse: bool = False) -> Polynomial:
        """A value, or one divided by it, as a symbol."""
        if (value, inverse) not in self.atoms:
            self.atoms.append((value, inverse))
        return {(self.atoms.index((value, inverse)),): 1.0}


_SUMS = frozenset(["stablehlo.add", "stablehlo.subtract"])
ARITHMETIC = frozenset(
    [f"stablehlo.{name}" for name in ("add", "subtract", "negate", "multiply", "divide", "power")] + ["chlo.square"]
)


def _sum(left: Polynomial, right: Polynomial) -> Polynomial:
    return {key: left.get(key, 0.0) + right.get(key, 0.0) for key in left | right}


def _scaled(x: Polynomial, by: float) -> Polynomial:
    return {key: value * by for key, value in x.items()}


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            key = tuple(sorted(a + b))
            result[key] = result.get(key, 0.0) + x * y
    return result


def through_rounding(value: ir.Value) -> ir.Value:
    """The float32 value that one of half precision is rounded from, or the other way about."""
    return widened(value) if (wide := narrowed(value)) == value else wide


def is_step(op: ir.Operation) -> bool:
    """True of an operation in float32 that only computes on numbers and values of half precision."""
    return all(number(v) is not None or is_half(widened(v)) for v in op.operands)


def agrees(found: Polynomial, wanted: Polynomial, epsilon: float) -> bool:
    """True when all coefficients are equal to the last bit.

    One unit in the last place, `epsilon`, is allowed: a coefficient may be the product of two rounded constants.
    """
    return found.keys() == wanted.keys() and all(abs(found[k] - c) <= epsilon * abs(c) for k, c in wanted.items())
