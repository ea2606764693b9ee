"""Names that a person would give to the functions, their arguments and the calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from jaxlib.mlir import ir

from oxide.passes.indexed_names import COMPONENT, indexed
from oxide.passes.outline.template import Part, Template

_WORD = re.compile(r"[A-Za-z_]\w+")
# What an operation of a node is called by ONNX' exporters, without what they add.
_NODE = re.compile(r"(?:node_)?([A-Za-z]\w*?[A-Za-z])(?:_?\d+)?")
# What says nothing about the part of a model that is called so.
_GENERIC = frozenset({"model", "module", "net", "self"})


def function_name(template: Template, weights: Mapping[ir.Value, str]) -> str:
    """`encoder_layer` where parts read weights of `encoder.layers.0`, ... or stand in such scopes; else what all
    operations are called but for a number, or `block`."""
    owners = Counter(found.owner for names in _weight_names(template, weights) if (found := indexed(names)))
    scopes = indexed([scope(part) for part in template.parts])
    owner = owners.most_common(1)[0][0] if owners else scopes.owner if scopes else ""
    *parents, last = COMPONENT.findall(owner) or [""]
    if not _WORD.fullmatch(last):
        return _common_name(template) or "block"
    named = parents[-1:] if parents and _WORD.fullmatch(parents[-1]) and parents[-1] not in _GENERIC else []
    return "_".join([*named, last if last.endswith("ss") else last.removesuffix("s")])


def _common_name(template: Template) -> str | None:
    """`lstm` where all operations are called `LSTM`, `node_LSTM_95` and the like."""
    locations = [op.location for part in template.parts for op in part]
    found = [_NODE.fullmatch(at.name_str) if isinstance(at, ir.NameLoc) else None for at in locations]
    names = {match[1].lower() if match else None for match in found}
    return names.pop() if len(names) == 1 else None


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
    paths = [list(COMPONENT.finditer(name)) for name in names]
    common = ""
    for column in zip(*(path[:-1] for path in paths), strict=False):
        if len({component[0] for component in column}) > 1:
            break
        common = names[0][: column[0].end()]
    return common


def _values(template: Template) -> list[tuple[ir.Value, ...]]:
    return list(zip(*(template.arguments(part) for part in template.parts), strict=True))


def _weight_names(template: Template, weights: Mapping[ir.Value, str]) -> list[list[str]]:
    """For each parameter the names of the weights it stands for; none if a part passes something else."""
    return [
        [weights[value] for value in values] if all(value in weights for value in values) else []
        for values in _values(template)
    ]
