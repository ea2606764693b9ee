"""Reads what a module says about its open sizes, and follows them through the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jaxlib.mlir import ir

from oxide.dialects import dims
from oxide.dialects.attributes import CONSTRAINTS, SHAPE
from oxide.dialects.dims import Constraint, Size
from oxide.dialects.shapes.facts import Relation, Symbolic, has_open_shapes
from oxide.dialects.shapes.rules import Shape

# Renaming equal sizes can show further ones to be equal.
_MOST_ROUNDS = 8


def open_sizes(module: ir.Module, functions: Mapping[str, ir.OpView], fresh: Callable[[str], str]) -> Symbolic:
    """What is known about the shapes in a module whose types leave some open.

    `functions` are the module's by name, @main among them.  `fresh` gives each symbol a name of its own: that of
    `oxide.shape` where it can.  Raises UnknownShapes where calls cannot be followed.
    """
    if not has_open_shapes(module):
        return Symbolic()
    main = functions["main"]
    bodies = {name: f.regions[0].blocks[0] for name, f in functions.items() if f.regions and f.regions[0].blocks}
    symbolic = Symbolic(bodies, fresh, active=True)
    own = _Names(symbolic)
    block = main.regions[0].blocks[0]
    shapes = [own.shape(a, text) for a, text in zip(block.arguments, _declared(main), strict=True)]
    given = [_relation(own, constraint) for constraint in declared_constraints(main.operation)]
    for _ in range(_MOST_ROUNDS):
        symbolic.start(given)
        symbolic.enter(block, shapes)
        equal = _renaming(symbolic)
        if not equal:
            break
        shapes = [tuple(dims.rename(size, equal) for size in shape) for shape in shapes]
        given = [(op, dims.rename(a, equal), dims.rename(b, equal)) for op, a, b in given]
    return symbolic


def declared_constraints(function: ir.Operation) -> tuple[Constraint, ...]:
    """The relations of `oxide.constraints`."""
    if CONSTRAINTS not in function.attributes:
        return ()
    found: list[Constraint] = []
    with function.context:
        for row in ir.ArrayAttr(function.attributes[CONSTRAINTS]):
            fields = {named.name: ir.StringAttr(named.attr).value for named in ir.DictAttr(row)}
            found.append(dims.parse_constraint(fields["relation"], fields.get("origin", "")))
    return tuple(found)


class _Names:
    """This module's own names of its symbols."""

    def __init__(self, symbolic: Symbolic) -> None:
        self._symbolic = symbolic
        self._known: dict[str, Size] = {}

    def shape(self, argument: ir.Value, text: str) -> Shape:
        """The shape of an argument that is declared by `text`, or by its type alone."""
        type_ = ir.RankedTensorType(argument.type)
        if type_.has_static_shape:
            return tuple(type_.shape)
        declared: Sequence[Size | None] = dims.parse_sizes(text) if text else [None] * type_.rank
        sizes: list[Size] = []
        for axis, size in enumerate(declared):
            if not type_.is_dynamic_dim(axis):
                sizes.append(type_.get_dim_size(axis))
            elif size is None:
                sizes.append(self._symbolic.new_symbol("n"))
            else:
                sizes.append(self.size(size))
        return tuple(sizes)

    def size(self, size: Size) -> Size:
        for name in dims.symbols(size):
            if name not in self._known:
                self._known[name] = self._symbolic.new_symbol(name)
        return dims.rename(size, self._known)


def _declared(main: ir.OpView) -> list[str]:
    """`oxide.shape` of every argument, empty where it has none."""
    count = len(main.regions[0].blocks[0].arguments)
    if "arg_attrs" not in main.attributes:
        return [""] * count
    rows = [ir.DictAttr(row) for row in ir.ArrayAttr(main.attributes["arg_attrs"])]
    return [ir.StringAttr(row[SHAPE]).value if SHAPE in row else "" for row in rows]


def _relation(names: _Names, constraint: Constraint) -> Relation:
    return constraint.relation, names.size(constraint.left), names.size(constraint.right)


def _renaming(symbolic: Symbolic) -> dict[str, Size]:
    """One symbol to replace by what it must be equal to; empty when no equation says so."""
    for left, right in symbolic.equations:
        # The later name goes: `n_2` of the second input becomes `n` of the first.
        for size, other in ((right, left), (left, right)):
            names = dims.symbols(size)
            plain = len(names) == 1 and size == dims.symbol(names[0])
            if plain and names[0] not in dims.symbols(other) and names[0] in symbolic.inputs:
                return {names[0]: other}
    return {}
