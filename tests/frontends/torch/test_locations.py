"""Every operation says where it comes from, as imported and after passes."""

from __future__ import annotations

import pytest
import torch
from jaxlib.mlir import ir
from torch import nn

import oxide


class Control(nn.Module):
    def forward(self, x):
        x = x.clone()
        x[0] = 0
        y = torch.cond(x.sum() > 0, lambda a: a * 2, lambda a: a.sin(), (x,))
        return y.sort(-1).values, torch.linalg.inv(x.T @ x), nn.functional.dropout(y)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()


MODELS = {
    "network": (network, (3, 8, 8)),
    "encoder": (encoder, (5, 8)),
    "control flow": (Control, (4,)),
}


def nowhere(module: ir.Module, shared: set[str]) -> set[str]:
    """Operations of @main without a line of Python, those left out whose location is one of `shared`."""
    found: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        text = str(op.location)
        is_named = any(text == f'loc("{name}")' for name in shared)
        if op.name.startswith(("stablehlo.", "chlo.")) and ".py" not in text and not is_named:
            found.add(f"{op.name} {text}")
        return ir.WalkResult.ADVANCE

    ir.SymbolTable(module.operation)["main"].operation.walk(visit)
    return found


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_every_operation_has_a_line(name, dynamic):
    build, shape = MODELS[name]
    rows = torch.export.Dim("rows", min=4, max=64)
    shapes = ({0: rows},) if dynamic else None
    model = oxide.import_torch(build(), (torch.randn(6, *shape),), dynamic_shapes=shapes, name="net")
    # What no operator asked for: the arithmetic of sizes, and that no assertion has failed yet.
    shared = {"sizes", "net"}
    assert not nowhere(model.module, shared)
    for pipeline in ("canonicalize", "decompose-composites,inline,cse,canonicalize"):
        assert not nowhere(model.run_passes(pipeline).module, shared)
