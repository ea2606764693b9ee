"""Short constructors of Python `ast` nodes.

Everything the back end emits is built from these, so a name from a model can become an `ast.Name` or an
`ast.Constant`, never program text.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from functools import cache, partial, reduce
from typing import Any

from oxide.dialects.dims import Atom, Dim
from oxide.dialects.dims.expression import Monomial

LOAD = ast.Load()

OPERATORS: dict[str, type[ast.operator]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
    "//": ast.FloorDiv,
    "%": ast.Mod,
    "@": ast.MatMult,
    "**": ast.Pow,
    "&": ast.BitAnd,
    "|": ast.BitOr,
    "^": ast.BitXor,
    "<<": ast.LShift,
    ">>": ast.RShift,
}
COMPARISONS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}


@cache
def path(dotted: str) -> ast.expr:
    """`jax.nn.relu` as nodes.  For spellings of this package only; names from models go through `name`."""
    head, *rest = dotted.split(".")
    node: ast.expr = ast.Name(head, LOAD)
    for attribute in rest:
        node = ast.Attribute(node, attribute, LOAD)
    return node


def name(identifier: str) -> ast.Name:
    return ast.Name(identifier, LOAD)


def call(function: str | ast.expr, *args: ast.expr, **keywords: ast.expr | None) -> ast.Call:
    """A call; keywords that are None are left out."""
    target = path(function) if isinstance(function, str) else function
    return ast.Call(target, list(args), [ast.keyword(k, v) for k, v in keywords.items() if v is not None])


def method(value: ast.expr, attribute: str, *args: ast.expr, **keywords: ast.expr | None) -> ast.Call:
    """`value.attribute(args...)`."""
    return call(ast.Attribute(value, attribute, LOAD), *args, **keywords)


def attribute(value: ast.expr, name: str) -> ast.Attribute:
    return ast.Attribute(value, name, LOAD)


def binary(operator: str, left: ast.expr, right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left, OPERATORS[operator](), right)


def comparison(operator: str, left: ast.expr, right: ast.expr) -> ast.Compare:
    return ast.Compare(left, [COMPARISONS[operator]()], [right])


def index(value: ast.expr, *indices: ast.expr) -> ast.Subscript:
    """`value[a, b]`, or `value[a]` for one index."""
    key = indices[0] if len(indices) == 1 else ast.Tuple(list(indices), LOAD)
    return ast.Subscript(value, key, LOAD)


def tuple_(items: Iterable[ast.expr]) -> ast.Tuple:
    return ast.Tuple(list(items), LOAD)


def packed(items: Sequence[ast.expr]) -> ast.expr:
    """The only item, or a tuple of them."""
    return items[0] if len(items) == 1 else tuple_(items)


def list_(items: Iterable[ast.expr]) -> ast.List:
    return ast.List(list(items), LOAD)


def starred(value: ast.expr) -> ast.Starred:
    return ast.Starred(value, LOAD)


def lambda_(parameters: Sequence[str], body: ast.expr) -> ast.Lambda:
    return ast.Lambda(arguments(parameters), body)


def arguments(parameters: Sequence[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(p) for p in parameters], None, [], [], None, [])


def assign(targets: Sequence[str], value: ast.expr) -> ast.Assign:
    """`a = value`, or `a, b = value` for several targets."""
    nodes: list[ast.expr] = [ast.Name(t, ast.Store()) for t in targets]
    target = nodes[0] if len(nodes) == 1 else ast.Tuple(nodes, ast.Store())
    return ast.Assign([target], value)


def unpack(targets: Sequence[Sequence[str]], value: ast.expr) -> ast.Assign:
    """`(a, b), c = value`; what has no target is `_`."""
    inner = [packed([ast.Name(t, ast.Store()) for t in group or ["_"]]) for group in targets]
    return ast.Assign([packed(inner)], value)


def function(name: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
    return ast.FunctionDef(name, arguments(parameters), body, [], None, None)


FULL_SLICE = ast.Slice()


def literal(value: Any) -> ast.expr:
    """Python numbers, sizes, strings, None and (nested) tuples and lists of them as nodes; inf and nan as jnp's."""
    if isinstance(value, Dim):
        return _size(value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return ast.Constant(value)
    if isinstance(value, int):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, complex):
        return _complex(value)
    if isinstance(value, tuple):
        return tuple_(literal(v) for v in value)
    if isinstance(value, list):
        return list_(literal(v) for v in value)
    raise TypeError(f"no literal for {type(value)}")


def _size(size: Dim) -> ast.expr:
    """A size as the arithmetic it is, its symbols being variables; sums begin with a positive term."""
    terms = sorted(size.terms, key=lambda term: term[1] < 0)
    total: ast.expr | None = None
    for monomial, factor in terms:
        product = _product(monomial, abs(factor))
        if total is not None:
            total = binary("-" if factor < 0 else "+", total, product)
        else:
            total = ast.UnaryOp(ast.USub(), product) if factor < 0 else product
    assert total is not None, "a Dim without terms"
    return total


def _product(monomial: Monomial, factor: int) -> ast.expr:
    factors = [] if factor == 1 and monomial else [literal(factor)]
    for atom, power in monomial:
        factors.append(_atom(atom) if power == 1 else binary("**", _atom(atom), literal(power)))
    return reduce(partial(binary, "*"), factors)


def _atom(atom: Atom) -> ast.expr:
    if atom.kind == "symbol":
        return name(atom.name)
    operands = [literal(operand) for operand in atom.operands]
    return call(atom.kind, *operands) if atom.kind in ("max", "min") else binary(atom.kind, *operands)


def _float(value: float) -> ast.expr:
    if math.isnan(value):
        return path("jnp.nan")
    magnitude = path("jnp.inf") if math.isinf(value) else ast.Constant(abs(value))
    return ast.UnaryOp(ast.USub(), magnitude) if math.copysign(1.0, value) < 0 else magnitude


def _complex(value: complex) -> ast.expr:
    if not (math.isfinite(value.real) and math.isfinite(value.imag)):
        return call("complex", _float(value.real), _float(value.imag))
    imaginary = ast.Constant(complex(0.0, abs(value.imag)))
    if math.copysign(1.0, value.real) < 0 or math.copysign(1.0, value.imag) < 0:
        # `-0.0 + 1j` would lose the signs of zeros, a call does not.
        return call("complex", _float(value.real), _float(value.imag))
    return binary("+", ast.Constant(value.real), imaginary)
