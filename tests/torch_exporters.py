"""How a PyTorch module comes to Oxide in pieces: torch.export after run_decompositions, both ONNX exporters."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from functools import wraps

import onnx
import torch
from jaxlib.mlir import ir

from oxide.frontends.onnx import import_onnx
from oxide.frontends.torch import import_torch

Exporter = Callable[[torch.nn.Module, tuple], ir.Module]


def quietly(export: Exporter) -> Exporter:
    """The exporters warn of their own deprecated parts."""

    @wraps(export)
    def exported(model: torch.nn.Module, inputs: tuple) -> ir.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return export(model.eval(), inputs)

    return exported


@quietly
def decomposed(model: torch.nn.Module, inputs: tuple) -> ir.Module:
    return import_torch(torch.export.export(model, inputs, strict=False).run_decompositions()).module


@quietly
def by_torchscript(model: torch.nn.Module, inputs: tuple) -> ir.Module:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        torch.onnx.export(model, inputs, path, dynamo=False, opset_version=17)
        return import_onnx(onnx.load(path)).module


@quietly
def by_dynamo(model: torch.nn.Module, inputs: tuple) -> ir.Module:
    program = torch.onnx.export(model, inputs, dynamo=True, verbose=False)
    assert program is not None
    return import_onnx(program.model_proto).module


ROUTES: dict[str, Exporter] = {"decomposed": decomposed, "torchscript": by_torchscript, "dynamo": by_dynamo}
