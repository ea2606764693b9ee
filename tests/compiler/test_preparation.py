"""Models whose weights are prepared: compiled, saved, emitted and trained like the raw form."""

from __future__ import annotations

import base64
import runpy
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from exported_modules import ConvNet
from jax_source_oracle import load, nested
from models.twelve import TWELVE
from torch import nn

import oxide
from oxide.comparison import compare_all
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.oracles import interpreter_oracle, onnxruntime_oracle
from oxide.safetensors import open_safetensors, write_safetensors
from oxide.signature import read_signature
from oxide.verification import verify


class Folding(nn.Module):
    """A convolution with batch norm, a linear layer, and positions that are added."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(4)
        norm.load_state_dict({"running_mean": torch.randn(4), "running_var": torch.rand(4) + 0.5}, strict=False)
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU())
        self.positions = nn.Embedding(12, 4)
        self.head = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.features(x).flatten(2).transpose(1, 2)
        return self.head(rows + self.positions(torch.arange(9) + 1))


def imported() -> tuple[oxide.Model, np.ndarray, np.ndarray]:
    """A model of torch.export, an input and what eager PyTorch gives for it."""
    torch.manual_seed(0)
    module, x = Folding().eval(), torch.randn(2, 3, 5, 5)
    model = oxide.import_torch(module, (x,)).run_passes("default")
    return model, x.numpy(), module(x).detach().numpy()


def hoisted() -> tuple[oxide.Model, np.ndarray, np.ndarray]:
    model, x, expected = imported()
    return model.run_passes("fold-batch-norm,hoist-params"), x, expected


def test_the_model_is_given_raw_weights() -> None:
    raw, _, _ = imported()
    model, _, _ = hoisted()
    assert {spec.name for spec in model.parameter_specs} <= {spec.name for spec in raw.parameter_specs}
    preparation = model.signature.preparation
    assert preparation is not None
    assert [spec.name for spec in preparation.results] == [
        "features.1.bias_prepared",
        "features.0.weight_scaled",
        "positions.weight_sliced",
    ]


def test_executable() -> None:
    model, x, expected = hoisted()
    executable = model.compile(pipeline="", cache=False)
    np.testing.assert_allclose(executable(x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["model.mlirbc", "model.mlir"])
@pytest.mark.parametrize("inline", [False, True])
def test_saved_and_loaded(tmp_path: Path, name: str, inline: bool) -> None:
    model, x, expected = hoisted()
    model.save(tmp_path / name, inline_weights=inline)
    loaded = oxide.load(tmp_path / name)
    assert (loaded.signature.preparation is None) == inline
    assert loaded.parameter_specs == ([] if inline else model.parameter_specs)
    for pipeline in ("", "optimize"):  # as it is, and prepared further
        np.testing.assert_allclose(loaded.compile(pipeline=pipeline, cache=False)(x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["model.mlirbc", "model.py"])
def test_saved_with_prepared_weights(tmp_path: Path, name: str) -> None:
    model, x, expected = hoisted()
    written = model.save(tmp_path / name, prepare_weights=True)
    store = open_safetensors(written[1])
    assert "features.0.weight_scaled" in store
    assert "features.0.weight" not in store
    if name == "model.py":
        scope = runpy.run_path(str(tmp_path / name))
        assert "prepare" not in scope
        np.testing.assert_allclose(scope["forward"](scope["load_params"](), x), expected, atol=1e-5)
    else:
        loaded = oxide.load(tmp_path / name)
        assert loaded.signature.preparation is None
        assert {spec.name for spec in loaded.parameter_specs} == {spec.name for spec in model.signature.parameters}
        np.testing.assert_allclose(loaded.compile(cache=False)(x), expected, atol=1e-5)
    assert model.signature.preparation is not None


# y = x @ fc.weight.T + fc.bias, whose @prepare gives "fc.weight.transposed": a StableHLO 1.0 artefact as Oxide
# wrote it when it joined the names of prepared weights with a dot.
OLD_ARTEFACT = """
TUzvUg1TdGFibGVITE9fdjEuMC4wAAEfBQEFDwEDCwMNDxMXGx8jA4NbGQEjCwsTExMLExMTExMTExMTExMDOQsLCwsLDy8LDxMLCw8TFxML
EwsTCw8TCwsTL08DGQcXFwcXFxMTFx8TEwKCAwUTBRUXAQEBFwEFAwMDCykFFxcBDQMXAw0xFwMNgRcDDdsXAQ8RFwERERcBExEXARUHFwMF
NxcBBxEXAQkHHRkdGx0dHR8dIR8VAR8PEQEAAAAAAAAAFwEDAzUNAyM3HSMjEQMDPQ0DJScDB0FFSQ0DJUMdJQ0DI0cdJw0DIycjEwMDTw0D
JVEdKR0rAwUxMR8PEQAAAAAAAAAAHxchAQAAAAAAAAAAAAAAAAAAAAkpBQ0JASkFEQkBHSkFCQ0BKQURDQEpAwkBKQMFBxEDCQMDEQcLDQMD
BSkDAQcpAwkHBK8FAVAFAQcEnwMBCQNQBwMHBCkDBQsDEx0ADUYfBQMDAwEFBCEDAwNRDQkHBwRTAw0TBxcPGxEHEwAHRhUJAwUFAQUJRhcL
AwUDAwsGGQMFBQcJBQQbAwsGAwEFAQCKAy0LBREFFQ8RKxcZHQURGw8pHxURDwsRYnVpbHRpbgB2aGxvAG1vZHVsZQBmdW5jX3YxAHJldHVy
bl92MQBkb3RfZ2VuZXJhbF92MQBicm9hZGNhc3RfaW5fZGltX3YxAGFkZF92MQB0cmFuc3Bvc2VfdjEAPGlucHV0PgAtAG94aWRlLnByZXBh
cmUAb3hpZGUucGFyYW0Ab3hpZGUubmFtZQBmYy53ZWlnaHQudHJhbnNwb3NlZABwcmVwYXJlAHB1YmxpYwBmYy53ZWlnaHQAeABmYy5iaWFz
AHkAbWFpbgAINQ0FAQELMzk7KSsDWQs/S01TKwstL1UtVwMv
"""


def test_an_old_artefact_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {"fc.bias": rng.standard_normal(2, np.float32), "fc.weight": rng.standard_normal((2, 3), np.float32)}
    (tmp_path / "old.mlirbc").write_bytes(base64.b64decode(OLD_ARTEFACT))
    write_safetensors(tmp_path / "old.safetensors", weights)
    model = oxide.load(tmp_path / "old.mlirbc")
    x = rng.standard_normal((4, 3), np.float32)
    expected = x @ weights["fc.weight"].T + weights["fc.bias"]
    np.testing.assert_allclose(model.compile(cache=False)(x), expected, rtol=1e-5)
    source = load(model.to_jax_source())
    np.testing.assert_allclose(source["forward"](source["prepare"](nested(weights)), x), expected, rtol=1e-5)
    again = model.run_passes("inline-prepare,hoist-params").signature.preparation
    assert again is not None
    assert [spec.name for spec in again.results] == ["fc.weight_transposed"]


def test_hlo_is_of_the_raw_form(tmp_path: Path) -> None:
    model, _, _ = hoisted()
    model.save(tmp_path / "model.hlo")
    assert (tmp_path / "model.hlo").read_text().count("transpose(") >= 1


def test_reference_interpreter_runs_the_raw_form() -> None:
    model, x, _ = hoisted()
    assert verify(model, interpreter_oracle(model), {model.inputs[0].name: x}, pipeline="").passed


def test_open_sizes() -> None:
    batch = torch.export.Dim("batch")
    module, x = Folding().eval(), torch.randn(2, 3, 5, 5)
    model = oxide.import_torch(module, (x,), dynamic_shapes=({0: batch},)).run_passes("default,hoist-params")
    executable = model.compile(pipeline="", cache=False)
    namespace, params = load(model.to_jax_source()), nested(dict(model.parameters))
    for size in (1, 3):
        x = torch.randn(size, 3, 5, 5)
        expected = module(x).detach().numpy()
        np.testing.assert_allclose(executable(x), expected, atol=1e-5)
        np.testing.assert_allclose(
            namespace["forward"](namespace["prepare"](params), x.numpy()), expected, atol=1e-5
        )


@pytest.mark.parametrize(("name", "count"), [("light_resnet50", 106), ("lstm", 18)])
def test_models_agree_with_onnxruntime(name: str, count: int) -> None:
    """Batch norms, and concatenated gates."""
    path = TWELVE[name].path()
    model = oxide.load(path).run_passes("default,fold-batch-norm,hoist-params")
    preparation = model.signature.preparation
    assert preparation is not None
    assert len(preparation.results) == count
    assert verify(model, onnxruntime_oracle(path), TWELVE[name].inputs(), pipeline="").passed


def test_work_in_loops_and_on_constants_is_prepared() -> None:
    """In a recurrent network with a table of positions."""

    def network(weights: dict[str, Any], x: Any) -> Any:
        rows = x + jnp.sin(jnp.arange(600 * 8, dtype=jnp.float32).reshape(600, 8))[:4]

        def step(state: Any, row: Any) -> Any:
            state = jnp.tanh(row @ jnp.exp(weights["w"]).T + state @ weights["u"].T)
            return state, state

        return jax.lax.scan(step, jnp.zeros(3), rows)[1]

    rng = np.random.default_rng(0)
    weights = {key: rng.standard_normal((3, size), np.float32) for key, size in (("w", 8), ("u", 3))}
    x = rng.standard_normal((4, 8), np.float32)
    model = oxide.import_jax(network, weights, x, params="weights").run_passes("default,hoist-params")
    assert model.signature.preparation is not None
    assert [spec.name for spec in model.signature.preparation.results] == ["slice", "w_prepared"]
    expected = np.asarray(network(weights, x))
    np.testing.assert_allclose(model.compile(cache=False)(x), expected, atol=1e-5)
    source = load(model.to_jax_source())
    np.testing.assert_allclose(source["forward"](source["prepare"](weights), x), expected, atol=1e-5)


def test_updated_statistics_are_not_prepared() -> None:
    torch.manual_seed(0)
    module, x = ConvNet().train(), torch.randn(2, 3, 24, 20)
    model = oxide.import_torch(module, (x,)).run_passes("default")
    plain = {
        name: np.asarray(value) for name, value in model.compile(pipeline="", cache=False).run({"x": x}).items()
    }
    model.run_passes("hoist-params")
    prepared = {
        name: np.asarray(value) for name, value in model.compile(pipeline="", cache=False).run({"x": x}).items()
    }
    assert all(comparison.passed for comparison in compare_all(prepared, plain, None))


def test_generated_source_prepares_once_and_trains_through() -> None:
    """Gradients for the raw weights through `prepare` are those of the raw form's source."""
    raw, x, expected = imported()
    model, _, _ = hoisted()
    namespaces = {"raw": load(raw.to_jax_source()), "prepared": load(model.to_jax_source())}
    values: dict[str, Any] = {
        spec.name: jnp.asarray(np.asarray(raw.parameters[spec.name]))
        for spec in raw.parameter_specs
        if spec.dtype == np.float32
    }
    direction = np.random.default_rng(0).standard_normal(expected.shape, np.float32)
    prepare = namespaces["prepared"]["prepare"]

    def raw_form(weights: dict[str, Any]) -> Any:
        return (namespaces["raw"]["forward"](nested(weights), x) * direction).sum()

    def through_prepare(weights: dict[str, Any]) -> Any:
        return (namespaces["prepared"]["forward"](prepare(nested(weights)), x) * direction).sum()

    once = prepare(nested(values))
    taken = {".".join(str(entry.key) for entry in path) for path, _ in jax.tree_util.tree_leaves_with_path(once)}
    assert taken == {spec.name for spec in model.signature.parameters}
    np.testing.assert_allclose(jax.jit(namespaces["prepared"]["forward"])(once, x), expected, atol=1e-5)
    wanted, got = jax.grad(raw_form)(values), jax.grad(through_prepare)(values)
    assert any(float(abs(gradient).max()) > 0.1 for gradient in wanted.values())
    for name, gradient in wanted.items():
        np.testing.assert_allclose(got[name], gradient, atol=1e-5 * float(abs(gradient).max()) + 1e-6, err_msg=name)


WEIGHT = '{oxide.param = "w"}'
PREPARE = f'func.func public @prepare(%w: F {WEIGHT}) -> (F {{oxide.name = "s"}}) {{ return %w : F }}'
MAIN = 'func.func @main(%s: F {oxide.param = "s"}) -> F attributes {oxide.prepare = "prepare"} { return %s : F }'


@pytest.mark.parametrize(
    ("prepare", "main", "message"),
    [
        ("", MAIN, 'its weights come from "prepare", which is no other function of the module'),
        (PREPARE, MAIN.replace("F", "tensor<3xf32>"), "@prepare: result s: 2xf32 is no weight of @main"),
        (PREPARE.replace(WEIGHT, ""), MAIN, "@prepare: argument arg0: 2xf32 is no weight"),
    ],
)
def test_a_preparation_that_does_not_fit_is_refused(prepare: str, main: str, message: str) -> None:
    text = f"{prepare}\n{main}".replace("F", "tensor<2xf32>")
    with pytest.raises(OxideError, match=message):
        read_signature(parse_module(text))
