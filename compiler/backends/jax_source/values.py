"""What is known about the values of a module, and how each is written."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.constants import array_expression, is_large, scalar
from oxide.backends.jax_source.names import source_name, variable_name
from oxide.backends.jax_source.registry import Unsupported
from oxide.backends.jax_source.terms import (
    JNP_NAMES,
    WIDE,
    Bound,
    Constant,
    Reduction,
    Sizes,
    Spread,
    TensorType,
    Term,
    filled,
    tensor_type,
)
from oxide.dialects.constants import read_constant
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size
from oxide.dialects.shapes import Symbolic

# An operand of an operator that broadcasts: expression, its shape, whether it is a Python number.
Loose = tuple[ast.expr, tuple[Size, ...], bool]


@dataclass
class Values:
    """The terms of all values seen so far, and what the generated file needs because of them.

    `constants_path` says where in `params` a long constant of a given name is found.
    """

    constants_path: Callable[[str], ast.expr]
    symbolic: Symbolic = field(default_factory=Symbolic)
    helpers: set[str] = field(default_factory=set)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    uses_wide: bool = False
    _types: dict[tuple[ir.Type, tuple[Size, ...] | None], TensorType] = field(default_factory=dict)
    _terms: dict[ir.Value, Term] = field(default_factory=dict)
    _cost: int = 0

    def type(self, value: ir.Value) -> TensorType:
        """The exact type of a value.  Raises Unsupported for what no JAX array can hold."""
        native = value.type
        shape = self.symbolic.shape(value) if self.symbolic.is_open(value) else None
        found = self._types.get((native, shape))
        if found is None:
            try:
                found = self._types[native, shape] = tensor_type(native, shape)
            except OxideError as error:
                raise Unsupported(error.message) from error
        return found

    def term(self, value: ir.Value) -> Term:
        """What is known about a value, without writing it."""
        return self._terms[value]

    def constant(self, value: ir.Value) -> np.ndarray | None:
        """The array of a constant (splats as zero-stride views), or None."""
        term = self._terms[value]
        return term.value if isinstance(term, Constant) else None

    def numbers(self, value: ir.Value) -> np.ndarray | None:
        """The elements of an integer value that are known when JAX traces, as int and Dim; None for any other."""
        known = self.symbolic.contents(value)
        if known is not None:
            return known
        term = self._terms.get(value)
        return term.value.astype(object) if isinstance(term, Constant) else None

    def size(self, value: ir.Value) -> Size | None:
        """The one number of all elements of a value that follows from the arguments' shapes, or None."""
        term = self._terms[value]
        return term.splat if isinstance(term, Sizes) else None

    def splat(self, value: ir.Value) -> np.generic | None:
        """The one value of all elements of a constant, or None."""
        term = self._terms[value]
        return term.splat if isinstance(term, Constant) else None

    def is_number(self, value: ir.Value, number: float) -> bool:
        """Whether all elements of a value are one constant number (-0 is not 0)."""
        splat = self.splat(value)
        return splat is not None and bool(splat == number) and not np.signbit(np.real(splat).astype(np.float64))

    def array(self, value: ir.Value) -> ast.expr:
        """The value as an expression of exactly its type."""
        return self.written(self._terms[value])

    def written(self, term: Term) -> ast.expr:
        """A term as an expression of exactly its type."""
        if isinstance(term, Bound):
            self._cost += term.cost
            return term.node
        if isinstance(term, Constant):
            return self._written_constant(term)
        if isinstance(term, Sizes):
            return self._written_sizes(term)
        self._cost += 1
        node, shape = self._unspread(term)
        target = term.type
        if shape == target.shape:
            return node
        missing = target.rank - len(shape)
        if (1,) * missing + shape == target.shape and missing <= 3:
            return syntax.index(node, *[syntax.literal(None)] * missing)
        return syntax.call("jnp.broadcast_to", node, syntax.literal(target.shape))

    def loose(self, value: ir.Value) -> Loose:
        """The value for an operator that broadcasts: expression, its shape, whether it is a Python number."""
        term = self._terms[value]
        if isinstance(term, Constant) and term.splat is not None:
            number = scalar(term.splat, term.type)
            if number is not None:
                return number, (), True
        if isinstance(term, Sizes) and term.splat is not None:
            return syntax.literal(term.splat), (), True
        if isinstance(term, Spread):
            self._cost += term.source.cost
            return (*self._unspread(term, count=False), False)
        return self.written(term), term.type.shape, False

    def elementwise(
        self,
        values: Sequence[ir.Value],
        build: Callable[..., ast.expr],
        *,
        typed: Sequence[int] | None = None,
        shape: tuple[Size, ...] | None = None,
    ) -> ast.expr:
        """`build(*operands)`, with broadcasts and splat constants left to numpy where that gives the same type.

        The result has `shape` (default: the first value's).  One of the operands `typed` (default: all) fixes the
        dtype, so not all of those may be Python numbers.
        """
        shape = self.type(values[0]).shape if shape is None else shape
        forms = [self.loose(v) for v in values]
        typed = range(len(values)) if typed is None else typed
        if all(forms[i][2] for i in typed):
            first = typed[0]
            forms[first] = (self.array(values[first]), self.type(values[first]).shape, False)
        for position, (node, own, weak) in enumerate(forms):
            if _broadcast(tuple(s for _, s, _ in forms)) == shape:
                break
            if own != shape:
                full = self.array(values[position]) if weak else node
                own = self.type(values[position]).shape if weak else own
                full = full if own == shape else syntax.call("jnp.broadcast_to", full, syntax.literal(shape))
                forms[position] = (full, shape, False)
        return build(*(node for node, _, _ in forms))

    def spent(self) -> int:
        """How many operations the operands written so far for this operation hold."""
        return self._cost

    def dtype(self, element: str) -> ast.expr:
        """`jnp.float32` and its like."""
        if element in WIDE:
            self.uses_wide = True
        return syntax.path(f"jnp.{JNP_NAMES[element]}")

    def helper(self, name: str) -> ast.expr:
        """A function of `helpers.py`, which will be copied into the file."""
        self.helpers.add(name)
        return syntax.name(name)

    def _unspread(self, term: Spread, count: bool = True) -> tuple[ast.expr, tuple[Size, ...]]:
        """The source of a broadcast as an expression that numpy broadcasts to the target, and its shape."""
        if count:
            self._cost += term.source.cost
        source, rank = term.source, term.type.rank
        shape, dims = source.type.shape, term.dims
        if dims == tuple(range(rank - len(dims), rank)):
            return source.node, shape
        kept: list[Size] = [1] * rank
        for extent, dim in zip(shape, dims, strict=True):
            kept[dim] = extent
        made = source.made
        if isinstance(made, Reduction) and rank == made.operand_type.rank:
            rest = tuple(d for d in range(rank) if d not in made.axes)
            if rest == dims:
                return made.build(made.kind, True), tuple(kept)
        # Leading new dimensions come by themselves.
        first = dims[0] if dims else rank
        key = [syntax.FULL_SLICE if d in dims else syntax.literal(None) for d in range(first, rank)]
        while len(key) > 1 and key[-1] is syntax.FULL_SLICE:
            key.pop()
        return syntax.index(source.node, *key), tuple(kept[first:])

    def read_constant(self, op: ir.OpView) -> Constant:
        type_ = self.type(op.results[0])
        term = Constant(type_, read_constant(op.operation))
        if is_large(term):
            name = variable_name(source_name(op.location)) or "constant"
            number = 2
            chosen = name
            while chosen in self.constants:
                chosen, number = f"{name}_{number}", number + 1
            term.node = array_expression(self, term, self.constants_path(chosen), chosen)
        return term

    def read_sizes(self, value: ir.Value) -> Term:
        """What follows from the arguments' sizes; a constant where it is the same for all."""
        elements = self.symbolic.contents(value)
        assert elements is not None
        type_ = self.type(value)
        if all(isinstance(e, int) for e in elements.flat):
            return Constant(type_, elements.astype(type_.dtype))
        first = elements.flat[0]
        same = all(e == first for e in elements.flat)
        return Sizes(type_, filled(type_, np.array(first, object)) if same else elements)

    def _written_constant(self, term: Constant) -> ast.expr:
        if term.type.element in WIDE:
            self.uses_wide = True
        return term.node if term.node is not None else array_expression(self, term)

    def _written_sizes(self, term: Sizes) -> ast.expr:
        """Sizes as an array: `jnp.int32(batch)`, `jnp.array([batch, seq], jnp.int32)`."""
        type_, splat = term.type, term.splat
        dtype = self.dtype(type_.element)
        if type_.rank == 0:
            return syntax.call(dtype, syntax.literal(splat))
        if splat is not None:
            return syntax.call("jnp.full", syntax.literal(type_.shape), syntax.literal(splat), dtype)
        return syntax.call("jnp.array", syntax.literal(term.value.tolist()), dtype)


@cache
def _broadcast(shapes: tuple[tuple[Size, ...], ...]) -> tuple[Size, ...] | None:
    """The shape that numpy gives for these; None where it depends on sizes that are not known."""
    rank = max(map(len, shapes))
    result: list[Size] = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        wide = {s for s in sizes if s != 1}
        if len(wide) > 1:
            return None
        result.append(wide.pop() if wide else 1)
    return tuple(result)
