"""A region of `torch` operations becomes a graph of ATen operators, as torch.export would give it.

Operations keep their order, and every node has what PyTorch's shape rules say of it (`meta["val"]`, a fake tensor
or symbolic number) and the operation's location.  Numbers, strings and lists are no nodes: they are arguments of
those that use them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxlib.mlir import ir
from torch.fx.node import map_aggregate

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.diagnostics import NodeError
from oxide.frontends.torch.locations import node_name, place_text
from oxide.frontends.torch_mlir.symbols import Sizes
from oxide.frontends.torch_mlir.types import tensor_type

# What an operation that cannot be imported gives, and all that depends on it.
FAILED = object()
# What is known only when the model runs.
_COMPUTED = (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)
_PATH = re.compile(r"\w+(\.\w+)*")
_TERMINATORS = {"func.return", "torch.prim.If.yield", "torch.prim.Loop.condition"}


@dataclass
class ModuleScope:
    """What all regions of one module share."""

    functions: Mapping[str, ir.Operation]
    resources: Mapping[str, bytes]
    sizes: Sizes = field(default_factory=Sizes)
    failures: list[NodeError] = field(default_factory=list)
    # Tensors of literals, by the value that holds them or by the key of their resource.
    literals: dict[Any, torch.Tensor] = field(default_factory=dict)
    # Names of the functions that are being inlined, the innermost last.
    calls: list[str] = field(default_factory=list)


class Region:
    """The graph of a region while it is built; `values` says what the values of the module stand for in it."""

    def __init__(
        self, scope: ModuleScope, lower: Callable[[Region, ir.Operation, list[Any]], Sequence[Any]]
    ) -> None:
        """`lower` gives what the results of an operation stand for."""
        self.scope = scope
        self.lower = lower
        self.graph = torch.fx.Graph()
        self.attributes: dict[str, Any] = {}
        self.values: dict[ir.Value, Any] = {}
        self._place: dict[str, Any] = {}

    # ------------------------------------------------------------------------------------------ operations

    def block(self, block: ir.Block) -> list[Any]:
        """Import the operations of a block; returns the operands of its terminator."""
        for op in block.operations:
            operands = [self.values[value] for value in op.operation.operands]
            if op.operation.name in _TERMINATORS:
                return operands
            results = self._operation(op.operation, operands)
            self.values.update(zip(op.operation.results, results, strict=True))
        raise AssertionError("verified blocks end with a terminator")

    def _operation(self, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
        if any(leaf is FAILED for leaf in leaves(operands)):
            return [FAILED] * len(op.results)
        self._place = _place(op.location)
        try:
            results = self.lower(self, op, operands)
            for value, result in zip(op.results, results, strict=True):
                self._settle(result, str(value.type))
            return results
        except OxideError as error:
            self.scope.failures.append(self._failure(op, error))
            return [self._stand_in(str(value.type)) for value in op.results]

    def _settle(self, result: Any, declared: str) -> None:
        """A tensor must be what the module says it is; a value (`vtensor`), which has no strides, is contiguous.

        Raises OxideError.
        """
        _check(result, declared)
        if "vtensor" not in declared:
            return
        for node in leaves([result]):
            meta = metas(node)
            if isinstance(meta, torch.Tensor) and not meta.is_contiguous():
                with self.scope.sizes.mode:
                    node.meta["val"] = meta.contiguous()

    def _failure(self, op: ir.Operation, error: OxideError) -> NodeError:
        name = operation_name(op)
        node = torch.fx.Graph().create_node("call_function", print, name=re.sub(r"\W", "_", name))
        node.meta.update(self._place)
        reason = "\n".join([error.message, *map(str, error.diagnostics)])
        return NodeError(node_name(node), name, place_text(node), reason)

    def _stand_in(self, text: str) -> Any:
        """A tensor of the declared type, so that what uses it is looked at too; FAILED where the type is open."""
        try:
            kind = tensor_type(text)
        except OxideError:
            return FAILED
        if kind is None or kind.dtype is None or kind.shape is None or None in kind.shape:
            return FAILED
        return self.call(torch.ops.aten.empty.memory_format, (list(kind.shape),), {"dtype": kind.dtype})

    # ----------------------------------------------------------------------------------------------- nodes

    def placeholder(self, name: str, meta: Any) -> torch.fx.Node:
        node = self.graph.placeholder(name)
        node.meta["val"] = meta
        return node

    def constant(self, name: str, value: Any, meta: Any = None) -> torch.fx.Node:
        """A node for an object that the graph holds: a tensor, or another graph."""
        unique = next((known for known, held in self.attributes.items() if held is value), None)
        unique = unique or self._free_path(name)
        self.attributes[unique] = value
        node = self.graph.create_node("get_attr", unique)
        node.meta["val"] = meta
        return node

    def _free_path(self, name: str) -> str:
        """A path (`layer.0.weight`) that a graph module can hold besides what it has."""
        path = name if _PATH.fullmatch(name) else re.sub(r"\W", "_", name)
        while hasattr(torch.fx.GraphModule, path.split(".")[0]) or any(
            f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}.") for other in self.attributes
        ):
            path = path.replace(".", "_") + "_"
        return path

    def call(self, target: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """A call of an operator, or of a function of numbers: a node for what is computed, numbers that are known.

        Raises OxideError when PyTorch refuses the arguments.
        """
        return self.record(target, args, kwargs or {}, self.fake(target, args, kwargs or {}))

    def fake(self, target: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What PyTorch computes for a call, on fake tensors."""
        known, named = metas(args), metas(kwargs)
        try:
            with torch.no_grad(), self.scope.sizes.mode:
                return target(*known, **named)
        except Exception as error:  # shape rules raise whatever their authors liked
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise OxideError(f"PyTorch refuses its operands: {reason}") from error

    def record(self, target: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], meta: Any) -> Any:
        """A node for a call whose result is `meta`, a list for several results; `meta` itself where it is known."""
        if meta is not None and not any(isinstance(leaf, _COMPUTED) for leaf in leaves([meta])):
            return list(meta) if isinstance(meta, list | tuple) else meta
        node = self.graph.call_function(target, tuple(args), dict(kwargs))
        node.meta.update(self._place, val=meta)
        return self._parts(node, meta)

    def _parts(self, node: torch.fx.Node, meta: Any) -> Any:
        if not isinstance(meta, list | tuple):
            return node
        parts = [self.graph.call_function(operator.getitem, (node, index)) for index in range(len(meta))]
        for part, value in zip(parts, meta, strict=True):
            part.meta.update(self._place, val=value)
        return [self._parts(part, value) for part, value in zip(parts, meta, strict=True)]

    def finish(self, outputs: Sequence[Any]) -> torch.fx.GraphModule:
        """The graph with these outputs, without the parts of results that nothing uses."""
        self.graph.output(list(outputs))
        for node in reversed(self.graph.nodes):
            if node.target is operator.getitem and not node.users:
                self.graph.erase_node(node)
        return torch.fx.GraphModule(self.attributes, self.graph)


def metas(value: Any) -> Any:
    """Nodes as what they stand for."""
    return map_aggregate(value, lambda leaf: leaf.meta["val"] if isinstance(leaf, torch.fx.Node) else leaf)


def leaves(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from leaves(value)
        else:
            yield value


def operation_name(op: ir.Operation) -> str:
    """`torch.aten.add.Tensor`; that of the operator for one without an operation of its own."""
    return property_of(op, "name").value if op.name == "torch.operator" else op.name


def property_of(op: ir.Operation, name: str) -> Any:
    """An attribute of a `torch` operation (see `reader`)."""
    return op.attributes[f"oxide.{name}"]


def _check(result: Any, declared: str) -> None:
    """Raises OxideError when a tensor is not of the declared type."""
    kind = tensor_type(declared)
    meta = result.meta["val"] if isinstance(result, torch.fx.Node) else result
    if kind is None or not isinstance(meta, torch.Tensor):
        return
    same = kind.dtype in (None, meta.dtype) and (kind.shape is None or _fits(meta.shape, kind.shape))
    if not same:
        raise OxideError(f"the module says its result is {declared}, PyTorch {meta.dtype}{list(meta.shape)}")


def _fits(shape: Sequence[Any], declared: Sequence[int | None]) -> bool:
    """Sizes that are known on both sides are the same."""
    known = ((a, b) for a, b in zip(shape, declared, strict=False) if isinstance(a, int) and b is not None)
    return len(shape) == len(declared) and all(a == b for a, b in known)


# ------------------------------------------------------------------------------------------------------ locations


def _place(location: ir.Location) -> dict[str, Any]:
    """A location as the meta data of nodes that `oxide.frontends.torch.locations` reads."""
    names, frames = [], []
    for part in _parts_of(location):
        if isinstance(part, ir.NameLoc):
            names.append(part.name_str)
        elif isinstance(part, ir.FileLineColLoc):
            frames.append(f'File "{part.filename}", line {part.start_line}')
    stack = {"": (names[-1], "")} if names else {}
    return {"stack_trace": "\n".join(frames), "nn_module_stack": stack}


def _parts_of(location: Any) -> Iterator[ir.Location]:
    """The locations a location is made of, callers before what they call."""
    if isinstance(location, ir.CallSiteLoc):
        yield from _parts_of(location.caller)
        yield from _parts_of(location.callee)
    elif isinstance(location, ir.FusedLoc):
        for part in location.locations:
            yield from _parts_of(part)
    else:
        yield location
        if isinstance(location, ir.NameLoc):
            yield from _parts_of(location.child_loc)
