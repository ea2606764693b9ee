"""What a prepared weight is called: `layer1.conv.weight_transposed`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.passes.canonicalize.matching import producer
from oxide.passes.indexed_names import COMPONENT, indexed
from oxide.passes.weight_values import WeightValues, nbytes

_DONE = {
    "concatenate": "concatenated",
    "convert": "converted",
    "divide": "scaled",
    "dot_general": "product",
    "dynamic_slice": "sliced",
    "gather": "gathered",
    "multiply": "scaled",
    "pad": "padded",
    "reduce": "reduced",
    "reverse": "reversed",
    "slice": "sliced",
    "transpose": "transposed",
}


def name_values(
    program: WeightValues, values: Collection[ir.OpResult], weights: Mapping[str, ir.Value], taken: Collection[str]
) -> dict[str, ir.Value]:
    """Each value under the name of the largest weight it comes from and what was done last; none of `taken`.

    Stacks of weights that differ in one number are called as those without it, what comes from constants alone by
    where it is.
    """
    sources = _sources(program, weights)
    used, named = set(taken), dict[str, ir.Value]()
    for value in values:
        done = _DONE.get(value.owner.operation.name.removeprefix("stablehlo."), "prepared")
        source = sources.get(value)
        wanted = name = _stacked(value, sources) or (f"{source}_{done}" if source else _located(value))
        number = 1
        while name in used:
            number += 1
            name = f"{wanted}_{number}"
        used.add(name)
        named[name] = value
    return named


def _located(value: ir.OpResult) -> str:
    """`rotary.cos` of what is at `rotary/cos` or `jit(f)/rotary/cos`."""
    location = value.location
    name = location.name_str if isinstance(location, ir.NameLoc) else ""
    return ".".join(part for part in COMPONENT.findall(name) if "(" not in part) or "constant"


def _stacked(value: ir.OpResult, sources: Mapping[ir.Value, str]) -> str | None:
    """`layers.bias` of a stack of `layers.0.bias`, `layers.1.bias`, ..., `b_stacked` of another one; else None."""
    owner = value.owner.operation
    if owner.name != "stablehlo.concatenate":
        return None
    rows = [producer(part, "stablehlo.reshape") for part in owner.operands]
    if not all(row is not None and hlo.rank(row.operands[0]) < hlo.rank(value) for row in rows):
        return None
    names = [sources[part] for part in owner.operands if part in sources]
    found = indexed(names) if len(names) == len(owner.operands) else None
    return found.common if found else f"{names[0]}_stacked" if names else None


def _sources(program: WeightValues, weights: Mapping[str, ir.Value]) -> dict[ir.Value, str]:
    """The largest weight each value depends on; of equal ones the first that is read."""
    largest: dict[ir.Value, tuple[int, str]] = {value: (nbytes(value), name) for name, value in weights.items()}
    for position, op in enumerate(program.operations):
        if program.reads_weights(position):
            found = max((largest[v] for v in program.reads[position] if v in largest), key=lambda item: item[0])
            largest.update((result, found) for result in op.results)
    return {value: name for value, (_, name) in largest.items()}
