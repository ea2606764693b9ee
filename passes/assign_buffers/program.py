"""What buffer assignment needs to know of a function, read once from the IR: who reads what, how large, and what
may share.

Values are numbers, so that orders and layouts can be tried without touching the IR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from jaxlib.mlir import ir

from oxide.dialects.attributes import NAME, PARAM, UPDATES, string, symbol
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.effects import CALLEE_ATTRIBUTE, Effects
from oxide.passes.assign_buffers.aliasing import (
    REGION_OPS,
    InPlace,
    View,
    byte_size,
    is_fusion,
    pieces,
    reads_in,
    views,
)
from oxide.passes.functions import labels

_ALIAS, _DONOR = "tf.aliasing_output", "jax.buffer_donor"


@dataclass(frozen=True, eq=False)
class Step:
    """An operation.  `captured` are the values from outside that its regions read; `bodies` its regions where
    these need memory; `views`, `pieces` and `overwrites` what `aliasing` says of it; `scratch` the bytes that the
    function it calls needs besides its arguments and results."""

    index: int
    op: ir.Operation
    operands: tuple[int, ...]
    results: tuple[int, ...]
    captured: tuple[int, ...]
    bodies: tuple[Body, ...]
    views: tuple[View | None, ...]
    pieces: tuple[int, ...]
    overwrites: tuple[tuple[int, ...], ...]
    scratch: int
    pure: bool


@dataclass(frozen=True, eq=False)
class Body:
    """A block: its arguments, its operations in an order, its terminator, and what that returns."""

    arguments: tuple[int, ...]
    steps: tuple[Step, ...]
    terminator: ir.Operation
    returned: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """A function's block.  `sizes` are bytes by value, None for what needs no place: constants and tokens, and the
    arguments that stay the caller's.  `donated` maps the other arguments to the result that should lie where they
    do, if any.  `separate` says that donated arguments and results lie outside of the arena, each in memory of its
    own."""

    function: ir.Operation
    body: Body
    values: list[ir.Value]
    sizes: list[int | None]
    donated: dict[int, int | None]
    separate: bool

    @cached_property
    def results(self) -> frozenset[int]:
        """The values that lie in memory of their own because the function returns them."""
        placed = (value for value in self.body.returned if self.sizes[value] is not None)
        return frozenset(placed).difference(self.body.arguments) if self.separate else frozenset()


def read_program(
    module: ir.Module, function: ir.Operation, *, separate: bool, arenas: Mapping[str, int]
) -> Program:
    """`arenas` are the bytes that the functions it calls need.

    Raises OxideError naming every operation with a result of unknown size.
    """
    reader = _Reader(module, arenas)
    block = function.regions[0].blocks[0]
    given = donations(function) if is_entry(function) else {}
    for argument in block.arguments:
        reader.add(argument, byte_size(argument.type) if argument.arg_number in given else None)
    body = reader.body(block)
    if reader.problems:
        raise OxideError("buffers cannot be assigned", reader.problems)
    donated = {
        body.arguments[number]: None if result is None else body.returned[result]
        for number, result in given.items()
    }
    return Program(function, body, reader.values, reader.sizes, donated, separate)


def callee(op: ir.Operation) -> str | None:
    """The function that an operation calls; None for other operations, and for fusions, which need no memory."""
    return symbol(op, CALLEE_ATTRIBUTE[op.name]) if op.name in CALLEE_ATTRIBUTE and not is_fusion(op) else None


def is_entry(function: ir.Operation) -> bool:
    """Whether it is @main, which is called from outside."""
    return string(function, "sym_name") == "main"


def donations(function: ir.Operation) -> dict[int, int | None]:
    """The arguments whose memory the function may use, each with the number of the result that should lie there.

    `tf.aliasing_output` and `jax.buffer_donor` of an argument say so, and `oxide.updates` of a result of its type.
    """
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    arguments = labels(function, "arg_attrs")
    names: dict[str, int] = {}
    found: dict[int, int | None] = {}
    for number, attributes in enumerate(arguments):
        for name in (NAME, PARAM):
            if name in attributes:
                names[ir.StringAttr(attributes[name]).value] = number
        if _ALIAS in attributes:
            found[number] = ir.IntegerAttr(attributes[_ALIAS]).value
        elif _DONOR in attributes and ir.BoolAttr(attributes[_DONOR]).value:
            found[number] = None
    for result, attributes in enumerate(labels(function, "res_attrs")):
        number = names.get(ir.StringAttr(attributes[UPDATES]).value) if UPDATES in attributes else None
        if number is not None and kind.inputs[number] == kind.results[result]:
            found[number] = result
    return found


class _Reader:
    def __init__(self, module: ir.Module, arenas: Mapping[str, int]) -> None:
        self._arenas = arenas
        self._numbers: dict[ir.Value, int] = {}
        self._sizes: dict[ir.Type, int | None] = {}
        self._steps = 0
        self._effects = Effects(module)
        self._in_place = InPlace(module)
        self.values: list[ir.Value] = []
        self.sizes: list[int | None] = []
        self.problems: list[Diagnostic] = []

    def add(self, value: ir.Value, size: int | None) -> None:
        self._numbers[value] = len(self.values)
        self.values.append(value)
        self.sizes.append(size)

    def body(self, block: ir.Block) -> Body:
        *operations, terminator = (view.operation for view in block.operations)
        steps = tuple(self._step(op) for op in operations)
        return Body(self._known(block.arguments), steps, terminator, self._known(terminator.operands))

    def _step(self, op: ir.Operation) -> Step:
        # Before the regions' own values are known.
        inner = {value for region in op.regions for value in reads_in(region)}
        captured = sorted(self._numbers[value] for value in inner if value in self._numbers)
        fine = self._add_results(op)
        bodies: list[Body] = []
        if op.name in REGION_OPS:
            for region in op.regions:
                block = region.blocks[0]
                for argument in block.arguments:
                    self.add(argument, self._size(argument.type) if fine else None)
                bodies.append(self.body(block))
        self._steps += 1
        return Step(
            index=self._steps,
            op=op,
            operands=self._known(op.operands),
            results=self._known(op.results),
            captured=tuple(captured),
            bodies=tuple(bodies),
            views=tuple(views(op)) if fine else (),
            pieces=tuple(pieces(op)) if fine else (),
            overwrites=tuple(map(tuple, self._in_place.operands(op))) if fine else (),
            scratch=self._arenas.get(callee(op) or "", 0),
            pure=self._effects.is_pure(op),
        )

    def _add_results(self, op: ir.Operation) -> bool:
        """Whether all sizes are known, of operands too."""
        fine = not self.problems
        for result in op.results:
            try:
                self.add(result, None if op.name == "stablehlo.constant" else self._size(result.type))
            except OxideError as error:
                self.problems.append(Diagnostic("error", error.message, location_text(op.location)))
                self.add(result, None)
                fine = False
        return fine

    def _size(self, kind: ir.Type) -> int | None:
        if kind not in self._sizes:
            self._sizes[kind] = byte_size(kind)
        return self._sizes[kind]

    def _known(self, values: ir.OpOperandList | ir.OpResultList | ir.BlockArgumentList) -> tuple[int, ...]:
        return tuple(self._numbers[value] for value in values)
