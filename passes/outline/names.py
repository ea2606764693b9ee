"""Names that a person would give to the functions, their arguments and the calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxlib.mlir import ir

from oxide.passes.outline.template import Part, Template

_COMPONENT = re.compile(r"[^./]+")


class Indexed(NamedTuple):
    """Names that differ in one number: `layers` and `query.weight` of `layers.0.query.weight`, ..."""

    owner: str
    rest: str


def function_name(template: Template, weights: Mapping[ir.Value, str]) -> str:
    """`layer` where the parts read weights of `layers.0`, `layers.1`, ... or stand in such scopes; else `block`."""
    owners = Counter(found.owner for names in _weight_names(template, weights) if (found := indexed(names)))
    scopes = indexed([scope(part) for part in template.parts])
    owner = owners.most_common(1)[0][0] if owners else scopes.owner if scopes else ""
    return owner.removesuffix("s") if re.fullmatch(r"[A-Za-z_]\w+", owner) and not owner.endswith("ss") else "block"


def argument_locations(template: Template, weights: Mapping[ir.Value, str]) -> list[ir.Location]:
    """Weights are called as in the model, without what tells the parts apart; shared values as they are."""
    found: list[ir.Location] = []
    for names, values in zip(_weight_names(template, weights), _values(template), strict=True):
        differing = indexed(names)
        if len(set(values)) == 1:
            found.append(ir.Location.name(names[0]) if names else values[0].location)
        elif names:
            found.append(ir.Location.name(differing.rest if differing else "weight"))
        else:
            found.append(ir.Location.name("x"))
    return found


def part_location(part: Part) -> ir.Location:
    """The scope of a part, or where its last operation is."""
    name = scope(part)
    return ir.Location.name(name) if name else part[-1].location


def scope(part: Part) -> str:
    """The path that the names of all locations begin with: `layers.0` of `layers.0.fc/add` and `layers.0/mul`."""
    names = [op.location.name_str if isinstance(op.location, ir.NameLoc) else "" for op in part]
    paths = [list(_COMPONENT.finditer(name)) for name in names]
    common = ""
    for column in zip(*(path[:-1] for path in paths), strict=False):
        if len({component[0] for component in column}) > 1:
            break
        common = names[0][: column[0].end()]
    return common


def indexed(names: Sequence[str]) -> Indexed | None:
    """What names have in common that differ in one number only, or None."""
    paths = [_COMPONENT.findall(name) for name in names]
    if not paths or len({len(path) for path in paths}) > 1:
        return None
    columns = list(zip(*paths, strict=True))
    differing = [position for position, column in enumerate(columns) if len(set(column)) > 1]
    if len(differing) != 1 or differing[0] == 0 or not all(part.isdecimal() for part in columns[differing[0]]):
        return None
    path = paths[0]
    return Indexed(path[differing[0] - 1], ".".join(path[differing[0] + 1 :]))


def _values(template: Template) -> list[tuple[ir.Value, ...]]:
    return list(zip(*(template.arguments(part) for part in template.parts), strict=True))


def _weight_names(template: Template, weights: Mapping[ir.Value, str]) -> list[list[str]]:
    """For each parameter the names of the weights it stands for; none if a part passes something else."""
    return [
        [weights[value] for value in values] if all(value in weights for value in values) else []
        for values in _values(template)
    ]
