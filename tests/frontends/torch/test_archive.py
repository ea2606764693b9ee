"""`.pt2` files: what torch.export.save writes is read, what could run code is not."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import oxide


class Scaled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 4)
        self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])
        self.register_buffer("shift", torch.arange(4.0), persistent=False)

    def forward(self, x: torch.Tensor, past: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"y": self.linear(x) * self.scale + self.shift, "k": past["key"] + 1}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    rows = torch.export.Dim("rows")
    arguments = (torch.ones(2, 3), {"key": torch.ones(2)})
    shapes = {"x": {0: rows}, "past": {"key": {0: rows}}}
    program = torch.export.export(Scaled(), arguments, dynamic_shapes=shapes, strict=False)
    path = tmp_path_factory.mktemp("pt2") / "scaled.pt2"
    torch.export.save(program, path)
    return path


def changed(path: Path, change: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None) -> bytes:
    """The archive with each file rewritten and some added."""
    target = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, change(name, source.read(name)))
        for name, data in (extra or {}).items():
            copy.writestr(name, data)
    return target.getvalue()


class Dangerous:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("/tmp/oxide-was-here"),)


def test_a_saved_program_runs_like_the_module(tmp_path: Path) -> None:
    module = Scaled()
    x, key = torch.randn(2, 3), torch.randn(2)
    torch.export.save(torch.export.export(module, (x, {"key": key}), strict=False), tmp_path / "m.pt2")
    for source in (tmp_path / "m.pt2", (tmp_path / "m.pt2").read_bytes()):
        model = oxide.load(source)
        assert [spec.name for spec in model.parameter_specs] == ["linear.weight", "linear.bias", "shift", "scale"]
        outputs = model.compile().run({"x": x, "past.key": key})
        expected = module(x, {"key": key})
        for name in ("y", "k"):
            np.testing.assert_allclose(outputs[name], expected[name].detach().numpy(), rtol=1e-6)


def test_pickled_objects_are_refused(saved: Path) -> None:
    def replaced(name: str, data: bytes) -> bytes:
        return pickle.dumps(Dangerous()) if "sample_inputs" in name else data

    with pytest.raises(oxide.OxideError, match=r"sample_inputs.*could run code"):
        oxide.load(changed(saved, replaced))
    assert not Path("/tmp/oxide-was-here").exists()


def test_weights_said_to_be_pickled_are_checked(saved: Path) -> None:
    def replaced(name: str, data: bytes) -> bytes:
        if name.endswith("model_weights_config.json"):
            return data.replace(b'"use_pickle": false', b'"use_pickle": true')
        return pickle.dumps(Dangerous()) if name.endswith("weight_0") else data

    with pytest.raises(oxide.OxideError, match=r"weight_0.*could run code"):
        oxide.load(changed(saved, replaced))


def test_sizes_that_call_functions_are_refused(saved: Path) -> None:
    def replaced(name: str, data: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return data
        text, count = re.subn(r"Symbol\('s\d+'", "__import__('s1'", data.decode())
        assert count
        return text.encode()

    with pytest.raises(oxide.OxideError, match="no expression over sizes"):
        oxide.load(changed(saved, replaced))


@pytest.mark.parametrize("name", ["scaled/data/aotinductor/model/m.so", "scaled/extra/x.bin"])
def test_other_files_are_refused(saved: Path, name: str) -> None:
    with pytest.raises(oxide.OxideError, match="neither a program nor its weights"):
        oxide.load(changed(saved, lambda _, data: data, {name: b"x"}))


def test_two_files_of_one_name_are_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        name = next(name for name in archive.namelist() if "sample_inputs" in name)
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = changed(saved, lambda _, data: data, {name: pickle.dumps(Dangerous())})
    with pytest.raises(oxide.OxideError, match="have the same name"):
        oxide.load(data)


@pytest.mark.parametrize("keep", [10, 500, 3000])
def test_damaged_archives_are_refused(saved: Path, keep: int) -> None:
    with pytest.raises(oxide.OxideError, match="damaged"):
        oxide.load(saved.read_bytes()[:keep])


def test_checkpoints_are_refused(tmp_path: Path) -> None:
    torch.save(Scaled().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(oxide.OxideError, match="a zip archive without a program"):
        oxide.load(tmp_path / "weights.pt")
