"""Stateful executables: called with a program's own arguments, they return its results and keep its buffers."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
import torch
from torch import nn
from torch_oracle import Function

import oxide
from oxide.dialects.diagnostics import OxideError


class Pair(NamedTuple):
    left: torch.Tensor
    right: Any


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x, options, *, scale: float):
        self.calls += 1
        return {"pair": Pair(self.norm(x) * scale, None), "calls": self.calls * 1, "gain": options["gain"] + 1}


def test_buffers_live_on_between_calls():
    torch.manual_seed(0)
    module = Counting()
    x, options = torch.randn(4, 3), {"gain": torch.ones(2)}
    net = oxide.import_torch(module, (x, options), {"scale": 2.0}).stateful(cache=False)
    assert [spec.name for spec in net.inputs] == ["x", "options.gain"]
    assert [spec.name for spec in net.outputs] == ["pair.left", "calls", "gain"]
    for _ in range(3):
        x = torch.randn(4, 3)
        found, wanted = net(x, options, scale=2.0), module(x, options, scale=2.0)
        assert isinstance(found["pair"], Pair)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    assert set(net.state) == {"calls", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    for name, value in net.state.items():
        np.testing.assert_allclose(value, module.get_buffer(name), rtol=1e-5)


def test_the_module_keeps_its_own_buffers():
    module = Counting()
    arguments = (torch.randn(4, 3), {"gain": torch.ones(2)}), {"scale": 2.0}
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    oxide.import_torch(module, *arguments).stateful(cache=False)(*arguments[0], **arguments[1])
    assert all(torch.equal(buffer, before[name]) for name, buffer in module.named_buffers())


def test_numbers_and_constants_come_back_as_they_are():
    def results(x):
        rows, total = x.shape[0], x.sum().to(torch.int64).item()
        return rows, rows * 2, total, None, True, 2.5, "text", (x.shape[1], [x])

    rows = torch.export.Dim("rows")
    model = oxide.import_torch(Function(results), (torch.ones(4, 3),), dynamic_shapes={"args": ({0: rows},)})
    x = torch.ones(5, 3)
    found = model.stateful(cache=False)(x)
    assert found[:7] == (5, 10, 15, None, True, 2.5, "text")
    assert [type(part) for part in found[:7]] == [int, int, int, type(None), bool, float, str]
    assert found[7][0] == 3
    assert torch.equal(found[7][1][0], x)


def writes(x, cache):
    cache[0] = x.sum()
    return cache * 2


@pytest.mark.parametrize("make", [torch.zeros, lambda n: np.zeros(n, np.float32)])
def test_arguments_change_in_place(make):
    net = oxide.import_torch(Function(writes), (torch.ones(3), torch.zeros(2))).stateful(cache=False)
    cache = make(2)
    assert net(torch.ones(3), cache).tolist() == [6, 0]
    assert cache.tolist() == [3, 0]


def test_an_array_that_cannot_change_is_refused():
    net = oxide.import_torch(Function(writes), (torch.ones(3), torch.zeros(2))).stateful(cache=False)
    cache = jax.numpy.zeros(2)
    with pytest.raises(OxideError, match=r"changes its input 'args_1', which a .*Array.* does not allow"):
        net(torch.ones(3), cache)
    assert cache.tolist() == [0, 0]


def test_updated_inputs_are_donated_by_name():
    model = oxide.import_torch(Function(writes), (torch.ones(3), torch.zeros(2)))
    cache = jax.numpy.zeros(2) + 0  # XLA's own memory, not numpy's
    address = cache.unsafe_buffer_pointer()
    outputs = model.stateful(cache=False).run({"args_0": torch.ones(3), "args_1": cache})
    assert cache.is_deleted()
    assert outputs["args_1"].unsafe_buffer_pointer() == address
    kept = jax.device_put(np.zeros(2, np.float32))
    model.compile(cache=False).run({"args_0": torch.ones(3), "args_1": kept})
    assert kept.tolist() == [0, 0]  # nothing is donated unless asked for


def test_buffers_stay_where_they_are():
    net = oxide.import_torch(Counting(), (torch.randn(4, 3), {"gain": torch.ones(2)}), {"scale": 2.0}).stateful()
    arguments = (torch.randn(4, 3), {"gain": torch.ones(2)})
    net(*arguments, scale=2.0)
    address = net.state["norm.running_mean"].unsafe_buffer_pointer()
    net(*arguments, scale=2.0)
    assert net.state["norm.running_mean"].unsafe_buffer_pointer() == address


def test_the_generator_moves_on_and_a_seed_repeats_it():
    model = oxide.import_torch(nn.Dropout(0.5), (torch.ones(64),))
    nets = [model.stateful(cache=False, seed=seed) for seed in (1, 1, 2)]
    first, again, other = ([net(torch.ones(64)) for _ in range(2)] for net in nets)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


X, OPTIONS = torch.ones(4, 3), {"gain": torch.ones(2)}


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((X, OPTIONS), {"scale": 3.0}, "fixed at import as 2.0; import again for 3.0"),
        ((X, OPTIONS), {}, "keyword arguments are none; the program takes scale"),
        ((X, [torch.ones(2)]), {"scale": 2.0}, "arguments have the structure"),
        ((X[:, :2], OPTIONS), {"scale": 2.0}, "input 'x' has shape 4x2, the model takes 4x3"),
    ],
)
def test_wrong_arguments(args, kwargs, message):
    net = oxide.import_torch(Counting(), (X, OPTIONS), {"scale": 2.0}).stateful(cache=False)
    with pytest.raises(OxideError, match=message):
        net(*args, **kwargs)
    assert int(net.state["calls"]) == 0


def test_a_loaded_model_is_called_by_position(tmp_path):
    model = oxide.import_torch(Counting(), (torch.ones(4, 3), {"gain": torch.ones(2)}), {"scale": 2.0})
    model.save(tmp_path / "net.mlirbc")
    net = oxide.load(tmp_path / "net.mlirbc").stateful(cache=False)
    for count in (1, 2):
        outputs = net(np.ones((4, 3), np.float32), np.ones(2, np.float32))
        assert int(outputs[1]) == count


def test_the_source_says_which_outputs_are_new_values():
    def function(x, cache):
        cache.add_(1)
        return torch.linalg.inv(x)

    text = oxide.import_torch(Function(function), (torch.eye(3), torch.zeros(2))).to_jax_source().text
    assert 'OUTPUT_NAMES = ("output", "args_1", "failed_check")' in text
    assert 'UPDATES = {"args_1": "args_1"}' in text
    assert 'CHECKS = {"failed_check": ("linalg.inv: ' in text
