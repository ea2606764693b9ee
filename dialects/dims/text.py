"""Sizes as text and as nested tuples: `2*seq + 1`, `max(1, n // 2)`, `('+', 'past', 'seq')`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims.constraints import Constraint
from oxide.dialects.dims.expression import Size, symbol
from oxide.dialects.dims.operations import OPERATIONS

_BINARY = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_NESTED = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "//": ast.FloorDiv,
    "%": ast.Mod,
}
_RELATIONS = {ast.Eq: "==", ast.NotEq: "!=", ast.GtE: ">="}
_FUNCTIONS = {name: OPERATIONS[name] for name in ("max", "min")}


def print_sizes(sizes: Sequence[Size]) -> str:
    """`batch, 3, 2*seq + 1`: what `parse_sizes` reads."""
    return ", ".join(map(str, sizes))


@lru_cache(maxsize=4096)
def parse_sizes(text: str) -> tuple[Size, ...]:
    """The sizes in a comma-separated list.  Raises OxideError for what is no arithmetic over symbols."""
    tree = _parsed(f"[{text}]")
    if not isinstance(tree, ast.List):
        raise _refused(text)
    return tuple(_size(item, text) for item in tree.elts)


def parse_size(text: str) -> Size:
    """The size that a text stands for.

    Python's `+ - * // %`, `max`, `min`, integers and symbols, which are Python names, or quoted where they
    are not.  Raises OxideError for anything else.
    """
    return _size(_parsed(text.strip()), text)


def parse_constraint(text: str, origin: str = "") -> Constraint:
    """The constraint that prints as `text`: two sizes with `==` or `>=` between them."""
    match _parsed(text.strip()):
        case ast.Compare(left=left, ops=[relation], comparators=[right]) if type(relation) in _RELATIONS:
            return Constraint(_RELATIONS[type(relation)], _size(left, text), _size(right, text), origin)
    raise OxideError(f"{text!r} is no constraint: expected two sizes with ==, != or >= between them")


def build(form: Any) -> Size:
    """The size of a nested form: an int, a symbol's name, or `(operator, *operands)`.

    Operators are `+ * max min` with two or more operands and `- // %` with two.
    """
    if isinstance(form, str):
        return symbol(form)
    if not isinstance(form, tuple):
        return form
    operator, *rest = form
    operands = [build(part) for part in rest]
    if operator in _FUNCTIONS:
        return _FUNCTIONS[operator](*operands)
    if operator not in _NESTED:
        raise OxideError(f"{operator!r} is no operator of sizes")
    result = operands[0]
    for operand in operands[1:]:
        result = _BINARY[_NESTED[operator]](result, operand)
    return result


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(text) from error


def _size(node: ast.expr, text: str) -> Size:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.Constant(value=str() as name):
            return symbol(name)
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_size(operand, text)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            a, b = _size(left, text), _size(right, text)
            if isinstance(operator, ast.FloorDiv | ast.Mod) and b == 0:
                raise _refused(text)
            return _BINARY[type(operator)](a, b)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS and arguments:
            return _FUNCTIONS[name](*(_size(a, text) for a in arguments))
    raise _refused(text)


def _refused(text: str) -> OxideError:
    return OxideError(f"{text!r} is no size: expected + - * // % max min over names and integers")
