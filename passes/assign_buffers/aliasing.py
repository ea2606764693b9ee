"""Which operations may share memory between operands and results: the rules planner and checker agree on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property

from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.attributes import integer, integers, string, symbol, tensor
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.effects import ELEMENTWISE

# Operations whose regions are programs that need memory; other regions are scalar code kept in registers.
REGION_OPS = frozenset({"stablehlo.while", "stablehlo.if", "stablehlo.case"})
FUSION = "oxide.fusion"

# A result that is part of an operand: number of the operand, offset in bytes.
View = tuple[int, int]

# Element types of less than a byte, which memory holds a byte each: their bits are not those of the tensor.
_PACKED = re.compile(r"(i|ui|f)[1-6](\D|$)")


def is_fusion(op: ir.Operation) -> bool:
    """Whether an operation runs as one kernel, which keeps what it computes on the way in registers."""
    return op.name == "stablehlo.composite" and string(op, "name") == FUSION


def byte_size(kind: ir.Type) -> int | None:
    """Bytes of a dense tensor of static shape; None for a type that occupies no memory (a token).

    Types below eight bits take a byte an element.  Raises OxideError for other types.
    """
    if isinstance(kind, ir.RankedTensorType) and kind.has_static_shape:
        return math.prod(kind.shape) * dtypes.to_numpy(kind.element_type).itemsize
    if str(kind) == "!stablehlo.token":
        return None
    raise OxideError(f"type {kind} has no size known at compile time; refine the shapes first")


def views(op: ir.Operation) -> list[View | None]:
    """For every result, the bytes of an operand that it consists of, wherever they lie; None when it is
    computed."""
    rule = _VIEWS.get(op.name)
    return [None] * len(op.results) if rule is None else rule(op)


def pieces(op: ir.Operation) -> list[int]:
    """Where each operand lies in the result of a concatenation, in bytes; empty when they are interleaved."""
    if op.name != "stablehlo.concatenate":
        return []
    dimension = integer(op, "dimension")
    if math.prod(_shape(op.results[0])[:dimension]) != 1:
        return []
    sizes = [byte_size(operand.type) or 0 for operand in op.operands]
    return [sum(sizes[:number]) for number in range(len(sizes))]


def _whole(op: ir.Operation) -> list[View | None]:
    return [(number, 0) for number in range(len(op.results))]


def _bitcast(op: ir.Operation) -> list[View | None]:
    kinds = [tensor(value).element_type for value in (op.operands[0], op.results[0])]
    return [None if any(_PACKED.match(str(kind)) for kind in kinds) else (0, 0)]


def _transpose(op: ir.Operation) -> list[View | None]:
    shape = _shape(op.operands[0])
    moved = [dimension for dimension in integers(op, "permutation") if shape[dimension] != 1]
    return [(0, 0) if moved == sorted(moved) else None]


def _broadcast_in_dim(op: ir.Operation) -> list[View | None]:
    """One that adds dimensions of size 1 only."""
    shape, wider = _shape(op.operands[0]), _shape(op.results[0])
    places = integers(op, "broadcast_dimensions")
    kept = [place for size, place in zip(shape, places, strict=True) if size != 1]
    return [(0, 0) if kept == sorted(kept) and math.prod(shape) == math.prod(wider) else None]


def _slice(op: ir.Operation) -> list[View | None]:
    """A slice whose elements follow each other in memory: before the first dimension it cuts, sizes are 1."""
    if not tensor(op.operands[0]).has_static_shape:
        return [None]
    shape, found = _shape(op.operands[0]), _shape(op.results[0])
    starts, strides = integers(op, "start_indices"), integers(op, "strides")
    offset, step, cut = 0, 1, False
    for dimension in reversed(range(len(shape))):
        if found[dimension] == 0 or (found[dimension] > 1 and (cut or strides[dimension] != 1)):
            return [None]
        cut = cut or found[dimension] != shape[dimension]
        offset += starts[dimension] * step
        step *= shape[dimension]
    return [(0, offset * _width(op.operands[0]))]


_VIEWS: dict[str, Callable[[ir.Operation], list[View | None]]] = {
    "stablehlo.reshape": _whole,
    "stablehlo.optimization_barrier": _whole,
    "stablehlo.bitcast_convert": _bitcast,
    "stablehlo.transpose": _transpose,
    "stablehlo.broadcast_in_dim": _broadcast_in_dim,
    "stablehlo.slice": _slice,
}


class InPlace:
    """The operands of a module's operations that results may overwrite while the operation runs."""

    def __init__(self, module: ir.Module) -> None:
        self._module = module
        # By decomposition, for each argument: the results that may be written over it.
        self._over: dict[str, list[Collection[int]]] = {}

    @cached_property
    def _symbols(self) -> ir.SymbolTable:
        return ir.SymbolTable(self._module.operation)

    def operands(self, op: ir.Operation) -> list[list[int]]:
        """For every result, the numbers of the operands it may be written over if nothing else needs them."""
        if op.name in ELEMENTWISE:
            candidates = range(len(op.operands))
        elif op.name in ("stablehlo.dynamic_update_slice", "stablehlo.scatter", "stablehlo.sort"):
            return [[number] for number in range(len(op.results))]
        elif is_fusion(op):
            return [self._of_fusion(op, number) for number in range(len(op.results))]
        else:
            return [[] for _ in op.results]
        return [[number for number in candidates if _alike(op.operands[number], result)] for result in op.results]

    def _of_fusion(self, op: ir.Operation, result: int) -> list[int]:
        name = symbol(op, "decomposition")
        if name not in self._over:
            block = self._symbols[name].operation.regions[0].blocks[0]
            self._over[name] = [_results_over(block, argument) for argument in block.arguments]
        alike = (number for number, operand in enumerate(op.operands) if _alike(operand, op.results[result]))
        return [number for number in alike if result in self._over[name][number]]


def _results_over(block: ir.Block, argument: ir.Value) -> Collection[int]:
    """The numbers of a fusion's results that may be written over an argument: all where it is read element by
    element, and the one that is the argument with a part updated where nothing else reads it."""
    terminator = list(block.operations)[-1].operation
    if _is_pointwise(block, argument):
        return range(len(terminator.operands))
    update = _only_use(argument)
    if update is None or update.operand_number != 0:
        return []
    updating = update.owner.operation
    returned = _only_use(updating.results[0]) if updating.name == "stablehlo.dynamic_update_slice" else None
    return [returned.operand_number] if returned is not None and returned.owner.operation == terminator else []


def _only_use(value: ir.Value) -> ir.OpOperand | None:
    uses = list(value.uses)
    return uses[0] if len(uses) == 1 else None


def _is_pointwise(block: ir.Block, argument: ir.Value) -> bool:
    """Whether element i of the argument is read for element i of results alone, so that it can be overwritten."""
    shape = _shape(argument)
    dependent = {argument}
    for view in list(block.operations)[:-1]:
        op = view.operation
        inner = [value for region in op.regions for value in reads_in(region)]
        if dependent.isdisjoint([*op.operands, *inner]):
            continue
        if op.name not in ELEMENTWISE or _shape(op.results[0]) != shape:
            return False
        dependent.add(op.results[0])
    return True


def reads_in(region: ir.Region) -> Iterator[ir.Value]:
    """The values that operations of a region, and of the regions of these, read."""
    for block in region.blocks:
        for op in block.operations:
            yield from op.operation.operands
            for inner in op.operation.regions:
                yield from reads_in(inner)


def _alike(operand: ir.Value, result: ir.Value) -> bool:
    return _shape(operand) == _shape(result) and _width(operand) == _width(result)


def _shape(value: ir.Value) -> Sequence[int]:
    return tuple(tensor(value).shape)


def _width(value: ir.Value) -> int:
    return dtypes.to_numpy(tensor(value).element_type).itemsize
