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
from onnx import GraphProto, ModelProto, TensorProto, numpy_helper

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
        return set(_operators(self.model.graph))


@cache
def node_cases() -> tuple[Case, ...]:
    """All node cases of the installed onnx package, by name."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while the cases compute their expected values
        loaded = load_model_tests(kind="node")
    cases = [Case(c.name, c.model, c.data_sets, c.rtol, c.atol) for c in loaded if c.model is not None]
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
    producers = {name: node for node in graph.node for name in node.output if name}
    pending = [
        node.input[position]
        for node in graph.node
        for position in SHAPE_OPERANDS.get(node.op_type, ())
        if position < len(node.input)
    ]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        node = producers.get(name)
        if node is not None and node.op_type not in SHAPE_READERS:
            pending.extend(node.input)
    return reached & {value.name for value in graph.input}


def as_arrays(values: Sequence[Any]) -> list[Any]:
    """The values of a data set: protobufs are decoded, numpy's scalars are arrays of rank 0."""
    decoded = [numpy_helper.to_array(v) if isinstance(v, TensorProto) else v for v in values]
    return [np.asarray(v) if isinstance(v, np.generic) else v for v in decoded]


def _operators(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _operators(attribute.g)
