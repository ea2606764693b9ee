"""Which results share a buffer, and when each buffer is needed.

Time is the position of an operation in @main's block.  A buffer is needed from the operation that first writes
it to the last one that reads any value in it, both included, so an operation never writes over what it reads
unless it may work in place.  Arguments and constants belong to the caller and have no buffer.

Control flow is treated conservatively: everything computed inside a loop or branch is needed for the whole of
it, and a loop's carried values live in the buffers of its results.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.passes.assign_buffers.aliasing import IN_PLACE, REGION_OPS, VIEWS


@dataclass
class Buffer:
    """Storage for one or more values: `size` in bytes, needed during [start, end]."""

    size: int
    start: int
    end: int
    values: list[ir.Value] = field(default_factory=list)


def byte_size(tensor: ir.Type) -> int | None:
    """Bytes of a dense tensor of static shape; None for a type that occupies no memory (a token).

    Types below eight bits take a byte an element.  Raises OxideError for other types.
    """
    if isinstance(tensor, ir.RankedTensorType) and tensor.has_static_shape:
        return math.prod(tensor.shape) * dtypes.to_numpy(tensor.element_type).itemsize
    if str(tensor) == "!stablehlo.token":
        return None
    raise OxideError(f"type {tensor} has no size known at compile time; refine the shapes first")


def buffers_of(block: ir.Block) -> list[Buffer]:
    """The buffers of a function's only block, in order of first use.

    Raises OxideError naming every operation with a result of unknown size.
    """
    builder = _Builder(last_uses(block))
    for position, view in enumerate(block.operations):
        builder.visit(view.operation, position, nested=False)
    if builder.problems:
        raise OxideError("buffers cannot be assigned", builder.problems)
    return builder.buffers


def last_uses(block: ir.Block) -> dict[ir.Value, int]:
    """The position of the last operation of the block that reads a value, itself or in its regions."""
    last: dict[ir.Value, int] = {}
    for position, view in enumerate(block.operations):
        for value in _reads(view.operation):
            last[value] = position
    return last


def _reads(op: ir.Operation) -> Iterator[ir.Value]:
    yield from op.operands
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield from _reads(inner.operation)


class _Builder:
    def __init__(self, last: dict[ir.Value, int]) -> None:
        self._last = last
        self._buffer: dict[ir.Value, Buffer] = {}
        self._sizes: dict[ir.Type, int | None] = {}
        self.buffers: list[Buffer] = []
        self.problems: list[Diagnostic] = []

    def visit(self, op: ir.Operation, position: int, nested: bool) -> None:
        if op.name == "stablehlo.constant":
            return
        for number, result in enumerate(op.results):
            self._place(op, number, result, position, nested)
        if op.name not in REGION_OPS:
            return
        for region in op.regions:
            for block in region.blocks:
                for argument, carried in zip(block.arguments, op.results, strict=False):
                    self._join(argument, self._buffer.get(carried), position)
                for inner in block.operations:
                    self.visit(inner.operation, position, nested=True)

    def _place(self, op: ir.Operation, number: int, result: ir.Value, position: int, nested: bool) -> None:
        try:
            size = self._size(result.type)
        except OxideError as error:
            self.problems.append(Diagnostic("error", error.message, location_text(op.location)))
            return
        if size is None:
            return
        if op.name in VIEWS:
            # The view of an argument or constant is the caller's memory too.
            self._join(result, self._buffer.get(op.operands[number]), position)
            return
        reused = None if nested else self._dying(op, result, size, position)
        if reused is None:
            reused = Buffer(size, position, position)
            self.buffers.append(reused)
        self._join(result, reused, position)

    def _size(self, tensor: ir.Type) -> int | None:
        if tensor not in self._sizes:
            self._sizes[tensor] = byte_size(tensor)
        return self._sizes[tensor]

    def _dying(self, op: ir.Operation, result: ir.Value, size: int, position: int) -> Buffer | None:
        """The buffer of an operand that nothing reads after this operation, which may overwrite it."""
        for operand in IN_PLACE.get(op.name, lambda op: ())(op):
            buffer = self._buffer.get(operand)
            if buffer is not None and buffer.end == position and buffer.size == size:
                return buffer
        return None

    def _join(self, value: ir.Value, buffer: Buffer | None, position: int) -> None:
        if buffer is None:
            return
        self._buffer[value] = buffer
        buffer.values.append(value)
        buffer.end = max(buffer.end, position, self._last.get(value, position))
