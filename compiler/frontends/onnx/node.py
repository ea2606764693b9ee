"""What a lowering sees of the ONNX node it lowers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.diagnostics import UnknownValueError

if TYPE_CHECKING:
    from oxide.frontends.onnx.graph import Graph


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


# What a lowering returns for an optional that is empty (None would be an output it did not compute).
ABSENT = Absent.ABSENT


class Tracer(Protocol):
    """The part of the importer a node may call back."""

    opsets: Mapping[str, int]

    def known_value(self, value: ir.Value) -> np.ndarray | None: ...

    def constant(self, node: Node, array: np.ndarray) -> ir.Value: ...

    def lookup(self, name: str) -> Any: ...

    def input_name(self, node: Node, value: ir.Value) -> str: ...

    def model_inputs(self, value: ir.Value) -> tuple[str, ...]: ...

    def lower_graph(self, node: Node, graph: Graph, arguments: Sequence[Any]) -> list[Any]: ...

    def error_at(self, node: Node, message: str) -> OxideError: ...


class Node:
    """A node while it is lowered: its identity, which outputs are wanted, and what is known of its inputs.

    `name` is never empty: a node without a name is called after its first output.  `version` is the
    since-version of the schema the node follows.
    """

    __slots__ = ("_tracer", "domain", "input_names", "name", "op_type", "output_names", "version")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        op_type: str,
        domain: str,
        version: int,
        input_names: Sequence[str],
        output_names: Sequence[str],
    ) -> None:
        self._tracer = tracer
        self.name = name
        self.op_type = op_type
        self.domain = domain
        self.version = version
        self.input_names = input_names
        self.output_names = output_names

    @property
    def output_count(self) -> int:
        """One more than the index of the last output that is asked for."""
        return len(self.output_names)

    def wants(self, index: int) -> bool:
        """Whether output `index` is asked for; a lowering may return None for one that is not."""
        return index < len(self.output_names) and bool(self.output_names[index])

    def opset(self, domain: str = "") -> int:
        """The version of `domain` that the model (or local function) imports; 0 when it imports none."""
        return self._tracer.opsets.get(domain, 0)

    def static_or_none(self, value: Any) -> np.ndarray | None:
        """The array behind a value known at import (a constant or an initializer), None for any other."""
        return None if value is None else self._tracer.known_value(value)

    def static(self, value: ir.Value, what: str) -> np.ndarray:
        """The array behind a value that must be known at import, such as a target shape.

        `what` names the input in the OxideError that is raised when it is not known ("shape").
        """
        known = self._tracer.known_value(value)
        if known is None:
            raise self.unknown(
                f"input {what!r} ({self._tracer.input_name(self, value)}) must be known when the model is "
                "imported, but it depends on a model input; make it an initializer or a Constant, give the input's "
                "value with values={name: array}, or fix its shape with --dim/--shape so that it can be computed",
                value,
            )
        return known

    def numbers(self, value: ir.Value, what: str) -> list[Any]:
        """The elements of a list, such as a shape or axes, that must be known at import."""
        known = self.static(value, what)
        if known.ndim != 1:
            raise self.error(f"input {what!r} must be a list (of rank 1), it has shape {known.shape}")
        return known.tolist()

    def number(self, value: ir.Value, what: str) -> Any:
        """The one element of a value that must be known at import; its rank may be anything."""
        known = self.static(value, what)
        if known.size != 1:
            raise self.error(f"input {what!r} must be one number, it has shape {known.shape}")
        return known.item()

    def check_rank(self, value: ir.Value, what: str, rank: int | None = None, *, least: int = 0) -> None:
        """Raise OxideError unless an input has this rank, or where none is given at least rank `least`."""
        found = hlo.rank(value)
        if found < least or rank not in (None, found):
            wanted = f"at least {least}" if rank is None else str(rank)
            raise self.error(f"input {what!r} must have rank {wanted}, it has shape {hlo.shape(value)}")

    def constant(self, array: np.ndarray) -> ir.Value:
        """An array from the model as a value: a constant when it is small, a weight of the model when not."""
        return self._tracer.constant(self, array)

    def value_named(self, name: str) -> Any:
        """The value that the graph calls `name`, for operators whose attributes name values (Gradient)."""
        return self._tracer.lookup(name)

    def error(self, message: str) -> OxideError:
        """An OxideError about this node, to raise."""
        return self._tracer.error_at(self, message)

    def unknown(self, message: str, *values: ir.Value) -> UnknownValueError:
        """An error about this node that would not be if these values were known at import."""
        error = self.error(message)
        return UnknownValueError(error.message, error.diagnostics, self.inputs_behind(*values))

    def inputs_behind(self, *values: ir.Value) -> tuple[str, ...]:
        """The names of the model's inputs that the values are computed from."""
        return tuple(dict.fromkeys(name for value in values for name in self._tracer.model_inputs(value)))

    def lower_graph(self, graph: Graph, arguments: Sequence[Any]) -> list[Any]:
        """Lower a subgraph's nodes at the insertion point with its inputs bound to `arguments`.

        Names the subgraph takes from the graphs around it are resolved where the subgraph stands.  Returns
        its outputs in order.
        """
        return self._tracer.lower_graph(self, graph, arguments)
