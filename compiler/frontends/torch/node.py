"""What a lowering sees of the node it lowers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size
from oxide.frontends.torch.data_sizes import DataSizes
from oxide.frontends.torch.diagnostics import NodeError
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.effects import Effects, States
from oxide.frontends.torch.sizes import sizes
from oxide.frontends.torch.tensors import Tensor


class Tracer(Protocol):
    """The part of the walk a node may call back."""

    def call(self, node: Node, name: str, *arguments: Any, **keywords: Any) -> Any: ...

    def inline(self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any]) -> Any: ...

    def trace(self, node: Node, function: Callable[..., Any], arguments: Sequence[Any]) -> Any: ...

    def weight(self, node: Node, array: np.ndarray) -> ir.Value: ...

    def lower_graph(
        self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any], states: States
    ) -> list[Any]: ...

    @property
    def effects(self) -> Effects: ...

    @property
    def data(self) -> DataSizes: ...


class Node:
    """A node while it is lowered: its name and place, what it is to return, and what it can ask of the walk.

    `meta` is the fake tensor (or list, or number) that PyTorch computed for the result; `arguments` are the
    bound arguments with tensors as `Tensor`s, for lowerings that write into them.
    """

    __slots__ = ("_fake", "_owner", "_tracer", "arguments", "meta", "name", "op", "place", "wanted")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        op: str,
        place: str,
        meta: Any,
        arguments: Mapping[str, Any],
        wanted: frozenset[int] | None = None,
        fake: Callable[[str], Any] = lambda argument: None,
        owner: Callable[[str], Any] = lambda argument: None,
    ) -> None:
        self._tracer = tracer
        self.name = name
        self.op = op
        self.place = place
        self.meta = meta
        self.arguments = arguments
        self.wanted = wanted
        self._fake = fake
        self._owner = owner

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the (first) result."""
        return to_numpy(self._result(0).dtype)

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape of the (first) result; for a size that depends on data what there must be room for."""
        return self.shape_of(0)

    def dtype_of(self, index: int) -> np.dtype:
        return to_numpy(self._result(index).dtype)

    def shape_of(self, index: int) -> tuple[Any, ...]:
        return tuple(self._tracer.data.rooms(sizes(self._result(index).shape)))

    def limit(self, axis: int) -> Size | None:
        """What the size of a dimension of the (first) result is at most, as the program says; None: it does not."""
        (size,) = sizes([self._result(0).shape[axis]])
        return self._tracer.data.limit(size)

    def wants(self, index: int) -> bool:
        """Whether result `index` of several is used; a lowering may return None for one that is not."""
        return self.wanted is None or index in self.wanted

    def cast(self, value: ir.Value, dtype: np.dtype | torch.dtype | None) -> ir.Value:
        """The value in a dtype (None: its own), by PyTorch's rules: what is not zero is True."""
        if dtype is None:
            return value
        target = to_numpy(dtype) if isinstance(dtype, torch.dtype) else dtype
        source = hlo.dtype(value)
        if target == source:
            return value
        if target == np.bool_:
            return hlo.not_equal(value, 0)
        if source.kind == "c" and target.kind != "c":
            value = hlo.real(value)
        return hlo.convert(value, target)

    def static(self, value: Any, what: str) -> np.ndarray:
        """The array behind a value that must be known at import; `what` names the argument in the error."""
        if not isinstance(value, ir.Value):
            return np.asarray(value)
        known = hlo.constant_value(value)
        if known is None:
            raise self.error(
                f"argument {what!r} must be known when the model is imported, but it depends on an input or a "
                "weight; make it a Python number or a constant of the module"
            )
        return known

    def fake(self, argument: str) -> torch.Tensor | None:
        """The fake tensor of an argument, for what values lack (strides); None where no graph has the call."""
        return self._fake(argument)

    def owner(self, argument: str) -> tuple[Tensor, torch.Tensor] | None:
        """The tensor that owns the memory of an argument, with its fake tensor; None where no graph has it."""
        return self._owner(argument)

    def write(self, argument: str, value: ir.Value) -> None:
        """Change an argument that the schema does not say is written (running statistics)."""
        target = self.arguments[argument]
        assert isinstance(target, Tensor)
        target.write(self.cast(value, hlo.dtype(target.read())))

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """What the lowering of another operator returns, for one that is defined by it.

        Arguments by position or name as in the other's schema; results are values.
        """
        return self._tracer.call(self, name, *arguments, **keywords)

    def inline(self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any]) -> Any:
        """Lower a subgraph here, for a higher-order operator that only wraps it.

        Placeholders are bound to `Tensor`s, so that what the subgraph writes is seen outside; returns what its
        output node holds.
        """
        return self._tracer.inline(graph_module, arguments)

    def trace(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Lower what a Python function of PyTorch tensors computes, of arguments of a higher-order operator."""
        return self._tracer.trace(self, function, arguments)

    def constant(self, array: np.ndarray) -> ir.Value:
        """An array as a value: a weight of the model where it is large."""
        known = array.dtype.isbuiltin and array.flags.writeable  # what a PyTorch tensor can be made on
        return self._tracer.weight(self, array) if known else hlo.constant(array)

    def random_bits(self, dims: Sequence[Any], dtype: np.dtype) -> ir.Value:
        """Fresh uniform random bits; the program's random state moves on.

        Raises OxideError in a program without such a state.
        """
        return self.effects.random_bits(dims, dtype)

    @property
    def effects(self) -> Effects:
        """What the program does besides computing tensors."""
        return self._tracer.effects

    def lower_graph(
        self, graph_module: torch.fx.GraphModule, arguments: Sequence[Any], states: States = ()
    ) -> list[Any]:
        """Lower the body of a region at the insertion point with its placeholders bound to values.

        `states` are names and values of the effects' states that the region carries.  Returns the body's outputs as
        values, then the states' new values.  Raises OxideError when the body changes its arguments in place, or a
        state that is not carried.
        """
        return self._tracer.lower_graph(graph_module, arguments, states)

    def error(self, message: str) -> OxideError:
        """An OxideError about this node, to raise."""
        return NodeError(self.name, self.op, self.place, message)

    def _result(self, index: int) -> torch.Tensor:
        return self.meta[index] if isinstance(self.meta, list | tuple) else self.meta
