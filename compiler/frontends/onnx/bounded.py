"""Values whose size along one axis is only known at run time, and the operators that may follow them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from jaxlib.mlir import ir

from oxide.bounded import BOUNDED, Bound, to_attribute
from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError


@dataclass(frozen=True)
class Bounded:
    """A buffer of the largest size and an i64 scalar: how many elements along `axis` count."""

    buffer: ir.Value
    axis: int
    count: ir.Value


def buffer_of(value: ir.Value | Bounded) -> tuple[ir.Value, int | None]:
    """The tensor behind a value, and the axis whose size depends on data."""
    return (value.buffer, value.axis) if isinstance(value, Bounded) else (value, None)


# Where the axis goes when an operator is applied to the whole buffer: (attributes, rank, axis) -> axis.
AxisRule = Callable[[Mapping[str, Any], int, int], int]


def _transposed(attributes: Mapping[str, Any], rank: int, axis: int) -> int:
    order = attributes.get("perm") or list(reversed(range(rank)))
    return list(order).index(axis)


def _same(attributes: Mapping[str, Any], rank: int, axis: int) -> int:
    return axis


# Operators of one input that treat every element, or every row along the axis, by itself.
ELEMENTWISE = ("Abs", "Cast", "Ceil", "Exp", "Floor", "Identity", "Neg", "Not", "Relu", "Round", "Sigmoid", "Sqrt")
AXIS_RULES: dict[str, AxisRule] = {**dict.fromkeys(ELEMENTWISE, _same), "Transpose": _transposed}


def is_bounded(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Bounded) for value in values)


def apply(
    op_type: str,
    inputs: Sequence[Any],
    attributes: Mapping[str, Any],
    lower: Callable[[ir.Value], ir.Value | Sequence[ir.Value]],
) -> list[Any]:
    """Lower an operator on the buffer of its bounded input.  Raises OxideError where the padding would be seen."""
    source = inputs[0]
    rule = AXIS_RULES.get(op_type)
    if rule is None or not isinstance(source, Bounded):
        refuse()
    axis = rule(attributes, hlo.rank(source.buffer), source.axis)
    result = lower(source.buffer)
    buffer = result if isinstance(result, ir.Value) else result[0]
    return [Bounded(buffer, axis, source.count)]


def refuse() -> NoReturn:
    raise OxideError(
        "the size of its input depends on data (NonZero, Unique, NonMaxSuppression, Compress or a Loop), which "
        f"only model outputs and {', '.join(sorted(AXIS_RULES))} can take; end the model there and go on with "
        "another, or make what decides the size an initializer"
    )


def flatten(outputs: Sequence[Any], names: Sequence[str]) -> tuple[list[ir.Value], list[str], dict[int, Bound]]:
    """Outputs as plain values: the buffers in place, each count once at the end, named after its first buffer."""
    counts: dict[ir.Value, int] = {}
    values = [v.buffer if isinstance(v, Bounded) else v for v in outputs]
    all_names = list(names)
    bounds: dict[int, Bound] = {}
    for number, value in enumerate(outputs):
        if isinstance(value, Bounded):
            if value.count not in counts:
                counts[value.count] = len(values)
                values.append(value.count)
                all_names.append(_unique(f"{names[number]}.count", all_names))
            bounds[number] = Bound(value.axis, counts[value.count])
    return values, all_names, bounds


def _unique(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def result_attributes(names: Sequence[str], bounds: Mapping[int, Bound]) -> ir.ArrayAttr:
    """The attributes of @main's results: `oxide.name`, and `oxide.bounded` where the size depends on data."""
    items: list[ir.Attribute] = []
    for number, name in enumerate(names):
        attributes: dict[str, ir.Attribute] = {"oxide.name": ir.StringAttr.get(name)}
        if number in bounds:
            attributes[BOUNDED] = to_attribute(bounds[number])
        items.append(ir.DictAttr.get(attributes))
    return ir.ArrayAttr.get(items)
