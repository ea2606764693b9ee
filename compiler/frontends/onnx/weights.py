"""Weights become arguments of @main whose values stay beside the module; small ones become constants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from jaxlib.mlir import ir
from onnx import SparseTensorProto, TensorProto

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.given_values import arguments_behind
from oxide.frontends.onnx.initializers import TensorReader

# Integers and bools up to this size become constants, because they are shapes, axes and indices more often
# than they are weights; so do float scalars.
MAX_CONSTANT_ELEMENTS = 1024
# Values are computed at import for shape arithmetic only, so never larger than this.
MAX_STATIC_ELEMENTS = 4096


class Weights:
    """The arguments added to @main for weights, and all that is known of values at import."""

    def __init__(
        self, block: ir.Block, reader: TensorReader, inputs: Sequence[str] = (), taken: Iterable[str] = ()
    ) -> None:
        """`inputs` name the arguments that `block` has; `taken` are more names that no weight may have."""
        self.block = block
        self.reader = reader
        self.inputs = tuple(inputs)
        self._taken = {*inputs, *taken}
        self.arrays: dict[str, np.ndarray] = {}
        self.arguments: dict[str, ir.BlockArgument] = {}
        self._known: dict[ir.Value, np.ndarray | None] = {}
        self._of_proto: dict[int, tuple[object, ir.Value]] = {}

    def tensor(self, proto: TensorProto, prefix: str = "") -> ir.Value:
        """The value of an initializer; the same one when a subgraph is traced again."""
        if id(proto) not in self._of_proto:
            value = self.array(self.reader.array(proto), prefix + proto.name)
            self._of_proto[id(proto)] = (proto, value)  # holding the proto keeps its id from being reused
        return self._of_proto[id(proto)][1]

    def sparse(self, proto: SparseTensorProto, prefix: str = "") -> ir.Value:
        return self.array(self.reader.sparse_array(proto), prefix + proto.values.name)

    def array(self, array: np.ndarray, name: str) -> ir.Value:
        """A constant at the insertion point, or a new argument of @main called `name` (made unique)."""
        with ir.Location.name(name):
            if is_small(array):
                return hlo.constant(array)
            unique, count = name, 1
            while unique in self.arrays or unique in self._taken:
                count += 1
                unique = f"{name}#{count}"
            tensor = hlo.make_type(array.shape, array.dtype)
            argument = self.block.add_argument(tensor, ir.Location.name(unique))
        self.arrays[unique] = array
        self.arguments[unique] = argument
        self._known[argument] = array
        return argument

    def drop_unused(self) -> list[str]:
        """Remove the arguments that nothing uses; returns their names."""
        unused = [name for name, argument in self.arguments.items() if not any(True for _ in argument.uses)]
        for name in reversed(unused):
            argument = self.arguments.pop(name)
            del self.arrays[name]
            self.block.erase_argument(argument.arg_number)
        self._known.clear()
        return unused

    # --------------------------------------------------------------------------------- known values

    def model_inputs(self, value: ir.Value) -> tuple[str, ...]:
        """The names of the model's inputs that a value is computed from."""
        numbers = arguments_behind(value, self.block)
        return tuple(self.inputs[number] for number in numbers if number < len(self.inputs))

    def forget(self) -> None:
        """Forget what was computed: operations of a subgraph may be erased, and others take their addresses."""
        self._known = {argument: self.arrays[name] for name, argument in self.arguments.items()}

    def known_value(self, value: ir.Value) -> np.ndarray | None:
        """The array behind a constant, a weight, or something small computed from those alone."""
        stack = [value]
        while stack:
            current = stack[-1]
            if current in self._known:
                stack.pop()
                continue
            constant = hlo.constant_value(current)
            if constant is not None or not _may_fold(current):
                self._known[current] = constant
                continue
            operands = list(_operation(current).operands)
            pending = [operand for operand in operands if operand not in self._known]
            if pending:
                stack.extend(pending)
                continue
            arrays = [self._known[operand] for operand in operands]
            self._known[current] = _evaluate(current, arrays)
        return self._known[value]


def is_small(array: np.ndarray) -> bool:
    """Whether an array is a constant of the program rather than a weight."""
    if array.ndim == 0:
        return True
    countable = array.dtype == np.bool_ or dtypes.is_integer(array.dtype)
    return countable and array.size <= MAX_CONSTANT_ELEMENTS


def _may_fold(value: ir.Value) -> bool:
    if isinstance(value.owner, ir.Block):
        return False
    operation = value.owner.operation
    tensor = operation.results[0].type
    return (
        len(operation.results) == 1
        and not list(operation.regions)
        and isinstance(tensor, ir.RankedTensorType)
        and tensor.has_static_shape
        and math.prod(tensor.shape) <= MAX_STATIC_ELEMENTS
    )


def _operation(value: ir.Value) -> ir.Operation:
    owner = value.owner
    assert not isinstance(owner, ir.Block)
    return owner.operation


def _evaluate(value: ir.Value, operands: list[np.ndarray | None]) -> np.ndarray | None:
    arrays = [array for array in operands if array is not None]
    if len(arrays) != len(operands):
        return None
    return hlo.evaluate(_operation(value), arrays)
