"""Mutants of ONNX models: damage to the bytes, to the protobuf, and to what the graph means.

All randomness comes from the `random.Random` that is passed in, so a mutant is known by its seed model and that
generator's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from fuzz import graph_mutations as graph
from fuzz.field_mutations import damage_bytes, damage_fields
from onnx import ModelProto

Mutation = Callable[[ModelProto, Random], None]

STRUCTURAL: tuple[Mutation, ...] = (
    *[graph.change_attribute] * 8,
    *[damage_fields] * 6,
    *[graph.change_element_type] * 4,
    *[graph.change_shape] * 4,
    *[graph.rewire] * 4,
    *[graph.change_arity] * 3,
    *[graph.change_operator] * 3,
    *[graph.promote] * 2,
    *[graph.change_opset] * 2,
    *[graph.change_data] * 2,
    graph.drop_node,
    graph.repeat_node,
    graph.reorder_nodes,
    graph.rename,
    graph.nest,
    graph.outline,
    graph.swap_subgraphs,
    graph.repeat_initializer,
)
MANY_STRUCTURAL = 4


def mutant(data: bytes, rng: Random) -> tuple[bytes, list[str]]:
    """A mutant of a serialized model and the names of the mutations that made it."""
    if rng.random() < 0.25:
        return damage_bytes(data, rng), ["damage_bytes"]
    model = ModelProto.FromString(data)
    applied: list[str] = []
    for mutation in _chosen(rng):
        mutation(model, rng)
        applied.append(mutation.__name__)
    return model.SerializeToString(), applied


def _chosen(rng: Random) -> Iterator[Mutation]:
    for _ in range(rng.choice((1, 1, 1, 2, MANY_STRUCTURAL))):
        yield rng.choice(STRUCTURAL)
