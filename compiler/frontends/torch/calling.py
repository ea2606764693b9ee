"""A program's own arguments and results, pytrees of tensors and numbers, as inputs and outputs of its model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind, TensorArgument
from torch.utils import _pytree as pytree

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.boundary import keywords, output_names
from oxide.frontends.torch.dtypes import to_torch
from oxide.frontends.torch.sizes import size

_RESULTS = (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)


@dataclass(frozen=True)
class Leaf:
    """One leaf of a pytree: an input or output of the model, or (`name` is None) a value fixed at import.

    `is_number` says that an output is a Python number, which the model has as a tensor of rank 0.
    """

    name: str | None
    value: Any = None
    is_number: bool = False


@dataclass(frozen=True)
class TorchCalling:
    """Implements `oxide.calling.Calling` with PyTorch tensors (numpy and JAX arrays are taken as well)."""

    in_spec: pytree.TreeSpec | None
    out_spec: pytree.TreeSpec | None
    keywords: tuple[str, ...]
    arguments: tuple[Leaf, ...]
    returned: tuple[Leaf, ...]
    # The inputs that the program changes.
    changed: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(leaf.name for leaf in self.arguments if leaf.name is not None)

    def inputs(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        given = self._flat(args, kwargs)
        for leaf, value in zip(self.arguments, given, strict=True):
            if leaf.name is None and not _same(leaf.value, value):
                raise OxideError(f"an argument was fixed at import as {leaf.value!r}; import again for {value!r}")
            if leaf.name in self.changed and not _is_mutable(value):
                raise OxideError(
                    f"the program changes its input {leaf.name!r}, which a {type(value).__name__} does not allow; "
                    "give a tensor, or call it by names (`run`), where an output has the new value"
                )
        pairs = zip(self.arguments, given, strict=True)
        return {leaf.name: _array(value) for leaf, value in pairs if leaf.name is not None}

    def change(self, given: Any, value: Any) -> None:
        if isinstance(given, torch.Tensor):
            with torch.no_grad():
                given.copy_(_tensor(value))
        else:
            np.copyto(given, np.asarray(value))

    def results(self, outputs: Mapping[str, Any]) -> Any:
        leaves = [_result(leaf, outputs) for leaf in self.returned]
        return tuple(leaves) if self.out_spec is None else pytree.tree_unflatten(leaves, self.out_spec)

    def _flat(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        if set(kwargs) != set(self.keywords):
            raise OxideError(f"keyword arguments are {_listed(kwargs)}; the program takes {_listed(self.keywords)}")
        leaves, spec = pytree.tree_flatten((args, {name: kwargs[name] for name in self.keywords}))
        if len(leaves) != len(self.arguments) or (self.in_spec is not None and spec != self.in_spec):
            raise OxideError(f"arguments have the structure {spec}; the program was exported with {self.in_spec}")
        return leaves


def calling_of(
    program: ExportedProgram, arguments: Sequence[Leaf], outputs: Collection[str], changed: Iterable[str]
) -> TorchCalling:
    """`arguments` are the leaves of the arguments, `outputs` the names of the model's outputs, `changed` those of
    the arguments it updates."""
    specs = [spec for spec in program.graph_signature.output_specs if spec.kind in _RESULTS]
    (returned,) = program.graph.output_node().args
    assert isinstance(returned, list | tuple)
    values = returned[len(returned) - len(specs) :] if len(specs) else []
    names = output_names(program)[len(returned) - len(specs) :]
    leaves = [_leaf(spec.arg, name, node, outputs) for spec, name, node in zip(specs, names, values, strict=True)]
    return TorchCalling(
        program.call_spec.in_spec,
        program.call_spec.out_spec,
        tuple(keywords(program)),
        tuple(arguments),
        tuple(leaves),
        frozenset(changed),
    )


def _leaf(argument: Any, name: str, node: Any, outputs: Collection[str]) -> Leaf:
    if isinstance(argument, ConstantArgument):
        return Leaf(None, argument.value)
    if name not in outputs:  # a size that turned out to be known
        return Leaf(None, size(node.meta["val"]) if isinstance(node, torch.fx.Node) else node)
    return Leaf(name, is_number=not isinstance(argument, TensorArgument))


def _result(leaf: Leaf, outputs: Mapping[str, Any]) -> Any:
    if leaf.name is None:
        return leaf.value
    return np.asarray(outputs[leaf.name]).item() if leaf.is_number else _tensor(outputs[leaf.name])


def _tensor(array: Any) -> torch.Tensor:
    """The tensor on a JAX array's memory; a copy on the host where PyTorch does not know the device."""
    if array.device.platform == "cpu" or (array.device.platform == "gpu" and torch.cuda.is_available()):
        return torch.from_dlpack(array.block_until_ready())
    flat = np.array(array).reshape(-1).view(np.uint8)
    return torch.from_numpy(flat).view(to_torch(array.dtype)).reshape(array.shape)


def _is_mutable(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or (isinstance(value, np.ndarray) and value.flags.writeable)


def _array(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, bool | int | float) else value


def _same(fixed: Any, given: Any) -> bool:
    return type(fixed) is type(given) and bool(fixed == given)


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
