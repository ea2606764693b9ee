"""The shapes of all values of a module with open sizes, as expressions over the sizes of its arguments.

The types of such a module say `?`.  Which of those sizes are equal, and which follow from others, is found by
walking the program: every operation's result shape follows from its operands' shapes, and where it takes a shape
as an operand, from that operand's contents, which are followed too (`arithmetic`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dims
from oxide.dialects.attributes import keyword, string, symbol
from oxide.dialects.dims import Size
from oxide.dialects.effects import CALLEE_ATTRIBUTE, SHAPE_OPERANDS
from oxide.dialects.shapes import arithmetic, rules
from oxide.dialects.shapes.rules import Shape

# Functions inside one another that are followed.
_DEEPEST = 100


class UnknownShapes(Exception):
    """The shapes of a program cannot be followed; the message says what stands in the way."""


_ASSERTION = "shape_assertion"
# (operator, left, right): what must hold.
Relation = tuple[str, Size, Size]


@dataclass(frozen=True)
class Opening:
    """A size that follows from nothing: `symbol` stands for dimension `axis` of a value."""

    axis: int
    symbol: str


@dataclass
class Symbolic:
    """What is known about shapes and sizes.

    `bodies` holds the functions' blocks, `fresh` makes a new name of a wanted one.  `active` is False for a
    module in which every shape is static: nothing is followed then.  `positive` are the symbols known to be
    at least 1, `symbols` all there are, `equations` the pairs of sizes that must be equal for it to be right,
    `relations` what the program itself checks, `inputs` the symbols in the shapes of @main's arguments.
    """

    bodies: Mapping[str, ir.Block] = field(default_factory=dict)
    fresh: Callable[[str], str] = str
    active: bool = False
    positive: set[str] = field(default_factory=set)
    equations: list[tuple[Size, Size]] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)
    symbols: set[str] = field(default_factory=set)
    openings: dict[ir.Value, list[Opening]] = field(default_factory=dict)
    _shapes: dict[ir.Value, Shape] = field(default_factory=dict)
    _contents: dict[ir.Value, np.ndarray] = field(default_factory=dict)
    _results: dict[object, list[tuple[Shape, np.ndarray | None]]] = field(default_factory=dict)
    _sources: dict[ir.Value, ir.Value] = field(default_factory=dict)
    _depth: int = 0

    def is_open(self, value: ir.Value) -> bool:
        """Whether the shape of a value is known, but not from its type."""
        return value in self._shapes

    def shape(self, value: ir.Value) -> Shape:
        """The shape of a value; sizes that are not numbers are `Dim`s."""
        found = self._shapes.get(value)
        return tuple(ir.RankedTensorType(value.type).shape) if found is None else found

    def contents(self, value: ir.Value) -> np.ndarray | None:
        """The elements of a value, as int, bool and Dim, if all follow from the shapes of the arguments."""
        return self._contents.get(value)

    def source(self, value: ir.Value) -> ir.Value:
        """The value itself, seen through the calls it is passed into and returned from."""
        while value in self._sources:
            value = self._sources[value]
        return value

    def is_size_operand(self, op: ir.OpView, position: int) -> bool:
        """Whether an operand holds sizes that are known, so that it is written as numbers."""
        if not self.active:
            return False
        held = position in SHAPE_OPERANDS.get(op.operation.name, ())
        return held and self.contents(op.operands[position]) is not None

    def is_known(self, op: ir.OpView) -> bool:
        """Whether the contents of all results of an operation are known."""
        return self.active and len(op.results) > 0 and all(r in self._contents for r in op.results)

    # -------------------------------------------------------------------------------------- walking

    def start(self, relations: Sequence[Relation]) -> None:
        """Begin anew, with what is known to hold."""
        for found in (self.equations, self.relations, self.positive, self._shapes, self._contents, self._results):
            found.clear()
        for relation in relations:
            self._require(relation)

    def _require(self, relation: Relation) -> None:
        """Note a relation that has to hold and what follows from it."""
        operator, left, right = relation
        if relation not in self.relations:
            self.relations.append(relation)
        if operator == "==":
            self.equate(left, right)
        elif operator == ">=" and self.is_at_least(right, 1) and str(left) in self.symbols:
            self.positive.add(str(left))

    def _assertion(self, op: ir.OpView) -> None:
        """A relation that JAX's export has the program check."""
        predicate = op.operands[0]
        known = self.contents(predicate)
        if known is not None and all(known.flat):
            return
        relation = comparison_of(self, predicate)
        if relation is None:
            raise UnknownShapes("an assertion that is not a comparison of sizes")
        self._require(relation)

    def enter(self, block: ir.Block, shapes: Sequence[Shape]) -> None:
        """Follow the body of @main, its arguments having these shapes."""
        self.inputs = {name for shape in shapes for size in shape for name in dims.symbols(size)}
        for argument, shape in zip(block.arguments, shapes, strict=True):
            self._set_shape(argument, shape)
        self._block(block)

    def enter_call(self, block: ir.Block, operands: Sequence[ir.Value]) -> None:
        """Follow the body of a function for a call with these operands."""
        for argument, operand in zip(block.arguments, operands, strict=True):
            self._sources[argument] = operand
            self._set_shape(argument, self.shape(operand))
            self._contents.pop(argument, None)
            if operand in self._contents:
                self._contents[argument] = self._contents[operand]
        self._block(block)

    def call_key(self, operands: Sequence[ir.Value]) -> object:
        """Equal for calls of a function that have equal shapes and known operands."""
        if not self.active:
            return ()
        rows = []
        for operand in operands:
            known = self._contents.get(operand)
            rows.append((self.shape(operand), None if known is None else tuple(known.flat)))
        return tuple(rows)

    def _block(self, block: ir.Block) -> None:
        for op in block.operations:
            self._operation(op)

    def _operation(self, op: ir.OpView) -> None:
        name = op.operation.name
        for result in op.results:
            self._contents.pop(result, None)
        if name in CALLEE_ATTRIBUTE:
            self._call(op, symbol(op.operation, CALLEE_ATTRIBUTE[name]))
            return
        if is_assertion(op):
            self._assertion(op)
        for region in op.regions:
            self._region(op, region)
        for result, shape in zip(op.results, self._inferred(op), strict=False):
            self._set_shape(result, shape, op)
        known = arithmetic.evaluate(self, op)
        if known is not None:
            self._contents[op.results[0]] = known

    def _region(self, op: ir.OpView, region: ir.Region) -> None:
        loops = op.operation.name == "stablehlo.while"
        for block in region.blocks:
            for position, argument in enumerate(block.arguments):
                if _is_open(argument.type):
                    shape = self.shape(op.operands[position]) if loops else ()
                    self._set_shape(argument, shape)
            self._block(block)

    def _call(self, op: ir.OpView, callee: str) -> None:
        block = self.bodies.get(callee)
        if block is None:
            raise UnknownShapes(f"@{callee} has no body")
        operands = list(op.operands)
        key = (callee, self.call_key(operands))
        # What is done with an operand of unknown contents depends on where it comes from.
        repeatable = not any(arithmetic.is_small(v) and v not in self._contents for v in operands)
        results = self._results.get(key) if repeatable else None
        returned: list[ir.Value] | None = None
        if results is None:
            if self._depth >= _DEEPEST:
                raise UnknownShapes(f"@{callee} calls itself")
            self._depth += 1
            self.enter_call(block, operands)
            self._depth -= 1
            operations = block.operations
            returned = list(operations[len(operations) - 1].operands)
            results = [(self.shape(v), self._contents.get(v)) for v in returned]
            self._results[key] = results
        for position, (result, (shape, known)) in enumerate(zip(op.results, results, strict=True)):
            self._sources.pop(result, None)
            if returned is not None:
                self._sources[result] = returned[position]
            self._set_shape(result, shape)
            if known is not None:
                self._contents[result] = known

    def _inferred(self, op: ir.OpView) -> Sequence[Shape]:
        if not any(_is_open(r.type) for r in op.results):
            return ()
        rule = rules.RULES.get(op.operation.name)
        shapes = rule(self, op) if rule is not None else None
        return [()] * len(op.results) if shapes is None else shapes

    def _set_shape(self, value: ir.Value, shape: Shape, op: ir.OpView | None = None) -> None:
        """Record a shape; sizes the type knows come from there, sizes nobody knows become symbols."""
        if not _is_open(value.type):
            return
        type_ = cast(ir.RankedTensorType, value.type)
        known: list[Size] = []
        openings: list[Opening] = []
        for axis in range(type_.rank):
            inferred = shape[axis] if len(shape) == type_.rank else None
            if not type_.is_dynamic_dim(axis):
                size = type_.get_dim_size(axis)
                if inferred is not None:
                    self.equate(inferred, size)
            elif inferred is None:
                size = self.new_symbol("n")
                openings.append(Opening(axis, str(size)))
            else:
                size = inferred
            known.append(size)
        self._shapes[value] = tuple(known)
        self.openings.pop(value, None)
        if openings:
            self.openings[value] = openings

    # ---------------------------------------------------------------------------------------- facts

    def new_symbol(self, wanted: str) -> Size:
        """A new size, called as wanted where that is free."""
        name = self.fresh(wanted)
        self.symbols.add(name)
        return dims.symbol(name)

    def equate(self, a: Size, b: Size) -> None:
        """Note that two sizes must be equal."""
        if a != b:
            self.equations.append((a, b))

    def is_at_least(self, size: Size, limit: int) -> bool:
        """Whether a size is at least `limit` for certain."""
        least = 1 if self.positive.issuperset(dims.symbols(size)) else 0
        return dims.is_at_least(size, limit, least=least)


def comparison_of(facts: Symbolic, predicate: ir.Value) -> Relation | None:
    """The relation of sizes that a predicate says, None when it says anything else."""
    owner = facts.source(predicate).owner
    if isinstance(owner, ir.Block) or owner.name != "stablehlo.compare":
        return None
    left, right = (facts.contents(v) for v in owner.operands)
    if left is None or right is None or left.size != 1 or right.size != 1:
        return None
    return _SYMBOLS[keyword(owner.operation, "comparison_direction")], left.flat[0], right.flat[0]


_SYMBOLS = {"EQ": "==", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


def is_assertion(op: ir.OpView) -> bool:
    """Whether an operation checks a relation of sizes, as JAX exports it."""
    return op.operation.name == "stablehlo.custom_call" and string(op.operation, "call_target_name") == _ASSERTION


def _is_open(type_: ir.Type) -> bool:
    return isinstance(type_, ir.RankedTensorType) and not type_.has_static_shape


def has_open_shapes(module: ir.Module) -> bool:
    """Whether any value of a module has a shape that its type does not say."""
    found = False

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal found
        values = [*op.results, *(a for region in op.regions for block in region.blocks for a in block.arguments)]
        found = found or any(_is_open(v.type) for v in values)
        return ir.WalkResult.INTERRUPT if found else ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found
