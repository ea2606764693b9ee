"""`package.module:factory` as a model's source, in the API and on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import oxide
from oxide.factories import import_factory, is_reference
from oxide.tools.oxide import main

SOURCE = """
import jax.numpy as jnp
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x, bias=None):
        y = self.linear(x)
        return y if bias is None else y + bias

def net():
    return Net(), (torch.ones(4, 3),)

def net_with_bias():
    return Net(), (torch.ones(4, 3),), {"bias": torch.ones(2)}

def exported():
    return torch.export.export(Net(), (torch.ones(4, 3),))

def function():
    return lambda x, y: jnp.tanh(x) @ y

def number():
    return 3

def broken():
    raise ValueError("no weights")

class Holder:
    make = staticmethod(net)
"""


@pytest.fixture(autouse=True)
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "factory_nets.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("factory", ["net", "exported", "Holder.make"])
def test_a_torch_module_is_imported(factory: str) -> None:
    import torch

    model = import_factory(f"factory_nets:{factory}")
    assert [spec.name for spec in model.inputs] == ["x"]
    assert {spec.name for spec in model.parameter_specs} == {"linear.weight", "linear.bias"}
    x = np.random.default_rng(0).standard_normal((4, 3), np.float32)
    torch.manual_seed(0)
    expected = torch.nn.Linear(3, 2)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(model.compile()(x), expected, rtol=1e-5, atol=1e-6)


def test_arguments_may_be_given_as_types() -> None:
    model = import_factory("factory_nets:Net", ["5x3xf32", "bias=2xf32"])
    assert [(spec.name, spec.shape) for spec in model.inputs] == [("x", (5, 3)), ("bias", (2,))]
    assert import_factory("factory_nets:net_with_bias").outputs[0].shape == (4, 2)


def test_a_jax_function_is_imported() -> None:
    model = import_factory("factory_nets:function", ["2x3xf32", "3x4xf32"])
    x, y = np.ones((2, 3), np.float32), np.full((3, 4), 2, np.float32)
    np.testing.assert_allclose(model.compile()(x, y), np.tanh(x) @ y, rtol=1e-6)


@pytest.mark.parametrize(
    ("reference", "arguments", "message"),
    [
        ("factory_nets:number", [], "gives a int"),
        ("factory_nets:broken", [], "ValueError: no weights"),
        ("factory_nets:missing", [], "missing"),
        ("no_such_module_here:net", [], "no_such_module_here"),
        ("factory_nets:Net", ["2y3"], "no numpy counterpart"),
        ("factory_nets:Net", ["ax3xf32"], "not of the form"),
        ("factory_nets:Net", ["2x7xf32"], "torch.export cannot export Net"),
        ("factory_nets:exported", ["2x3xf32"], "has its arguments"),
    ],
)
def test_what_is_wrong_is_said(reference: str, arguments: list[str], message: str) -> None:
    with pytest.raises(oxide.OxideError, match=message):
        import_factory(reference, arguments)


def test_a_file_is_no_reference(tmp_path: Path) -> None:
    assert is_reference("factory_nets:net")
    assert not is_reference("model.onnx")
    (tmp_path / "a:b").write_text("")
    assert not is_reference("a:b")


def test_the_command_compiles_a_factory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "factory_nets:Net", "--args", "4x3xf32", "-o", "net.py"]) == 0
    assert "def forward(params, x)" in (tmp_path / "net.py").read_text()
    assert main(["compile", "factory_nets:net", "--dim", "a=3", "-o", "net.mlir"]) == 1
    assert main(["compile", "net.py.safetensors", "--args", "4x3xf32", "-o", "net.mlir"]) == 1
    assert not (tmp_path / "net.mlir").exists()
    assert "--args is for" in capsys.readouterr().err
