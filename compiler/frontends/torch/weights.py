"""Weights become arguments of @main whose values stay in the module's memory; small constants become constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxlib.mlir import ir
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from oxide.dialects import hlo
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.sizes import sizes
from oxide.frontends.torch.tensors import Tensor
from oxide.parameters import torch_array

# Tensors that a program makes of Python numbers (torch.tensor([1, 2])) are constants up to this size; they
# are indices and sizes more often than weights.
MAX_CONSTANT_ELEMENTS = 1024


@dataclass(frozen=True)
class Parts:
    """A weight of a class that holds other tensors (torchao's quantised ones): these, by attribute."""

    tensors: Mapping[str, Tensor | Parts]


class Weights:
    """The arguments added to @main for parameters, buffers and constant tensors, each memory once."""

    def __init__(self, block: ir.Block, taken: Iterable[str] = ()) -> None:
        self.block = block
        self.entries: dict[str, torch.Tensor] = {}
        self.tensors: dict[str, Tensor] = {}
        self.arguments: dict[str, ir.BlockArgument] = {}
        self._taken = set(taken)
        self._of_memory: dict[Any, str] = {}

    def weight(self, tensor: torch.Tensor, name: str) -> Tensor | Parts:
        """The argument of a weight, or one for each tensor it holds, called `name.attribute`."""
        if is_traceable_wrapper_subclass(tensor):
            attributes, _ = tensor.__tensor_flatten__()
            return Parts({a: self.weight(getattr(tensor, a), f"{name}.{a}") for a in attributes})
        return self._argument(tensor, name)

    def _argument(self, tensor: torch.Tensor, name: str) -> Tensor:
        """The argument of a plain tensor; tied weights (same memory, shape and strides) are one."""
        key = _memory(tensor)
        if key in self._of_memory:
            return self.tensors[self._of_memory[key]]
        unique, count = name, 1
        while unique in self.entries or unique in self._taken:
            count += 1
            unique = f"{name}#{count}"
        kind = hlo.make_type(sizes(tensor.shape), to_numpy(tensor.dtype))
        argument = self.block.add_argument(kind, ir.Location.name(unique))
        self._of_memory[key] = unique
        self.entries[unique] = tensor
        self.arguments[unique] = argument
        self.tensors[unique] = Tensor(argument)
        return self.tensors[unique]

    def constant(self, tensor: torch.Tensor, name: str) -> Tensor:
        """A tensor that is no parameter and no buffer: a constant when it is small, a weight when not."""
        if tensor.numel() == 1 or (not tensor.is_floating_point() and tensor.numel() <= MAX_CONSTANT_ELEMENTS):
            return Tensor(hlo.constant(torch_array(tensor, name)))
        return self._argument(tensor, name)

    def drop_unused(self) -> list[str]:
        """Remove the arguments that nothing uses; returns their names."""
        unused = [name for name, argument in self.arguments.items() if not any(True for _ in argument.uses)]
        for name in reversed(unused):
            self.block.erase_argument(self.arguments.pop(name).arg_number)
            del self.entries[name], self.tensors[name]
        return unused


def _memory(tensor: torch.Tensor) -> Any:
    if not tensor.numel() or isinstance(tensor, torch._subclasses.FakeTensor):
        return id(tensor)
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()
