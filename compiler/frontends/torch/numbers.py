"""Functions on numbers that graphs call by themselves: arithmetic and comparison of sizes and of `.item()` values.

A number of a graph is a Python number, a size (`dims.Dim`), or known only when the model runs: then it is a tensor
of rank 0, int64, float64 or bool as Python's number would be.  Comparisons of sizes are `Condition`s.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy
import torch
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Constraint, Dim
from oxide.frontends.ranges import Range, integer_range
from oxide.frontends.torch.sizes import size, size_if_any, to_constraints
from oxide.frontends.torch.tensors import Tensor, read

# Functions that graphs call outside of operators.
FUNCTIONS = {
    *(f for f in vars(operator).values() if callable(f)),
    *(f for f in vars(math).values() if callable(f)),
    *(f for name, f in vars(torch).items() if name.startswith("sym_")),
    *(f for name, f in vars(torch).items() if name.startswith("_sym_")),
}


@dataclass(frozen=True)
class Condition:
    """Comparisons of sizes that are not known: SymPy's relations, and And, Or and Not of them."""

    expression: Any

    @property
    def constraints(self) -> list[Constraint] | None:
        """What must hold for it to be true; None when that is no conjunction of comparisons."""
        try:
            return to_constraints(self.expression)
        except OxideError:
            return None

    def value(self) -> ir.Value:
        """The condition as a bool of rank 0.  Raises OxideError for what is no comparison of sizes."""
        return _truth(self.expression)


def call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], meta: Any) -> Any:
    """`function(*args, **kwargs)`, where `meta` is what PyTorch computed for it.

    Raises OxideError for a function of run-time numbers that StableHLO has no counterpart of.
    """
    given = [*args, *kwargs.values()]
    tensors = [part for part in _leaves(given) if isinstance(part, Tensor)]
    if tensors and not _is_size(meta, tensors):
        return _computed(function, given)
    if isinstance(meta, torch.SymInt):
        return size(meta)
    if isinstance(meta, torch.SymBool):
        return condition(meta)
    if any(isinstance(part, Dim) for part in _leaves(given)):
        return _computed(function, given)
    return function(*args, **kwargs)


def _is_size(meta: Any, tensors: Sequence[Tensor]) -> bool:
    """Whether a number is a size, though it was computed by way of floats: `int(1.5 * n)`."""
    is_whole = isinstance(meta, torch.SymInt) and _are_of_sizes([tensor.read() for tensor in tensors])
    return is_whole and size_if_any(meta) is not None


def _are_of_sizes(values: Sequence[ir.Value]) -> bool:
    """Whether nothing but sizes and constants went into values."""
    seen, ahead = set(values), list(values)
    while ahead:
        owner = ahead.pop().owner
        if isinstance(owner, ir.Block):
            return False
        new = set(owner.operands) - seen
        seen |= new
        ahead.extend(new)
    return True


def condition(value: torch.SymBool) -> bool | Condition:
    """What a comparison of sizes comes to."""
    expression = value.node.expr
    return bool(expression) if expression in (sympy.true, sympy.false) else Condition(expression)


def _truth(expression: Any) -> ir.Value:
    connective = _CONNECTIVES.get(type(expression).__name__)
    if connective is not None:
        return reduce(connective, map(_truth, expression.args))
    if type(expression).__name__ == "Not":
        return hlo.not_(_truth(expression.args[0]))
    truths = [_COMPARISONS[c.relation](value_of(c.left), value_of(c.right)) for c in to_constraints(expression)]
    return reduce(hlo.and_, truths, hlo.constant(True, np.bool_))


def value_of(number: Any) -> ir.Value:
    """A number as a value of rank 0: int64, float64 or bool."""
    number = read(number)
    if isinstance(number, ir.Value):
        return number
    kind = np.bool_ if isinstance(number, bool) else np.float64 if isinstance(number, float) else np.int64
    return hlo.constant(number, kind)


def _leaves(values: Sequence[Any]) -> list[Any]:
    return [leaf for value in values for leaf in (value if isinstance(value, list | tuple) else [value])]


def _computed(function: Callable[..., Any], given: Sequence[Any]) -> Tensor | bool:
    name = getattr(function, "__name__", str(function)).removeprefix("_").removeprefix("sym_")
    build = _BUILDERS.get(name)
    if build is None:
        raise OxideError(f"{name} of a number that is known only when the model runs is not supported")
    operands = [value_of(number) for number in given]
    return True if _is_certain(name, operands) else Tensor(build(*operands))


def _is_certain(name: str, operands: Sequence[ir.Value]) -> bool:
    """Whether a comparison of integers is true whatever they are: a count is at most what is counted."""
    if name not in _CERTAIN:
        return False
    ranges = [integer_range(x) for x in operands]
    known = [r for r in ranges if r is not None]
    return len(known) == len(ranges) and _CERTAIN[name](*known)


def _arithmetic(build: Callable[..., ir.Value]) -> Callable[..., ir.Value]:
    """Of numbers brought to the wider kind: bool, integer, float."""

    def apply(*operands: ir.Value) -> ir.Value:
        return build(*_alike(operands))

    return apply


def _floating(build: Callable[..., ir.Value]) -> Callable[..., ir.Value]:
    def apply(*operands: ir.Value) -> ir.Value:
        return build(*(hlo.convert(x, np.float64) for x in operands))

    return apply


def _alike(operands: Sequence[ir.Value]) -> list[ir.Value]:
    float_ = any(dtypes.is_float(hlo.dtype(x)) for x in operands)
    return [hlo.convert(x, np.float64 if float_ else np.int64) for x in operands]


def _floor_divide(a: ir.Value, b: ir.Value) -> ir.Value:
    if dtypes.is_float(hlo.dtype(a)):
        return hlo.floor(hlo.divide(a, b))
    quotient, rest = hlo.divide(a, b), hlo.remainder(a, b)
    uneven = hlo.and_(hlo.not_equal(rest, 0), hlo.not_equal(hlo.less(rest, 0), hlo.less(b, 0)))
    return hlo.select(uneven, hlo.subtract(quotient, 1), quotient)


def _to_integer(build: Callable[[ir.Value], ir.Value]) -> Callable[[ir.Value], ir.Value]:
    return lambda x: hlo.convert(build(hlo.convert(x, np.float64)), np.int64)


def _truncated(x: ir.Value) -> ir.Value:
    return hlo.multiply(hlo.sign(x), hlo.floor(hlo.abs(x)))


_CONNECTIVES: dict[str, Callable[..., ir.Value]] = {"And": hlo.and_, "Or": hlo.or_}
_COMPARISONS: dict[str, Callable[..., ir.Value]] = {
    "==": hlo.equal,
    "!=": hlo.not_equal,
    ">=": hlo.greater_equal,
}

_CERTAIN: dict[str, Callable[[Range, Range], bool]] = {
    "ge": lambda a, b: a[0] >= b[1],
    "le": lambda a, b: a[1] <= b[0],
    "gt": lambda a, b: a[0] > b[1],
    "lt": lambda a, b: a[1] < b[0],
}

_BUILDERS: dict[str, Callable[..., ir.Value]] = {
    "add": _arithmetic(hlo.add),
    "sub": _arithmetic(hlo.subtract),
    "mul": _arithmetic(hlo.multiply),
    "truediv": _floating(hlo.divide),
    "floordiv": _arithmetic(_floor_divide),
    "mod": _arithmetic(lambda a, b: hlo.subtract(a, hlo.multiply(_floor_divide(a, b), b))),
    "pow": _floating(hlo.power),
    "neg": _arithmetic(hlo.negate),
    "abs": _arithmetic(hlo.abs),
    "max": _arithmetic(hlo.maximum),
    "min": _arithmetic(hlo.minimum),
    "sqrt": _floating(hlo.sqrt),
    "exp": _floating(hlo.exp),
    "log": _floating(hlo.log),
    "log2": _floating(lambda x: hlo.divide(hlo.log(x), math.log(2))),
    "sin": _floating(hlo.sin),
    "cos": _floating(hlo.cos),
    "tanh": _floating(hlo.tanh),
    "float": _floating(lambda x: x),
    "int": _to_integer(_truncated),
    "trunc": _to_integer(_truncated),
    "floor": _to_integer(hlo.floor),
    "ceil": _to_integer(hlo.ceil),
    "round": _to_integer(hlo.round_half_even),
    "eq": _arithmetic(hlo.equal),
    "ne": _arithmetic(hlo.not_equal),
    "lt": _arithmetic(hlo.less),
    "le": _arithmetic(hlo.less_equal),
    "gt": _arithmetic(hlo.greater),
    "ge": _arithmetic(hlo.greater_equal),
    "not": lambda x: hlo.not_(x),
    "and_": lambda a, b: hlo.and_(a, b),
    "or_": lambda a, b: hlo.or_(a, b),
    "ite": lambda condition, a, b: hlo.select(condition, *_alike([a, b])),
}
