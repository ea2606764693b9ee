"""Sparse conditional constant propagation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import fold, hlo
from oxide.dialects.attributes import string, symbol
from oxide.dialects.constants import holds_constant, read_constant
from oxide.dialects.effects import PURE
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.canonicalize.folding import evaluated
from oxide.passes.canonicalize.regions import terminator

_CALL = "func.call"
# What a value is known to be: its elements, or None for what may differ from run to run.  Nothing is known of code
# that may never run.
Known = np.ndarray | None


@register
@dataclass(frozen=True)
class ConstantPropagation(Pass):
    """Values that are the same constant on every path that can be taken become that constant.

    Branches that a known predicate rules out do not count, and the states of loops are taken to keep their initial
    values until a turn changes them; so constants are found that no local rule sees, through calls of private
    functions too.  Operations are evaluated as `fold` does.  `canonicalize` takes away the branches and the state
    left unused.  Wegman and Zadeck, Constant propagation with conditional branches, 1991.
    """

    name = "sccp"
    limit: int = option(4096, "largest number of elements of a constant that is looked at, unless it is a splat")

    def run(self, module: ir.Module, log: PassLog) -> None:
        analysis = _Analysis(module, self.limit)
        analysis.run()
        with module.context:
            for value, known in analysis.constants():
                log.count("values replaced", _replace(value, known))


class _Analysis:
    """What is known of the values of a module's functions; `run` finds the least fixed point."""

    def __init__(self, module: ir.Module, limit: int) -> None:
        self._limit = limit
        self._known: dict[ir.Value, Known] = {}
        functions = [view.operation for view in module.body.operations if view.operation.name == "func.func"]
        bodies = {string(op, "sym_name"): op for op in functions if len(op.regions[0].blocks) == 1}
        self._blocks = {name: op.regions[0].blocks[0] for name, op in bodies.items()}
        self._callers: dict[str, set[str]] = {name: set() for name in self._blocks}
        self._returned: dict[str, list[Known]] = {}
        called, otherwise = _uses(module)
        # All callers of these are known; any other function may be run with anything.
        self._private = {name for name in called - otherwise if name in bodies and _is_private(bodies[name])}
        self._pending = [name for name in self._blocks if name not in self._private]
        self._started = set(self._pending)
        self._current = ""

    def run(self) -> None:
        for name in self._pending:
            for argument in self._blocks[name].arguments:
                self._known[argument] = None
        while self._pending:
            self._current = self._pending.pop()
            block = self._blocks[self._current]
            self._visit(block)
            values = list(terminator(block).operands)
            if any(value not in self._known for value in values):
                continue
            returned = [self._known[value] for value in values]
            before = self._returned.get(self._current)
            if before is None or not all(map(_same, returned, before)):
                self._returned[self._current] = returned
                self._pending.extend(self._callers[self._current])

    def constants(self) -> Iterator[tuple[ir.Value, np.ndarray]]:
        for value, known in self._known.items():
            if known is not None:
                yield value, known

    def _join(self, value: ir.Value, known: Known) -> bool:
        """Take in what a value may be; answers whether that is news."""
        if known is not None and not self._holds(value, known):
            known = None
        if value not in self._known:
            self._known[value] = known
            return True
        before = self._known[value]
        if before is None or _same(before, known):
            return False
        self._known[value] = None
        return True

    def _join_all(self, values: Sequence[ir.Value], others: Sequence[ir.Value]) -> bool:
        """Let each value take in another that is known by now; answers whether there was news."""
        pairs = [pair for pair in zip(values, others, strict=True) if pair[1] in self._known]
        news = [self._join(value, self._known[other]) for value, other in pairs]
        return any(news)

    def _visit(self, block: ir.Block) -> None:
        for view in block.operations:
            op = view.operation
            if op.name == _CALL:
                self._call(op)
            elif op.name in ("stablehlo.if", "stablehlo.case"):
                self._branch(op)
            elif op.name == "stablehlo.while":
                self._loop(op)
            elif op.results:
                self._operation(op)

    def _operation(self, op: ir.Operation) -> None:
        if holds_constant(op):
            self._join(op.results[0], read_constant(op))
            return
        if any(operand not in self._known for operand in op.operands):
            return
        operands = [self._known[operand] for operand in op.operands]
        arrays = [known for known in operands if known is not None]
        folded = None
        if op.name in fold.RULES and op.name in PURE and arrays and len(arrays) == len(operands):
            folded = evaluated(op, arrays, self._limit)
        for place, result in enumerate(op.results):
            self._join(result, None if folded is None else folded[place])

    def _holds(self, value: ir.Value, array: np.ndarray) -> bool:
        """Whether an array is of the value's own static type, and small enough."""
        kind = value.type
        fits = isinstance(kind, ir.RankedTensorType) and kind.has_static_shape and tuple(kind.shape) == array.shape
        return fits and (fold.is_splat(array) or array.size <= self._limit)

    def _branch(self, op: ir.Operation) -> None:
        selector = op.operands[0]
        if selector not in self._known:
            return
        known = self._known[selector]
        blocks = [region.blocks[0] for region in op.regions]
        if known is not None:
            index = int(known)
            if op.name == "stablehlo.if":
                index = 1 - index
            blocks = [blocks[index] if 0 <= index < len(blocks) else blocks[-1]]
        for block in blocks:
            self._visit(block)
            self._join_all(op.results, terminator(block).operands)

    def _loop(self, op: ir.Operation) -> None:
        condition, body = (region.blocks[0] for region in op.regions)
        (decision,) = terminator(condition).operands
        news = True
        self._join_all(body.arguments, op.operands)
        while news:
            self._join_all(condition.arguments, body.arguments)
            self._visit(condition)
            if decision not in self._known:
                return
            goes_on = self._known[decision]
            if goes_on is None or not goes_on:
                self._join_all(op.results, condition.arguments)
            if goes_on is not None and not goes_on:
                return
            self._visit(body)
            news = self._join_all(body.arguments, terminator(body).operands)

    def _call(self, op: ir.Operation) -> None:
        name = symbol(op, "callee")
        if name not in self._blocks:
            for result in op.results:
                self._join(result, None)
            return
        self._callers[name].add(self._current)
        news = name in self._private and self._join_all(self._blocks[name].arguments, op.operands)
        if news or name not in self._started:
            self._started.add(name)
            self._pending.append(name)
        if name in self._returned:
            for result, known in zip(op.results, self._returned[name], strict=True):
                self._join(result, known)


def _uses(module: ir.Module) -> tuple[set[str], set[str]]:
    """The functions that calls name, and those that anything else does."""
    called: set[str] = set()
    otherwise: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == _CALL:
            called.add(symbol(op, "callee"))
        elif op.name not in ("func.func", "stablehlo.constant"):
            for name in op.attributes:
                with suppress(TypeError):  # an attribute the bindings have no class for is no symbol
                    otherwise.update(_symbols(op.attributes[name]))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return called, otherwise


def _symbols(attribute: ir.Attribute) -> Iterator[str]:
    if isinstance(attribute, ir.FlatSymbolRefAttr):
        yield attribute.value
    elif isinstance(attribute, ir.ArrayAttr):
        for element in attribute:
            yield from _symbols(element)


def _is_private(function: ir.Operation) -> bool:
    return "sym_visibility" in function.attributes and string(function, "sym_visibility") == "private"


def _same(x: Known, y: Known) -> bool:
    """True for the same bits, and where neither is known."""
    if x is None or y is None:
        return x is y
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if fold.is_splat(x) and fold.is_splat(y):
        return x[(0,) * x.ndim].tobytes() == y[(0,) * y.ndim].tobytes()
    return x.tobytes() == y.tobytes()


def _replace(value: ir.Value, known: np.ndarray) -> bool:
    """Let a constant take the place of a value that is used and not one already."""
    owner = value.owner
    if next(iter(value.uses), None) is None:
        return False
    if isinstance(owner, ir.Block):
        point, location = ir.InsertionPoint.at_block_begin(owner), owner.owner.operation.location
    else:
        op = owner.operation
        if holds_constant(op):
            return False
        point, location = ir.InsertionPoint(op), op.location
    with point, location:
        value.replace_all_uses_with(hlo.constant(known))
    return True
