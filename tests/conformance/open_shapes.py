"""Conformance cases with open dimensions: imported once, then called with the sizes of the case."""

from __future__ import annotations

from typing import Any

import numpy as np
from conformance.cases import Case, as_arrays, specialize
from conformance.runner import Verdict
from conformance.xla import mismatch
from onnx import ModelProto

from oxide import Model, OxideError, import_onnx
from oxide.nesting import read_nesting


def opened(case: Case, axes: slice) -> tuple[ModelProto, list[Any], list[Any]] | None:
    """The case's model with the given axes of its inputs open, its inputs and its outputs.

    As exporters name them, equal sizes of different inputs share a name and size 1 stays fixed.  None for cases
    whose inputs are no tensors or have no such dimension.
    """
    if not case.data_sets:
        return None
    inputs, outputs = case.data_sets[0]
    model, remaining = specialize(case.model, as_arrays(inputs))
    if not all(isinstance(value, np.ndarray) for value in remaining):
        return None
    return (model, remaining, as_arrays(outputs)) if open_dimensions(model, remaining, axes) else None


def open_dimensions(model: ModelProto, values: list[Any], axes: slice) -> int:
    """Replace sizes in the types of the model's inputs by names; returns how many."""
    count = 0
    for declared, value in zip(model.graph.input, values, strict=True):
        tensor = declared.type.tensor_type
        if len(tensor.shape.dim) != value.ndim:
            del tensor.shape.dim[:]
            tensor.shape.dim.extend(type(tensor.shape).Dimension(dim_value=size) for size in value.shape)
        for size, dim in list(zip(value.shape, tensor.shape.dim, strict=True))[axes]:
            if size != 1:
                dim.dim_param = f"n{size}"
                count += 1
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            for dim in output.type.tensor_type.shape.dim:
                dim.ClearField("dim_value")
    return count


def run_open(case: Case, axes: slice) -> Verdict:
    """Import a case with open dimensions and call it with its own sizes; one without such dimensions passes."""
    parts = opened(case, axes)
    if parts is None:
        return Verdict(case.name, "pass", "nothing to open")
    model, inputs, outputs = parts
    try:
        imported = import_onnx(model)
    except OxideError as error:
        return Verdict(case.name, "unsupported", str(error))
    try:
        problem = mismatch(_call(imported, inputs), outputs, case.rtol, case.atol)
    except Exception as error:
        return Verdict(case.name, "crash", f"{type(error).__name__}: {error}")
    return Verdict(case.name, "wrong" if problem else "pass", problem)


def _call(imported: Model, inputs: list[Any]) -> list[Any]:
    executable = imported.compile(cache=False)
    named = dict(zip((spec.name for spec in executable.inputs), inputs, strict=True))
    results = [np.asarray(value) for value in executable.run(named).values()]
    return read_nesting(imported.module).unpack(results)
