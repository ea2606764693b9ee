"""Saved models come back with their meaning, any consumer reads them, and damage is found."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jax.extend import backend
from jaxlib import xla_client
from jaxlib.mlir.dialects import stablehlo

import oxide
from oxide.artefacts import resolve_version, serialize, text_of
from oxide.dialects.context import make_context, parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.interpreter import interpret
from oxide.model import Model
from oxide.safetensors import open_safetensors, write_safetensors

SOURCE = """
module @tiny attributes {oxide.note = "kept"} {
  func.func public @main(%x: tensor<2x3xf32> {oxide.name = "x.1"}, %w: tensor<3x3xf32> {oxide.param = "layer.w"},
                         %b: tensor<3xf32> {oxide.param = "layer.b"}) -> (tensor<2x3xf32> {oxide.name = "y"}) {
    %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
        : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32> loc("dense")
    %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
    %2 = stablehlo.add %0, %1 : tensor<2x3xf32>
    %3 = stablehlo.composite "oxide.silu" %2 {decomposition = @oxide.silu.impl}
        : (tensor<2x3xf32>) -> tensor<2x3xf32>
    return %3 : tensor<2x3xf32>
  }
  func.func private @oxide.silu.impl(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = stablehlo.logistic %x : tensor<2x3xf32>
    %1 = stablehlo.multiply %x, %0 : tensor<2x3xf32>
    return %1 : tensor<2x3xf32>
  }
}
"""
WEIGHTS = {
    "layer.w": np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32),
    "layer.b": np.array([1, 2, 3], np.float32),
}
X = np.random.default_rng(1).standard_normal((2, 3)).astype(np.float32)


def expected() -> np.ndarray:
    y = X @ WEIGHTS["layer.w"] + WEIGHTS["layer.b"]
    return y / (1 + np.exp(-y))


@pytest.fixture
def model() -> Model:
    return Model(parse_module(SOURCE), dict(WEIGHTS), "tiny")


def value(model: Model) -> np.ndarray:
    arguments = [X, *(model.parameters[spec.name] for spec in model.parameter_specs)]
    return interpret(model.module, arguments)[0]


def names(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


@pytest.mark.parametrize("name", ["m.mlirbc", "m.mlir"])
def test_model_comes_back(model: Model, tmp_path: Path, name: str) -> None:
    written = model.save(tmp_path / name)
    loaded = oxide.load(tmp_path / name)
    assert sorted(path.name for path in written) == names(tmp_path)
    assert loaded.signature == model.signature
    text = text_of(loaded.module)
    assert 'stablehlo.composite "oxide.silu"' in text
    assert 'oxide.note = "kept"' in text
    assert 'loc("dense")' in text
    assert not loaded.parameters["layer.w"].flags.owndata, "weights are to stay in the file"
    np.testing.assert_allclose(value(loaded), expected(), rtol=1e-5)


@pytest.mark.parametrize("name", ["m.mlirbc", "m.mlir"])
def test_inlined_weights_make_one_file(model: Model, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / name, inline_weights=True)
    assert names(tmp_path) == [name]
    loaded = oxide.load(tmp_path / name)
    assert [spec.name for spec in loaded.inputs] == ["x.1"]
    assert not loaded.parameter_specs
    np.testing.assert_allclose(value(loaded), expected(), rtol=1e-5)
    assert len(model.parameter_specs) == 2, "the model itself must not change"


def test_artefact_is_read_by_plain_consumers(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.mlirbc")
    data = (tmp_path / "m.mlirbc").read_bytes()
    module = stablehlo.deserialize_portable_artifact(make_context(), data)
    assert "oxide.silu" in str(module)
    client = backend.get_backend("cpu")
    device = client.local_devices()[0]
    executable = client.compile_and_load(data, xla_client.DeviceList((device,)), xla_client.CompileOptions())
    assert "f32[2,3]" in executable.hlo_modules()[0].to_string()


def test_forms_in_one_folder_keep_their_own_weights(model: Model, tmp_path: Path) -> None:
    for suffix in (".mlirbc", ".mlir", ".py", ".hlo"):
        model.save(tmp_path / f"m{suffix}")
    assert oxide.load(tmp_path / "m.mlirbc").signature == oxide.load(tmp_path / "m.mlir").signature


def test_python_source_runs(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.py")
    scope: dict[str, Any] = {"__file__": str(tmp_path / "m.py"), "__name__": "m"}
    exec(compile((tmp_path / "m.py").read_text(), "m.py", "exec"), scope)
    np.testing.assert_allclose(scope["forward"](scope["load_params"](), X), expected(), rtol=1e-5)


def test_hlo_text(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.hlo")
    assert (tmp_path / "m.hlo").read_text().startswith("HloModule tiny")


@pytest.mark.parametrize("target", ["current", "minimum", "12w", "4w", "1.5", "1.9.3"])
def test_target_versions(model: Model, tmp_path: Path, target: str) -> None:
    model.save(tmp_path / "m.mlirbc", target_version=target)
    data = (tmp_path / "m.mlirbc").read_bytes()
    assert f"StableHLO_v{resolve_version(target)}".encode() in data[:64]
    np.testing.assert_allclose(value(oxide.load(tmp_path / "m.mlirbc")), expected(), rtol=1e-5)


@pytest.mark.parametrize("target", ["", "2", "x", "1.9.0.0", "99.0", "0.1", "-1.0", "1.9\n", "12W"])
def test_wrong_target_version_is_refused(model: Model, tmp_path: Path, target: str) -> None:
    with pytest.raises(OxideError, match="target version"):
        model.save(tmp_path / "m.mlirbc", target_version=target)
    assert names(tmp_path) == []


def test_chlo_is_legalised_and_the_model_keeps_it() -> None:
    module = parse_module(
        "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {"
        "  %0 = chlo.erf %x : tensor<2xf32> -> tensor<2xf32>\n return %0 : tensor<2xf32> }"
    )
    artefact = parse_module(serialize(module))
    assert "chlo" not in str(artefact)
    assert "chlo.erf" in str(module)
    np.testing.assert_allclose(
        interpret(artefact, [np.array([0.5, -2], np.float32)])[0], [0.5204999, -0.9953223], 1e-5
    )


def test_operations_outside_stablehlo_are_named_and_located() -> None:
    module = parse_module(
        "func.func @main(%x: f32) -> f32 {\n  %0 = math.sin %x : f32\n  %1 = arith.addf %0, %x : f32\n"
        "  return %1 : f32 }"
    )
    with pytest.raises(OxideError, match=r"cannot hold arith\.addf, math\.sin") as caught:
        serialize(module)
    assert {item.location for item in caught.value.diagnostics} == {"<input>:2:8", "<input>:3:8"}


def test_failure_leaves_old_files(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.mlirbc")
    before = {child: child.read_bytes() for child in tmp_path.iterdir()}
    model.parameters = {"layer.w": WEIGHTS["layer.w"]}
    with pytest.raises(OxideError, match=r"layer\.b: 3xf32 has no value"):
        model.save(tmp_path / "m.mlirbc")
    assert {child: child.read_bytes() for child in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["m", "m.onnx", "m.MLIRBC"])
def test_unknown_suffix_is_refused(model: Model, tmp_path: Path, name: str) -> None:
    with pytest.raises(OxideError, match="suffix"):
        model.save(tmp_path / name)


def test_python_source_cannot_inline_weights(model: Model, tmp_path: Path) -> None:
    with pytest.raises(OxideError, match="inlined"):
        model.save(tmp_path / "m.py", inline_weights=True)


class TestWeightsBeside:
    """The weights file must be this artefact's, and hold exactly its weights."""

    @pytest.fixture
    def saved(self, model: Model, tmp_path: Path) -> Path:
        model.save(tmp_path / "m.mlirbc")
        return tmp_path / "m.mlirbc"

    def rewrite(self, saved: Path, changes: dict[str, np.ndarray | None]) -> None:
        store = open_safetensors(saved.with_suffix(".safetensors"))
        tensors = {**store, **changes}
        kept = {name: array for name, array in tensors.items() if array is not None}
        write_safetensors(saved.with_suffix(".safetensors"), kept, store.metadata)

    def test_missing_file(self, saved: Path) -> None:
        saved.with_suffix(".safetensors").unlink()
        with pytest.raises(OxideError, match=r"2 weights should lie in .*m\.safetensors, which is missing"):
            oxide.load(saved)

    def test_another_artefact(self, model: Model, saved: Path) -> None:
        weights = saved.with_suffix(".safetensors").read_bytes()
        model.module = parse_module(SOURCE.replace("@tiny", "@other"))
        model.save(saved)
        saved.with_suffix(".safetensors").write_bytes(weights)
        with pytest.raises(OxideError, match="belong to another artefact"):
            oxide.load(saved)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"layer.b": None}, "layer.b: 3xf32 has no value"),
            ({"layer.b": np.zeros(4, np.float32)}, "layer.b: 3xf32 has a value of 4xf32"),
            ({"layer.b": np.zeros(3)}, "layer.b: 3xf32 has a value of 3xf64"),
            ({"more": np.zeros(3)}, "1 tensors belong to no weight"),
        ],
    )
    def test_other_tensors(self, saved: Path, changes: dict[str, np.ndarray | None], message: str) -> None:
        self.rewrite(saved, changes)
        with pytest.raises(OxideError, match=message):
            oxide.load(saved)


def test_damaged_artefacts_are_refused_or_mean_something(model: Model) -> None:
    """Truncated and bit-flipped: the process lives, and whatever loads is a valid module."""
    data = serialize(model.module)
    rng = random.Random(0)
    damaged = [data[: rng.randrange(5, len(data))] for _ in range(4)]
    for _ in range(8):
        flipped = bytearray(data)
        flipped[rng.randrange(4, len(data))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))
    refused = 0
    for bytes_ in damaged:
        try:
            loaded = oxide.load(bytes_)
        except OxideError:
            refused += 1
        else:
            assert loaded.module.operation.verify()
    assert refused >= 4, "every truncation must be noticed"


@pytest.mark.parametrize(
    "name",
    [
        "class",
        '"',
        "it's",
        "a\nb",
        "a\\b",
        '__import__("os")',
        "__metadata__",
        "ｘ",
        "é",
        "a/../b",
        "{}",
        "%s",
        "\t",
        "💥",
    ],
)
def test_any_name_survives(tmp_path: Path, name: str) -> None:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\0A", "\t": "\\09"}
    quoted = "".join(escapes.get(character, character) for character in name)
    source = (
        f'func.func @main(%x: tensor<2xf32> {{oxide.name = "{quoted}"}}, '
        f'%w: tensor<2xf32> {{oxide.param = "{quoted}"}})'
        f' -> (tensor<2xf32> {{oxide.name = "{quoted}"}}) {{\n'
        "  %0 = stablehlo.add %x, %w : tensor<2xf32>\n  return %0 : tensor<2xf32>\n}"
    )
    values = np.array([3, 4], np.float32)
    model = Model(parse_module(source), {name: values}, "m")
    for suffix in (".mlirbc", ".mlir"):
        model.save(tmp_path / f"m{suffix}")
        loaded = oxide.load(tmp_path / f"m{suffix}")
        assert (loaded.inputs[0].name, loaded.parameter_specs[0].name, loaded.outputs[0].name) == (name,) * 3
        np.testing.assert_array_equal(loaded.parameters[name], values)
    (result,) = loaded.compile(cache=False).run({name: values}).values()
    np.testing.assert_array_equal(result, [6, 8])
