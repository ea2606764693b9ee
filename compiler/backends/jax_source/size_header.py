"""How a generated function begins when sizes are open: `batch, seq = x.shape[:2]`, and the checks it needs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.syntax import binary, literal
from oxide.backends.jax_source.terms import TensorType
from oxide.dialects import dims
from oxide.dialects.dims import Size, Source


@dataclass(frozen=True)
class SizedArray:
    """An array a function takes: its name, how it is written, its type, how many of its sizes are open."""

    name: str
    node: ast.expr
    type: TensorType
    chosen: int = 0

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.type.shape


def used_sizes(statements: Iterable[ast.stmt], symbols: Iterable[str]) -> set[str]:
    """The symbols that statements read and do not set themselves."""
    known, read, written = set(symbols), set[str](), set[str]()
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in known:
                (written if isinstance(node.ctx, ast.Store) else read).add(node.id)
    return read - written


def size_definitions(arrays: Sequence[SizedArray], wanted: set[str]) -> tuple[list[ast.stmt], list[str]]:
    """Statements that read the wanted sizes off arrays, and those that no array tells."""
    sources = dims.find_sources([array.shape for array in arrays])
    needed = set(wanted)
    for source in reversed(sources):
        if source.symbol in needed:
            needed.update(dims.symbols(source.rest))
    statements: list[ast.stmt] = []
    plain: dict[int, dict[int, str]] = {}
    for source in sources:
        if source.symbol in needed and source.factor == 1 and source.rest == 0:
            plain.setdefault(source.tensor, {})[source.axis] = source.symbol
    for tensor, symbols in plain.items():
        statements.append(_unpacked(arrays[tensor], symbols))
    for source in sources:
        if source.symbol in needed and source.symbol not in {s for row in plain.values() for s in row.values()}:
            statements.append(_solved(arrays[source.tensor], source))
    return statements, sorted(wanted - {source.symbol for source in sources})


def _unpacked(array: SizedArray, symbols: dict[int, str]) -> ast.stmt:
    """`batch = x.shape[0]`, `batch, seq = x.shape[:2]`, `batch, _, height, width = x.shape`."""
    shape, last = syntax.attribute(array.node, "shape"), max(symbols)
    if len(symbols) == 1:
        return syntax.assign([symbols[last]], syntax.index(shape, literal(last)))
    targets = [symbols.get(axis, "_") for axis in range(last + 1)]
    whole = len(targets) == len(array.shape)
    part = shape if whole else syntax.index(shape, ast.Slice(None, literal(len(targets)), None))
    return syntax.assign(targets, part)


def _solved(array: SizedArray, source: Source) -> ast.stmt:
    """`n = (x.shape[1] - 1) // 2` for a dimension of 2*n + 1."""
    node: ast.expr = syntax.index(syntax.attribute(array.node, "shape"), literal(source.axis))
    rest = source.rest
    if isinstance(rest, int) and rest < 0:
        node = binary("+", node, literal(-rest))
    elif rest != 0:
        node = binary("-", node, literal(rest))
    if source.factor != 1:
        node = binary("//", node, literal(source.factor))
    return syntax.assign([source.symbol], node)


def _plain(size: Size) -> str | None:
    """The name of a size that is nothing but a symbol."""
    names = dims.symbols(size)
    return names[0] if len(names) == 1 and size == dims.symbol(names[0]) else None


def shape_checks(require: ast.expr, arrays: Sequence[SizedArray]) -> list[ast.stmt]:
    """`require(mask.shape == (batch, seq), "...")` for every array with sizes that are known without it."""
    told: set[str] = set()
    checks: list[ast.stmt] = []
    for array in arrays:
        names = [_plain(size) for size in array.shape if not isinstance(size, int)]
        new = {name for name in names if name is not None} - told
        told |= new
        if len(new) < array.chosen:
            holds = syntax.comparison("==", syntax.attribute(array.node, "shape"), literal(array.shape))
            said = f"{array.name} has shape ({dims.print_sizes(array.shape)})"
            checks.append(ast.Expr(syntax.call(require, holds, literal(said))))
    return checks


def relation_check(require: ast.expr, symbol: str, left: Size, right: Size) -> ast.stmt:
    """`require(seq >= 3, "seq >= 3")`."""
    holds = syntax.comparison(symbol, literal(left), literal(right))
    return ast.Expr(syntax.call(require, holds, literal(f"{left} {symbol} {right}")))
