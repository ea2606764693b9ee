"""The boundary of an imported program: names, weights and their memory, locations, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch_oracle import check

import oxide
from oxide.dialects.diagnostics import OxideError


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(4, 4)
        self.table = torch.arange(4.0)

    def forward(self, x, past, *, scale=2.0, extra=None):
        y = self.proj(x) * scale + self.table
        return {"logits": y, "past": [(y + p["key"], None) for p in past], "scale": scale}


def nested() -> oxide.Model:
    past = [{"key": torch.ones(2, 4)}, {"key": torch.zeros(2, 4)}]
    return oxide.import_torch(Nested(), (torch.ones(2, 4), past), {"scale": 3.0, "extra": torch.ones(1)})


def test_inputs_and_outputs_are_named_after_the_signature():
    model = nested()
    assert [spec.name for spec in model.inputs] == ["x", "past.0.key", "past.1.key", "extra"]
    assert [spec.name for spec in model.outputs] == ["logits", "past.0.0", "past.1.0"]


def test_weights_are_arguments_under_their_names():
    assert [spec.name for spec in nested().parameter_specs] == ["proj.weight", "proj.bias", "table"]


def test_weights_share_memory_with_the_module():
    module = nn.Linear(3, 5).to(torch.bfloat16)
    model = oxide.import_torch(module, (torch.ones(2, 3, dtype=torch.bfloat16),))
    with torch.no_grad():
        module.weight.fill_(2)
    assert (model.parameters["weight"].astype(np.float32) == 2).all()


def test_tied_weights_are_one():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(7, 4)
            self.head = nn.Linear(4, 7, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.embed(ids))

    module = Tied()
    ids = torch.tensor([[1, 6]])
    assert len(oxide.import_torch(module, (ids,)).parameter_specs) == 1
    check(module, ids)


def test_locations_name_module_and_line():
    text = str(nested().module.operation.get_asm(enable_debug_info=True))
    assert 'loc("proj/linear"' in text
    assert "test_importer.py" in text


def test_every_unsupported_node_is_listed_at_once():
    class Bad(nn.Module):
        def forward(self, x):
            return torch.poisson(x), torch.binomial(x, x)

    with pytest.raises(OxideError) as caught:
        oxide.import_torch(Bad(), (torch.ones(3),))
    text = str(caught.value)
    assert "aten.poisson.default" in text
    assert "aten.binomial.default" in text
    assert "test_importer.py" in text


def test_a_module_that_torch_cannot_export():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(OxideError, match=r"torch\.export cannot export Branch"):
        oxide.import_torch(Branch(), (torch.ones(3),))


def test_what_is_no_module():
    with pytest.raises(OxideError, match=r"a torch\.nn\.Module or an ExportedProgram is needed, not int"):
        oxide.import_torch(3)  # pyright: ignore[reportArgumentType]
