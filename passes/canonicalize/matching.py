"""What the canonicalisation rules share: looking through operands, and turning functions into rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import getdoc

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import tensor
from oxide.dialects.constants import constant_value
from oxide.dialects.fold import COMPUTED
from oxide.dialects.rewrite import Pattern, Rewriter, Rule

# What a rule's function answers: the value that replaces the operation's result, or None where it does not apply.
Simplification = Callable[[ir.Operation], "ir.Value | Declined | None"]


def defining(value: ir.Value) -> ir.Operation | None:
    """The operation that defines `value`, if it is no block argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def producer(value: ir.Value, name: str) -> ir.Operation | None:
    """The operation that defines `value` when it has the given name."""
    operation = defining(value)
    return operation if operation is not None and operation.name == name else None


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


def same_element(x: ir.Value, y: ir.Value) -> bool:
    """True when two rank-0 values are one, or constants of the same bits."""
    if x == y:
        return True
    left, right = constant_value(x), constant_value(y)
    return left is not None and right is not None and left.tobytes() == right.tobytes()


def has_one_use(value: ir.Value) -> bool:
    uses = iter(value.uses)
    return next(uses, None) is not None and next(uses, None) is None


def is_discrete(value: ir.Value) -> bool:
    """True for integers and bools."""
    return isinstance(tensor(value).element_type, ir.IntegerType)


def computes_integers(value: ir.Value) -> bool:
    """True for integers numpy computes with: no bools, and none of 2 or 4 bits."""
    element = tensor(value).element_type
    return isinstance(element, ir.IntegerType) and element.width >= 8


def is_real_float(value: ir.Value) -> bool:
    return isinstance(tensor(value).element_type, ir.FloatType)


def is_complex(value: ir.Value) -> bool:
    return isinstance(tensor(value).element_type, ir.ComplexType)


def attributes_of(op: ir.Operation) -> dict[str, ir.Attribute]:
    return {name: op.attributes[name] for name in op.attributes}


def again(op: ir.Operation, operands: Sequence[ir.Value], result: ir.Type | None = None) -> ir.Value:
    """`op` with its attributes on other operands."""
    return hlo.create(op.name, operands, [result or op.results[0].type], attributes_of(op)).results[0]


def built(name: str, like: ir.Value, *operands: ir.Value) -> ir.Value:
    """The result of the StableHLO operation of that name without attributes, of the type of another value."""
    return hlo.create(f"stablehlo.{name}", operands, [like.type]).results[0]


def shape_of(value: ir.Value) -> list[int]:
    """The shape of a value; only of static ones a rule may rely on the sizes."""
    return list(tensor(value).shape)


def is_static(op: ir.Operation) -> bool:
    """True when every operand and result is a tensor of static shape; most rules rebuild types and need it."""
    values = [*op.operands, *op.results]
    return all(isinstance(v.type, ir.RankedTensorType) and v.type.has_static_shape for v in values)


@dataclass(frozen=True)
class Declined:
    """Why a rule leaves an operation it all but matches; shown as a remark."""

    reason: str


def pattern(
    name: str,
    roots: str | Sequence[str],
    simplify: Simplification,
    summary: str = "",
    *,
    reads: Sequence[str] = (),
    integers: bool = False,
) -> Pattern:
    """A named pattern that replaces a single-result StableHLO operation by what `simplify` answers.

    Its meaning is the first paragraph of the function's docstring, or `summary`.  `reads` names the operations of
    which one must define an operand, `integers` says that the first operand must be of integers; see `Pattern`.
    """

    def rule(op: ir.Operation, rewriter: Rewriter) -> bool:
        replacement = simplify(op)
        if isinstance(replacement, Declined):
            return rewriter.decline(replacement.reason)
        if replacement is None or replacement.type != op.results[0].type:
            return False
        rewriter.replace(op, replacement)
        return True

    return _named(name, roots, rule, summary or getdoc(simplify), reads, integers)


def raw_pattern(name: str, roots: str | Sequence[str], rule: Rule, *, reads: Sequence[str] = ()) -> Pattern:
    """A named pattern whose rule edits the program itself."""
    return _named(name, roots, rule, getdoc(rule), reads)


def _named(
    name: str,
    roots: str | Sequence[str],
    rule: Rule,
    summary: str | None,
    reads: Sequence[str],
    integers: bool = False,
) -> Pattern:
    first = (summary or "").split("\n\n")[0]
    names = qualified([roots] if isinstance(roots, str) else roots)
    return Pattern(name, names, rule, summary=first, reads=frozenset(qualified(reads)), integers=integers)


def qualified(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"stablehlo.{name}" for name in names)
