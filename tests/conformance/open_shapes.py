"""Conformance cases with open dimensions: imported once, then called with the sizes of the case."""

from __future__ import annotations

from typing import Any

import numpy as np
from conformance.cases import Case, as_arrays, specialize
from conformance.runner import Verdict
from conformance.xla import mismatch
from onnx import ModelProto

from oxide import OxideError, import_onnx
from oxide.nesting import read_nesting


def run_open(case: Case, *, axes: slice) -> Verdict:
    """Run a case with the given axes of its inputs open.

    As exporters name them, equal sizes of different inputs share a name and size 1 stays fixed.  Cases whose
    inputs have no such dimension pass.
    """
    for inputs, outputs in case.data_sets:
        model, remaining = specialize(case.model, as_arrays(inputs))
        if not all(isinstance(value, np.ndarray) for value in remaining):
            return Verdict(case.name, "pass", "no tensors")
        opened = open_dimensions(model, remaining, axes)
        if not opened:
            return Verdict(case.name, "pass", "nothing to open")
        try:
            imported = import_onnx(model)
            executable = imported.compile(cache=False)
        except OxideError as error:
            return Verdict(case.name, "unsupported", str(error))
        try:
            results = executable.run(dict(zip((i.name for i in executable.inputs), remaining, strict=True)))
        except OxideError as error:
            return Verdict(case.name, "refused at call", str(error))
        except Exception as error:
            return Verdict(case.name, "crash", f"{type(error).__name__}: {error}")
        arrays = read_nesting(imported.module).unpack([np.asarray(r) for r in results.values()])
        problem = mismatch(arrays, as_arrays(outputs), case.rtol, case.atol)
        if problem:
            return Verdict(case.name, "wrong", problem)
    return Verdict(case.name, "pass")


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
