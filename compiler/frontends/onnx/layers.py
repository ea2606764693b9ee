"""A model with what its nodes compute among its outputs, to find the node where two implementations part."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import ModelProto, NodeProto

from oxide.dialects.diagnostics import OxideError


@dataclass(frozen=True)
class Layers:
    """`model` gives the values of `producers`' keys as outputs; `producers` maps each value to its node."""

    model: ModelProto
    producers: dict[str, NodeProto]


def expose_layers(data: bytes) -> Layers:
    """The model in `data` (which `import_onnx` accepts) with all tensors its nodes compute as outputs.

    Outputs come in the order of the nodes.  Only nodes of the main graph count; one with subgraphs stands for
    what is inside.  Values that ONNX's shape inference does not know to be tensors stay inside.
    """
    try:
        inferred = onnx.shape_inference.infer_shapes(data)
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        raise OxideError(f"cannot tell the types of intermediate values: {error}") from error
    model = ModelProto.FromString(data)
    types = {value.name: value for value in [*inferred.graph.value_info, *inferred.graph.output]}
    producers = {
        name: node
        for node in model.graph.node
        for name in node.output
        if name and name in types and types[name].type.WhichOneof("value") == "tensor_type"
    }
    del model.graph.output[:]
    for name in producers:
        # The element type only: declared shapes may be open where the importer has fixed them.
        value = model.graph.output.add(name=name)
        value.type.tensor_type.elem_type = types[name].type.tensor_type.elem_type
    return Layers(model, producers)
