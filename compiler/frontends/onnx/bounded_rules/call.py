"""A node some of whose operands are Bounded, and the table of rules that lower such nodes.

    @rule("Split")
    def split(call):
        ...

A rule calls the operator's own lowering (`call.run`) on buffers, after making sure that what lies behind the count
does not reach what counts in the results, and says along which axis the results are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends import bounded
from oxide.frontends.bounded import Bounded
from oxide.frontends.onnx.node import Node
from oxide.frontends.ranges import upper_bound


@dataclass(frozen=True)
class Call:
    """A node, its operands (ir.Value, Bounded or None) and its operator's lowering with the attributes bound."""

    node: Node
    operands: Sequence[Any]
    attributes: Mapping[str, Any]
    lower: Callable[..., Any]

    def operand(self, index: int) -> Any:
        return self.operands[index] if index < len(self.operands) else None

    def run(self, *operands: Any) -> list[ir.Value]:
        results = self.lower(*operands)
        return [results] if isinstance(results, ir.Value) else [r for r in results if r is not None]

    def on_buffers(self, *first: Any) -> list[ir.Value]:
        """The lowering of the operands' buffers, the first ones replaced."""
        return self.run(*first, *(buffer_of(v) for v in self.operands[len(first) :]))

    def axis(self, default: int, rank: int) -> int:
        return hlo.normalize_axis(self.attributes.get("axis", default), rank)

    def known(self, index: int, what: str) -> list[int]:
        """An operand that must be known at import."""
        value = self.operand(index)
        if isinstance(value, Bounded):
            self.refuse(f"its input {what} depends on data")
        return self.node.static(value, what).reshape(-1).tolist()

    def refuse(self, why: str) -> NoReturn:
        refuse(why)


def refuse(why: str) -> NoReturn:
    raise OxideError(
        f"{why}, where the size of an input depends on data (NonZero, Unique, NonMaxSuppression, Compress or a "
        "Loop); end the model before it and go on with another, or make what decides the size an initializer"
    )


Rule = Callable[[Call], list[Any]]
RULES: dict[str, Rule] = {}

# Operators of ai.onnx whose result may have a size that an operand says, and which operands may say one.
SIZED = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Range": (1,),
    "Reshape": (1,),
    "Slice": (1, 2),
    "TopK": (1,),
}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def decorate(function: Rule) -> Rule:
        repeated = RULES.keys() & set(names)
        if repeated:
            raise ValueError(f"a second rule for {sorted(repeated)}")
        RULES.update(dict.fromkeys(names, function))
        return function

    return decorate


def has_rule(node: Node, operands: Sequence[Any]) -> bool:
    """Whether a node is lowered by a rule: an operand is Bounded, or says a size that has an upper bound."""
    if any(isinstance(value, Bounded) for value in operands):
        return True
    if node.op_type not in SIZED or node.domain:
        return False
    sizes = [operands[i] for i in SIZED[node.op_type] if i < len(operands) and operands[i] is not None]
    unknown = [value for value in sizes if node.static_or_none(value) is None]
    return bool(unknown) and all(upper_bound(value) is not None for value in unknown)


def apply(
    node: Node, operands: Sequence[Any], attributes: Mapping[str, Any], lower: Callable[..., Any]
) -> list[Any]:
    """Lower a node by its operator's rule.  Raises OxideError where there is none, or padding would be seen."""
    call = Call(node, operands, attributes, lower)
    found = None if node.domain else RULES.get(node.op_type)
    if found is None:
        call.refuse("it is not supported")
    return found(call)


# ------------------------------------------------------------------------------------------ values and counts


def buffer_of(value: Any) -> Any:
    return value.buffer if isinstance(value, Bounded) else value


def size(value: Bounded) -> Any:
    """The largest size along the axis."""
    return hlo.shape(value.buffer)[value.axis]


def valid(value: Bounded) -> ir.Value:
    """bool in the buffer's shape: which elements count."""
    return bounded.valid(hlo.shape(value.buffer), value.axis, value.count)


def masked(value: Bounded, filler: hlo.Operand) -> ir.Value:
    """The buffer with `filler` where elements do not count."""
    return hlo.select(valid(value), value.buffer, filler)


def same_size(a: Bounded, b: Bounded) -> bool:
    """Whether two values are sure to have one size: buffers are as large and counts computed alike."""
    return size(a) == size(b) and same_value(a.count, b.count)


def same_value(a: ir.Value, b: ir.Value) -> bool:
    """Whether two values are one, or made by the same operations from the same values."""
    pending, seen = [(a, b)], 0
    while pending:
        left, right = pending.pop()
        if left == right:
            continue
        seen += 1
        if seen > 200 or isinstance(left.owner, ir.Block) or isinstance(right.owner, ir.Block):
            return False
        one, other = left.owner.operation, right.owner.operation
        numbers = [ir.OpResult(value).result_number for value in (left, right)]
        if numbers[0] != numbers[1] or left.type != right.type or _signature(one) != _signature(other):
            return False
        pending += zip(one.operands, other.operands, strict=True)
    return True


def _signature(operation: ir.Operation) -> tuple[Any, ...]:
    """What an operation does, but for its operands: name, attributes, and the operations in its regions."""
    attributes = {name: operation.attributes[name] for name in operation.attributes}
    inner = [[_signature(op.operation) for op in block.operations] for r in operation.regions for block in r.blocks]
    return operation.name, len(operation.operands), attributes, inner


def only(call: Call, *indices: int) -> Bounded:
    """The one Bounded operand, which must be among those of the given indices."""
    found = [i for i, value in enumerate(call.operands) if isinstance(value, Bounded)]
    if len(found) != 1 or found[0] not in indices:
        call.refuse(f"inputs {found} have sizes that depend on data and only one of {list(indices)} may")
    return call.operands[found[0]]
