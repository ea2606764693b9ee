"""What the canonicalisation rules share: looking through operands, and turning functions into rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.constants import constant_value
from oxide.dialects.fold import COMPUTED
from oxide.dialects.rewrite import Pattern, Rewriter, Rule

# What a rule's function answers: the value that replaces the operation's result, or None to decline.
Simplification = Callable[[ir.Operation], ir.Value | None]


def producer(value: ir.Value, name: str) -> ir.Operation | None:
    """The operation that defines `value` when it has the given name."""
    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    operation = owner.operation
    return operation if operation.name == name else None


def static_producer(value: ir.Value, name: str) -> ir.Operation | None:
    """`producer`, for rules that rebuild types: only an operation whose shapes are all static."""
    operation = producer(value, name)
    return operation if operation is not None and is_static(operation) else None


def splat(value: ir.Value) -> np.generic | None:
    """The one element a constant repeats, or None."""
    array = constant_value(value)
    if array is None or array.size == 0 or (array.size > 1 and any(array.strides)):
        return None
    return array[(0,) * array.ndim]


def number(value: ir.Value) -> np.generic | None:
    """The one element a constant repeats, of a type numpy computes with; None for 4-bit and 8-bit formats."""
    element = splat(value)
    return element if element is not None and element.dtype in COMPUTED else None


def is_static(op: ir.Operation) -> bool:
    """True when every operand and result is a tensor of static shape; most rules rebuild types and need it."""
    values = [*op.operands, *op.results]
    return all(isinstance(v.type, ir.RankedTensorType) and v.type.has_static_shape for v in values)


def pattern(name: str, roots: str | Sequence[str], simplify: Simplification) -> Pattern:
    """A named pattern that replaces a single-result StableHLO operation by what `simplify` answers."""

    def rule(op: ir.Operation, rewriter: Rewriter) -> bool:
        replacement = simplify(op)
        if replacement is None or replacement.type != op.results[0].type:
            return False
        rewriter.replace(op, replacement)
        return True

    return Pattern(name, qualified([roots] if isinstance(roots, str) else roots), rule)


def raw_pattern(name: str, roots: Sequence[str], rule: Rule) -> Pattern:
    """A named pattern whose rule edits the program itself."""
    return Pattern(name, qualified(roots), rule)


def qualified(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"stablehlo.{name}" for name in names)
