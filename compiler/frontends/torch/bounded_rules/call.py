"""A call of an operator on tensors whose sizes depend on data, and the table of rules that lower such calls.

    @rule("aten.cumsum.default")
    def cumsum(call):
        ...

A rule returns what the operator returns, in buffers that have room for the sizes PyTorch gives: mostly the result
of the operator's own lowering (`call.run`) on the arguments' buffers, after making sure that elements which do not
count cannot reach those that do (`call.filled`).  An operator without a rule is expanded by PyTorch's
decomposition, and refused where it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NoReturn

import torch
from jaxlib.mlir import ir
from torch._ops import OpOverload
from torch.utils import _pytree as pytree

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, depends_on_data
from oxide.frontends.bounded import valid
from oxide.frontends.torch.data_sizes import DataSizes
from oxide.frontends.torch.node import Node
from oxide.frontends.torch.registry import Lowering
from oxide.frontends.torch.schemas import Schema
from oxide.frontends.torch.sizes import sizes
from oxide.frontends.torch.tensors import Tensor, read

Value = ir.Value


@dataclass(frozen=True)
class Call:
    """`arguments` by schema name: tensors are buffers, sizes true ones.

    `shapes` are the true shapes of the tensors, lists of them for lists.
    """

    node: Node
    arguments: Mapping[str, Any]
    shapes: Mapping[str, Any]
    data: DataSizes
    lower: Callable[..., Any]

    def run(self, /, **replaced: Any) -> Any:
        """The operator's own lowering, with sizes by what there is room for and some arguments replaced."""
        arguments = {name: self.data.rooms(value) for name, value in self.arguments.items()}
        return self.lower(self.node, **(arguments | replaced))

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)

    def tensors(self) -> list[str]:
        """The names of the arguments that are single tensors; numbers that are computed are none."""
        return [name for name, value in self.arguments.items() if isinstance(value, Value) and name in self.shapes]

    def parts(self, name: str) -> list[Call]:
        """A call of each tensor of a list, under the name `self`."""
        pairs = zip(self.arguments[name], self.shapes[name], strict=True)
        return [replace(self, arguments={"self": buffer}, shapes={"self": shape}) for buffer, shape in pairs]

    def open_axes(self, name: str) -> list[int]:
        """The dimensions of a tensor whose size depends on data."""
        return [axis for axis, size in enumerate(self.shapes.get(name, ())) if depends_on_data(size)]

    def axis(self, name: str, dim: int) -> int:
        return hlo.normalize_axis(dim, len(self.shapes[name]))

    def count(self, name: str, axis: int) -> Value:
        """The size of a dimension, as a number in the model."""
        return self.data.value(self.shapes[name][axis])

    def valid(self, name: str, axes: Sequence[int] | None = None) -> Value | None:
        """bool in the buffer's shape: which elements count along these axes (all); None where all do."""
        dims = hlo.shape(self.arguments[name])
        masks = [
            valid(dims, axis, self.count(name, axis))
            for axis in self.open_axes(name)
            if axes is None or axis in axes
        ]
        return reduce(hlo.and_, masks) if masks else None

    def filled(self, name: str, filler: hlo.Operand, axes: Sequence[int] | None = None) -> Value:
        """The buffer with `filler` for elements that do not count along these axes (all)."""
        mask = self.valid(name, axes)
        buffer = self.arguments[name]
        return buffer if mask is None else hlo.select(mask, buffer, filler)

    def result_shape(self, index: int = 0) -> tuple[Size, ...]:
        """The true shape of a result."""
        meta = self.node.meta[index] if isinstance(self.node.meta, list | tuple) else self.node.meta
        return tuple(sizes(meta.shape))

    def refuse(self, why: str) -> NoReturn:
        raise refusal(why)


def refusal(why: str) -> OxideError:
    return OxideError(
        f"{why}, where the size of a tensor depends on data (nonzero, a mask, unique, .item()); use an operator of "
        "fixed size (torch.where, nonzero_static, repeat_interleave with output_size), or end the model before it"
    )


def is_open(schema: Schema, arguments: Mapping[str, Any], *, by_number: bool) -> bool:
    """Whether a tensor among the arguments, or a size, depends on data; `by_number` numbers that tell sizes too."""
    for argument in schema.arguments:
        is_size = "Tensor" not in argument.type and (by_number or "number" not in argument.type)
        for leaf in _leaves(arguments[argument.name]):
            if isinstance(leaf, Tensor) and (leaf.sizes is not None or (is_size and leaf.number is not None)):
                return True
    return False


# Higher-order operators with regions, which take values of one shape.
_REGIONS = frozenset(("associative_scan", "cond", "map_impl", "scan", "while_loop"))


def check_region(name: str, arguments: Any) -> None:
    """Raise OxideError for a branch or loop that takes a tensor whose size depends on data."""
    leaves = pytree.tree_leaves(arguments)
    if name in _REGIONS and any(isinstance(leaf, Tensor) and leaf.sizes is not None for leaf in leaves):
        raise refusal("a branch or loop over such a tensor is not supported")


def _leaves(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def make_call(
    node: Node, schema: Schema, arguments: Mapping[str, Any], data: DataSizes, lower: Callable[..., Any]
) -> Call:
    """A call with its arguments as `Tensor`s."""
    types = {argument.name: argument.type for argument in schema.arguments}
    given = {name: _argument(value, types[name]) for name, value in arguments.items()}
    shapes = {name: _shapes(value) for name, value in arguments.items() if "Tensor" in types[name]}
    return Call(node, given, shapes, data, lower)


def _argument(value: Any, kind: str) -> Any:
    if isinstance(value, list | tuple):
        return [_argument(part, kind) for part in value]
    if isinstance(value, Tensor) and value.number is not None and "Tensor" not in kind and "number" not in kind:
        return value.number
    return read(value)


def _shapes(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shapes(part) for part in value]
    if not isinstance(value, Tensor):
        return ()
    return value.sizes or hlo.shape(value.read())


Rule = Callable[[Call], Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the decorated function for operators: `sum.default` for `aten.sum.default`."""

    def decorate(function: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise ValueError(f"a second rule for {name}")
            RULES[name] = function
        return function

    return decorate


def rule_of(op: OpOverload, entry: Lowering | None) -> Rule | None:
    """An operator's rule.  Elementwise operators, by their lowering or PyTorch's mark, have one in common."""
    found = RULES.get(str(op).removeprefix("aten."))
    is_elementwise = torch.Tag.pointwise in op.tags or (entry is not None and entry.is_elementwise)
    return RULES["elementwise"] if found is None and is_elementwise else found
