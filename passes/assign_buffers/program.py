"""What buffer assignment needs to know of @main, read once from the IR: who reads what, how large, and what may
share.

Values are numbers, so that orders and layouts can be tried without touching the IR.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import NAME, PARAM, UPDATES
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.effects import Effects
from oxide.passes.assign_buffers.aliasing import REGION_OPS, InPlace, View, byte_size, pieces, reads_in, views

_ALIAS, _DONOR = "tf.aliasing_output", "jax.buffer_donor"


@dataclass(frozen=True, eq=False)
class Step:
    """An operation.  `captured` are the values from outside that its regions read; `bodies` its regions where
    these need memory; `views`, `pieces` and `overwrites` what `aliasing` says of it."""

    index: int
    op: ir.Operation
    operands: tuple[int, ...]
    results: tuple[int, ...]
    captured: tuple[int, ...]
    bodies: tuple[Body, ...]
    views: tuple[View | None, ...]
    pieces: tuple[int, ...]
    overwrites: tuple[tuple[int, ...], ...]
    pure: bool


@dataclass(frozen=True, eq=False)
class Body:
    """A block: its arguments, its operations in an order, and what its terminator returns."""

    arguments: tuple[int, ...]
    steps: tuple[Step, ...]
    returned: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """@main's block.  `sizes` are bytes by value, None for what needs no place: constants and tokens, and the
    arguments that stay the caller's.  `donated` maps the other arguments to the result that should lie where they
    do, if any."""

    body: Body
    values: list[ir.Value]
    sizes: list[int | None]
    donated: dict[int, int | None]


def read_program(module: ir.Module, function: ir.Operation) -> Program:
    """Raises OxideError naming every operation with a result of unknown size."""
    reader = _Reader(module)
    block = function.regions[0].blocks[0]
    given = donations(function)
    for argument in block.arguments:
        reader.add(argument, byte_size(argument.type) if argument.arg_number in given else None)
    body = reader.body(block)
    if reader.problems:
        raise OxideError("buffers cannot be assigned", reader.problems)
    donated = {
        body.arguments[number]: None if result is None else body.returned[result]
        for number, result in given.items()
    }
    return Program(body, reader.values, reader.sizes, donated)


def donations(function: ir.Operation) -> dict[int, int | None]:
    """The arguments whose memory the function may use, each with the number of the result that should lie there.

    `tf.aliasing_output` and `jax.buffer_donor` of an argument say so, and `oxide.updates` of a result of its type.
    """
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    arguments = dictionaries(function, "arg_attrs")
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
    for result, attributes in enumerate(dictionaries(function, "res_attrs")):
        number = names.get(ir.StringAttr(attributes[UPDATES]).value) if UPDATES in attributes else None
        if number is not None and kind.inputs[number] == kind.results[result]:
            found[number] = result
    return found


def dictionaries(function: ir.Operation, name: str) -> list[ir.DictAttr]:
    """The attributes of a function's arguments (`arg_attrs`) or results (`res_attrs`)."""
    if name in function.attributes:
        return [ir.DictAttr(item) for item in ir.ArrayAttr(function.attributes[name])]
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    count = len(kind.inputs if name == "arg_attrs" else kind.results)
    return [ir.DictAttr.get({}, function.context)] * count


class _Reader:
    def __init__(self, module: ir.Module) -> None:
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
        return Body(self._known(block.arguments), steps, self._known(terminator.operands))

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
