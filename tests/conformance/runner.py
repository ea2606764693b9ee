"""One conformance case from the ONNX model to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.cases import Case, as_arrays, specialize
from conformance.xla import Program, mismatch

from oxide import OxideError, import_onnx
from oxide.bounded import read_bounds, trim
from oxide.nesting import read_nesting


@dataclass(frozen=True)
class Verdict:
    """`status` is pass, wrong, unsupported (an OxideError) or crash (any other exception)."""

    case: str
    status: str
    detail: str = ""


def run_case(case: Case) -> Verdict:
    """Import, compile and run a case on each of its data sets."""
    for inputs, outputs in case.data_sets:
        model, remaining = specialize(case.model, as_arrays(inputs))
        try:
            imported = import_onnx(model, shapes=_shapes(model, remaining))
        except OxideError as error:
            return Verdict(case.name, "unsupported", str(error))
        try:
            program = Program(imported.module)
            nesting = read_nesting(imported.module)
            results = program([*nesting.pack(remaining), *imported.parameters.values()])
            results = nesting.unpack(trim(results, read_bounds(imported.module)))
        except Exception as error:
            return Verdict(case.name, "crash", f"{type(error).__name__}: {error}")
        problem = mismatch(results, as_arrays(outputs), case.rtol, case.atol)
        if problem:
            return Verdict(case.name, "wrong", problem)
    return Verdict(case.name, "pass")


def _shapes(model, values) -> dict[str, Any]:
    """Shapes for the inputs whose declared type leaves a dimension open, and for all sequences and optionals."""
    return {
        declared.name: _shape(value)
        for declared, value in zip(model.graph.input, values, strict=True)
        if not declared.type.HasField("tensor_type") or _is_open(declared.type)
    }


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return [_shape(element) for element in value]
    return None if value is None else value.shape


def _is_open(proto) -> bool:
    tensor = proto.tensor_type
    return not tensor.HasField("shape") or any(not d.HasField("dim_value") for d in tensor.shape.dim)
