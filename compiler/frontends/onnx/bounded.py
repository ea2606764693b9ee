"""Values whose size along one axis is only known at run time, and how they leave the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxlib.mlir import ir

from oxide.bounded import BOUNDED, Bound, to_attribute


@dataclass(frozen=True)
class Bounded:
    """A buffer of the largest size and an i64 scalar: how many elements along `axis` count."""

    buffer: ir.Value
    axis: int
    count: ir.Value


def buffer_of(value: ir.Value | Bounded) -> tuple[ir.Value, int | None]:
    """The tensor behind a value, and the axis whose size depends on data."""
    return (value.buffer, value.axis) if isinstance(value, Bounded) else (value, None)


def is_bounded(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Bounded) for value in values)


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
