"""Modules in the `torch` dialect, written by hand, against the same programs in eager PyTorch."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import oxide
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch_mlir import reader
from oxide.frontends.torch_mlir.types import dtype_of_code
from oxide.parameters import torch_array

MODULES = Path(__file__).parent / "modules"

LITERALS = (
    torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    torch.tensor([0.25, -4.0], dtype=torch.float16),
    torch.tensor([1.0e-300, 3.0], dtype=torch.float64),
    torch.tensor([True, False]),
    torch.tensor([-128, 127], dtype=torch.int8),
    torch.tensor([0, 255], dtype=torch.uint8),
    torch.tensor([-(2**63), -(2**63)]),
    torch.tensor([1 - 2j, 3j], dtype=torch.complex64),
    torch.tensor([0.5, 448.0]).to(torch.float8_e4m3fn),
)


def linear(x: torch.Tensor) -> torch.Tensor:
    weight, bias = torch.tensor([[1.0, 2.0, 3.0], [4.0, 8.0, -8.0]]), torch.tensor([0.5, -0.5])
    return torch.softmax(torch.nn.functional.linear(x, weight, bias), -1)


def branch(x: torch.Tensor, flag: torch.Tensor) -> tuple[torch.Tensor, ...]:
    y = x * 2 + x if flag else -(x * 2)
    return y, y.exp()


def loop(x: torch.Tensor, limit: torch.Tensor) -> tuple[torch.Tensor, ...]:
    steps, count = 3, 0
    while count < 10:
        x, steps, count = x * 2 + count, steps + 2, count + 1
        if not x.sum() < limit:
            break
    return x, torch.tensor(steps)


def lists(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    first, second = x.split(2)
    swapped = torch.cat([second, first])
    return swapped, swapped.max(1).indices, first.log1p().double()


def in_place(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    base = x.clone()
    view = base[:2]
    base.mul_(2)
    view.add_(1)
    return view, base


def values(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape))) + 0.5


CASES: dict[str, tuple[Callable[..., Any], list[tuple[torch.Tensor, ...]]]] = {
    "resources": (linear, [(values(2, 3),)]),
    "literals": (lambda x: LITERALS, [(values(2),)]),
    "symbols": (
        lambda x, y: x.view(-1, 2, 3) * y[:, None, None],
        [(values(2, 3), values(1)), (values(8, 3), values(4))],
    ),
    "unnamed_sizes": (lambda x, y: x + 2 * y, [(values(1, 2), values(1, 2)), (values(5, 2), values(5, 2))]),
    "branch": (branch, [(values(3), torch.tensor(flag)) for flag in (True, False)]),
    "loop": (loop, [(values(2), torch.tensor(limit)) for limit in (0.0, 50.0, 1e6)]),
    "calls": (lambda x: (x * x) * (x * x), [(values(2),)]),
    "lists": (lists, [(values(4, 3),)]),
    "transposed_view": (lambda x: x.transpose(0, 1).reshape(6), [(values(2, 3),)]),
    "in_place": (in_place, [(values(4),)]),
}


def run(model: oxide.Model, *args: torch.Tensor) -> dict[str, np.ndarray]:
    named = {spec.name: value for spec, value in zip(model.inputs, args, strict=True)}
    return {name: np.asarray(value) for name, value in model.compile(cache=False).run(named).items()}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_pytorch(name: str) -> None:
    function, calls = CASES[name]
    model = oxide.load(MODULES / f"{name}.mlir")
    for args in calls:
        expected = function(*args)
        expected = expected if isinstance(expected, tuple) else (expected,)
        found = run(model, *args).values()
        for actual, tensor in zip(found, map(torch_array, expected), strict=True):
            assert (actual.dtype, actual.shape) == (tensor.dtype, tensor.shape)
            wide = np.complex128 if actual.dtype.kind == "c" else np.float64
            np.testing.assert_allclose(actual.astype(wide), tensor.astype(wide), rtol=1e-6)


def test_literals_become_weights_under_the_keys_of_their_resources() -> None:
    model = oxide.load(MODULES / "resources.mlir")
    assert [spec.name for spec in model.parameter_specs] == ["layer.weight", "layer.bias"]
    np.testing.assert_array_equal(model.parameters["layer.bias"], np.array([0.5, -0.5], np.float32))


def test_softmax_stays_whole() -> None:
    assert "oxide.softmax" in str(oxide.load(MODULES / "resources.mlir").module)


def test_bytecode_reads_as_text_does() -> None:
    """The bytecode is torch-mlir's own."""
    ir: Any = import_module("torch_mlir.ir")
    context = ir.Context()
    import_module("torch_mlir.dialects.torch").register_dialect(context)
    module = ir.Module.parse((MODULES / "resources.mlir").read_text(), context)
    stream = io.BytesIO()
    module.operation.write_bytecode(stream)
    x = values(2, 3)
    (found,) = run(oxide.load(stream.getvalue()), x).values()
    np.testing.assert_allclose(found, linear(x).numpy(), rtol=1e-6)


def test_sizes_have_the_names_and_bounds_of_the_module() -> None:
    model = oxide.load(MODULES / "symbols.mlir")
    assert re.findall(r'oxide.shape = "([^"]*)"', str(model.module))[:2] == ["2*pairs, 3", "pairs"]
    executable = model.compile(cache=False)
    with pytest.raises(OxideError, match="pairs"):
        executable.run({"arg0": values(130, 3), "arg1": values(65)})
    with pytest.raises(OxideError, match="pairs"):
        executable.run({"arg0": values(4, 3), "arg1": values(4)})


def test_sizes_without_names_are_equal_where_the_program_needs_it() -> None:
    model = oxide.load(MODULES / "unnamed_sizes.mlir")
    with pytest.raises(OxideError, match="arg0_dim0"):
        run(model, values(3, 2), values(4, 2))


def test_what_is_written_into_an_argument_is_a_further_output() -> None:
    model = oxide.load(MODULES / "mutation.mlir")
    counter, x = values(2), values(2) + 1
    found = run(model, counter, x)
    np.testing.assert_array_equal(found["output"], counter)
    np.testing.assert_array_equal(found["arg0"], counter + x)
    assert 'oxide.updates = "arg0"' in str(model.module)


# ------------------------------------------------------------------------------------------------- refusals

VECTOR = "!torch.vtensor<[2],f32>"


def function(body: str, result: str = VECTOR, argument: str = VECTOR) -> bytes:
    return f"func.func @main(%x: {argument}) -> {result} {{\n{body}\n}}".encode()


def test_all_that_cannot_be_imported_is_listed_with_its_lines() -> None:
    """An operator PyTorch does not have, one that Oxide has no lowering for, and one given the wrong shape."""
    body = f"""
      %0 = torch.operator "torch.mylib.scale"(%x) : ({VECTOR}) -> {VECTOR}
      %1 = torch.operator "torch.onnx.Relu"(%0) : ({VECTOR}) -> {VECTOR}
      %2 = torch.aten.mm %1, %x : {VECTOR}, {VECTOR} -> {VECTOR}
      %3 = torch.aten.relu %2 : {VECTOR} -> !torch.vtensor<[3],f32>
      return %3 : !torch.vtensor<[3],f32>"""
    with pytest.raises(OxideError, match="4 nodes of 4 operators") as caught:
        oxide.load(function(body, "!torch.vtensor<[3],f32>"))
    text = str(caught.value)
    for message in (
        "mylib.scale: this operation is no",
        "import the ONNX model itself",
        "torch.aten.mm: PyTorch refuses",
    ):
        assert message in text
    assert "the module says its result is !torch.vtensor<[3],f32>" in text
    assert "<bytes>:3" in text


REFUSED = {
    "quantised tensors": (
        function("return %x : !torch.vtensor<[2],!torch.qint8>", *["!torch.vtensor<[2],!torch.qint8>"] * 2),
        "qint8",
    ),
    "inputs of unknown rank": (
        function("return %x : !torch.vtensor", *["!torch.vtensor"] * 2),
        "no shape or no dtype",
    ),
    "strings": (function("return %x : !torch.str", *["!torch.str"] * 2), "input of type !torch.str"),
    "recursion": (
        function(f"%0 = func.call @main(%x) : ({VECTOR}) -> {VECTOR}\nreturn %0 : {VECTOR}"),
        "@main calls itself",
    ),
    "object graphs": (b'torch.class_type @c { torch.attr private "w" : !torch.float }', "torch.class_type"),
    "several functions": (
        b"func.func @a(%x: !torch.int) -> !torch.int { return %x : !torch.int }\n"
        b"func.func @b(%x: !torch.int) -> !torch.int { return %x : !torch.int }",
        r"which function is the model\? .*'a', 'b'",
    ),
    "other dialects": (
        function(f"%0 = arith.constant 1 : i64\nreturn %x : {VECTOR}"),
        "arith.constant: operations of this dialect",
    ),
    "resources that are missing": (
        function(
            f"%0 = torch.vtensor.literal(dense_resource<gone> : tensor<2xf32>) : {VECTOR}\nreturn %0 : {VECTOR}"
        ),
        "the resource gone is not in the module",
    ),
    "text that is not MLIR": (b"func.func @main(%x: !torch.vtensor<[2],f32>", "not a valid module of the torch"),
    "deep nesting": (b"func.func @f(%x: " + b"!torch.list<" * 5000 + b"int" + b">" * 5000 + b")", "nested 5000"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_by_name(what: str) -> None:
    data, message = REFUSED[what]
    with pytest.raises(OxideError, match=message):
        oxide.load(data)


def test_weights_beside_a_module_are_refused() -> None:
    with pytest.raises(OxideError, match="has its weights in itself"):
        oxide.load(MODULES / "calls.mlir", weights=Path("w.safetensors"))


def test_without_torch_mlir_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    with pytest.raises(OxideError, match=r"pip install 'oxide-mlir\[torch-mlir\]'"):
        oxide.load(MODULES / "calls.mlir")


def test_other_mlir_is_not_taken_for_the_dialect() -> None:
    text = b'func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> } loc("!torch.int")'
    assert not reader.is_torch_dialect(text)
    assert not reader.is_torch_dialect(b"// !torch.vtensor\n" + text)
    assert reader.is_torch_dialect((MODULES / "calls.mlir").read_bytes())


def test_numbers_of_dtypes_are_pytorchs() -> None:
    to_number = torch.ops.prim.dtype.default
    for dtype in (torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.complex64, torch.float8_e5m2):
        assert dtype_of_code(to_number(torch.empty(0, dtype=dtype))) == dtype
