"""ONNX's own backend node tests, as cases for an ahead-of-time compiler.

Many cases pass as a run-time input what real models have as an initializer: a target shape, axes, a count.
`specialize` turns exactly those inputs into initializers; every other input stays one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

# Operand positions whose value, not only whose shape, decides the shape of the result.
SHAPE_OPERANDS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "CumProd": (1,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "Dropout": (2,),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "Loop": (0, 1),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "SequenceAt": (1,),
    "SequenceErase": (1,),
    "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1, 2),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
SHAPE_OPERANDS |= {f"Reduce{kind}": (1,) for kind in REDUCTIONS}
# Their results depend on their operands' shapes only.
SHAPE_READERS = ("Shape", "Size", "SequenceLength", "OptionalHasElement")


@dataclass(frozen=True)
class Case:
    """One backend test: a model and (inputs, expected outputs) pairs, with its tolerances."""

    name: str
    model: ModelProto
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]
    rtol: float
    atol: float

    @property
    def operators(self) -> set[str]:
        return {node.op_type for node in _nodes(self.model.graph)}


@cache
def node_cases() -> tuple[Case, ...]:
    """All node cases of the installed onnx package, by name."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while the cases compute their expected values
        loaded = load_model_tests(kind="node")
    cases = [Case(c.name, c.model, c.data_sets or [], c.rtol, c.atol) for c in loaded if c.model is not None]
    return tuple(sorted(cases, key=lambda case: case.name))


def specialize(model: ModelProto, inputs: Sequence[Any]) -> tuple[ModelProto, list[Any]]:
    """The model with the inputs that feed shape operands made initializers, and the inputs that remain."""
    static = shape_inputs(model.graph)
    copy = ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = max(copy.ir_version, 4)
    del copy.graph.input[:]
    remaining: list[Any] = []
    for declared, value in zip(model.graph.input, inputs, strict=True):
        if declared.name in static and isinstance(value, np.ndarray) and value.dtype != object:
            copy.graph.initializer.append(numpy_helper.from_array(value, declared.name))
        else:
            copy.graph.input.append(declared)
            remaining.append(value)
    return copy, remaining


def shape_inputs(graph: GraphProto) -> set[str]:
    """Graph inputs from which a value flows into a shape operand."""
    sources: dict[str, list[str]] = {}
    pending: list[str] = []
    for node in _nodes(graph):
        pending += [node.input[i] for i in SHAPE_OPERANDS.get(node.op_type, ()) if i < len(node.input)]
        used = [] if node.op_type in SHAPE_READERS else list(node.input)
        for subgraph in _subgraphs(node):
            # Loop hands its operands to its body one by one; other bodies see slices or a state of any of them.
            for position, formal in enumerate(subgraph.input):
                sources[formal.name] = [node.input[position]] if node.op_type == "Loop" else list(node.input)
            used += [output.name for output in subgraph.output]
            if node.op_type == "If" and not all(o.type.HasField("tensor_type") for o in subgraph.output):
                pending.append(node.input[0])  # which branch decides how many tensors there are
        sources.update({name: used for name in node.output if name})
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending.extend(sources.get(name, ()))
    return reached & {value.name for value in graph.input}


def as_arrays(values: Sequence[Any]) -> list[Any]:
    """The values of a data set: protobufs are decoded, numpy's scalars are arrays of rank 0."""
    decoded = [numpy_helper.to_array(v) if isinstance(v, TensorProto) else v for v in values]
    return [np.asarray(v) if isinstance(v, np.generic) else v for v in decoded]


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """The nodes of a graph and of the subgraphs in it."""
    for node in graph.node:
        yield node
        for subgraph in _subgraphs(node):
            yield from _nodes(subgraph)


def _subgraphs(node: NodeProto) -> list[GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]
