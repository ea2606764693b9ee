"""Calling compiled models: values, kinds of arrays, dtypes JAX would narrow, and errors that name the input."""

from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch

import oxide
from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import OxideError
from oxide.model import Model

SOURCE = b"""
func.func @main(%x: tensor<2x3xf32> {oxide.name = "x.1"}, %n: tensor<2xi64>,
                %w: tensor<3x3xf32> {oxide.param = "w"})
    -> (tensor<2x3xf32> {oxide.name = "y"}, tensor<2xi64>) {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
      : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %1 = stablehlo.composite "my.gelu" %0 {decomposition = @f} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = stablehlo.multiply %n, %n : tensor<2xi64>
  return %1, %2 : tensor<2x3xf32>, tensor<2xi64>
}
func.func private @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = chlo.erf %x : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}"""
RNG = np.random.default_rng(0)
W = RNG.standard_normal((3, 3)).astype(np.float32)
X = RNG.standard_normal((2, 3)).astype(np.float32)
N = np.array([1 << 31, -5])


def expected(x: np.ndarray = X) -> np.ndarray:
    return torch.erf(torch.from_numpy(x @ W)).numpy()


@pytest.fixture(scope="module")
def executable() -> oxide.Executable:
    model = oxide.load(SOURCE)
    model.parameters = {"w": W}
    return model.compile(cache=False)


def elementwise(body: str, element: str, shape: str = "4x") -> Model:
    tensor = f"tensor<{shape}{element}>"
    return oxide.load(
        f"func.func @main(%x: {tensor}) -> {tensor} {{ %0 = {body} : {tensor}\n return %0 : {tensor} }}".encode()
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run(X, N),
        lambda run: run(X, arg1=N),
        lambda run: run(**{"arg1": N, "x.1": X}),
        lambda run: tuple(run.run({"arg1": N, "x.1": X}).values()),
    ],
    ids=["position", "mixed", "name", "dict"],
)
def test_ways_to_call(executable: oxide.Executable, call: Any) -> None:
    y, squares = call(executable)
    np.testing.assert_allclose(y, expected(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(squares, [1 << 62, 25])
    assert squares.dtype == np.int64


def test_results_by_name(executable: oxide.Executable) -> None:
    assert list(executable.run({"arg1": N, "x.1": X})) == ["y", "result1"]
    assert executable.platform == "cpu"


@pytest.mark.parametrize(
    "convert",
    [jnp.asarray, torch.from_numpy, lambda x: x.tolist, lambda x: np.asfortranarray(x), lambda x: x[::-1][::-1]],
    ids=["jax", "torch", "not an array", "fortran", "negative strides"],
)
def test_kinds_of_arrays(executable: oxide.Executable, convert: Any) -> None:
    value = convert(X)
    if callable(value):
        with pytest.raises(OxideError, match=r"input 'x\.1': a builtin_function_or_method is no array"):
            executable(value, N)
        return
    np.testing.assert_allclose(executable(value, N)[0], expected(), rtol=1e-5, atol=1e-6)


def test_inputs_may_be_reused_at_once(executable: oxide.Executable) -> None:
    x = X.copy()
    y, _ = executable(x, N)
    x[:] = np.nan
    np.testing.assert_allclose(y, expected(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((X,), {}, "input missing: arg1: 2xi64"),
        ((X, N, N), {}, r"3 arguments for 2 inputs \(x\.1: 2x3xf32, arg1: 2xi64\)"),
        ((X, N), {"arg1": N}, "input 'arg1' is given twice"),
        ((X,), {"n": N}, "no input is called 'n'"),
        ((X, N), {"w": W}, "no input is called 'w'"),
        ((X.astype(np.float64), N), {}, r"input 'x\.1' has dtype f64, the model takes f32; .*astype\(float32\)"),
        ((jnp.asarray(X, jnp.bfloat16), N), {}, r"input 'x\.1' has dtype bf16"),
        ((X, N.astype(np.int32)), {}, "input 'arg1' has dtype i32, the model takes i64"),
        ((X[:1], N), {}, r"input 'x\.1' has shape 1x3, the model takes 2x3"),
        ((X[0], N), {}, r"input 'x\.1' has shape 3, the model takes 2x3"),
        ((X, np.int64(3)), {}, "input 'arg1' has shape scalar, the model takes 2"),
        ((X, "text"), {}, "input 'arg1': a str is no array"),
        ((X, [[1], [1, 2]]), {}, "input 'arg1': a list is no array"),
        ((X, None), {}, "input 'arg1'"),
    ],
)
def test_wrong_arguments_are_named(
    executable: oxide.Executable, arguments: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    with pytest.raises(OxideError, match=message):
        executable(*arguments, **named)


def test_tracers_are_refused(executable: oxide.Executable) -> None:
    with pytest.raises(OxideError, match=r"input 'x\.1' is a JAX tracer"):
        jax.jit(lambda x: executable(x, N))(X)


@pytest.mark.parametrize(
    ("element", "values"),
    [
        ("i64", np.array([1 << 40, -(1 << 40), 0, 7])),
        ("ui64", np.array([1 << 63, 1, 0, 7], np.uint64)),
        ("f64", np.array([1 + 2**-40, -0.0, np.inf, 3])),
        ("complex<f64>", np.array([1 + 2**-40 * 1j, 0, 1j, 2])),
        ("complex<f32>", np.array([1 + 1j, 0, 1j, 2], np.complex64)),
        ("i1", np.array([True, False, True, True])),
        ("i4", np.array([-8, 7, 0, 1], ml_dtypes.int4)),
        ("ui4", np.array([15, 7, 0, 1], ml_dtypes.uint4)),
        ("bf16", np.array([1.5, -2, 0, 3], ml_dtypes.bfloat16)),
        ("f8E4M3FN", np.array([1.5, -2, 0, 3], ml_dtypes.float8_e4m3fn)),
        ("f8E5M2", np.array([1.5, -2, 0, 3], ml_dtypes.float8_e5m2)),
    ],
)
def test_every_dtype_goes_through_unchanged(element: str, values: np.ndarray) -> None:
    executable = elementwise("stablehlo.optimization_barrier %x", element).compile(cache=False)
    result = executable(values)
    assert isinstance(result, jax.Array)
    assert result.dtype == values.dtype
    assert np.asarray(result).tobytes() == values.tobytes()


def test_parameters_are_moved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from oxide.backends.pjrt.client import Device

    moved: list[tuple[int, ...]] = []
    put = Device.put

    def counted(self: Device, array: Any, dtype: np.dtype, shape: tuple[int, ...], **keywords: Any) -> Any:
        moved.append(shape)
        return put(self, array, dtype, shape, **keywords)

    monkeypatch.setattr(Device, "put", counted)
    model = oxide.load(SOURCE)
    model.parameters = {"w": W}
    executable = model.compile(cache=False)
    for _ in range(3):
        executable(X, N)
    assert moved.count((3, 3)) == 1


def test_changing_a_weight_later_changes_nothing() -> None:
    model = oxide.load(SOURCE)
    weight = W.copy()
    model.parameters = {"w": weight}
    executable = model.compile(cache=False)
    weight[:] = 0
    np.testing.assert_allclose(executable(X, N)[0], expected(), rtol=1e-5, atol=1e-6)


def test_reports(executable: oxide.Executable) -> None:
    assert "ENTRY" in executable.hlo()
    assert executable.cost_analysis()["flops"] >= 2 * 2 * 3 * 3
    memory = executable.memory_analysis()
    assert memory["argument_size_in_bytes"] == X.nbytes + N.nbytes + W.nbytes


def test_locations_reach_the_optimised_hlo() -> None:
    model = oxide.load(
        b"func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {"
        b'  %0 = stablehlo.tanh %x : tensor<4xf32> loc("f.py":7:3)\n'
        b" return %0 : tensor<4xf32> }"
    )
    assert 'source_file="f.py" source_line=7' in model.compile(cache=False).hlo()


def test_missing_weights_are_refused() -> None:
    with pytest.raises(OxideError, match="weight w: 3x3xf32 has no value"):
        oxide.load(SOURCE).compile()


def test_what_xla_cannot_compile_is_refused() -> None:
    model = oxide.load(
        b"func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {"
        b"  %0 = stablehlo.custom_call @nobody(%x) : (tensor<2xf32>) -> tensor<2xf32>\n return %0 : tensor<2xf32> }"
    )
    with pytest.raises(OxideError, match=r"XLA cannot compile the module for cpu: .*nobody"):
        model.compile(cache=False)


@pytest.fixture(scope="module")
def dynamic() -> Model:
    (batch,) = jax.export.symbolic_shape("b")

    def double(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.concatenate([jnp.tanh(x), y]).reshape(-1) * x.shape[0]

    shape = jax.ShapeDtypeStruct((batch, 2), jnp.float32)
    return oxide.import_jax(double, shape, shape)


def test_running_out_of_memory_is_reported() -> None:
    executable = oxide.load(
        b"func.func @main() -> tensor<1099511627776xf32> {"
        b"  %0 = stablehlo.constant dense<0.0> : tensor<1099511627776xf32>\n"
        b"  return %0 : tensor<1099511627776xf32> }"
    ).compile(cache=False)
    with pytest.raises(OxideError, match="cannot run the model: RESOURCE_EXHAUSTED"):
        executable()


class TestDynamicShapes:
    """A model with open dimensions is compiled for the shapes it is called with."""

    def test_values_follow_the_shapes(self, dynamic: Model) -> None:
        executable = dynamic.compile(cache=False)
        for size in (1, 3, 1, 4):
            x = RNG.standard_normal((size, 2)).astype(np.float32)
            wanted = np.concatenate([np.tanh(x), x]).reshape(-1) * size
            np.testing.assert_allclose(executable(x, x), wanted, rtol=1e-5)

    def test_each_shape_is_compiled_once(self, dynamic: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        from oxide.backends.pjrt.client import Device

        programs: list[bytes] = []
        compile = Device.compile
        monkeypatch.setattr(Device, "compile", lambda s, p, o: (programs.append(p), compile(s, p, o))[1])
        executable = dynamic.compile(cache=False)
        for size in (2, 3, 2, 3):
            executable(*[np.ones((size, 2), np.float32)] * 2)
        assert len(programs) == 2

    def test_shapes_that_do_not_fit_together(self, dynamic: Model) -> None:
        executable = dynamic.compile(cache=False)
        with pytest.raises(OxideError, match="input 'y': dimension 0 is b, which is 3"):
            executable(np.ones((3, 2), np.float32), np.ones((2, 2), np.float32))
        with pytest.raises(OxideError, match=r"input 'x' has shape 3x3, the model takes b x 2"):
            executable(np.ones((3, 3), np.float32), np.ones((2, 2), np.float32))

    def test_reports_need_a_call(self, dynamic: Model) -> None:
        executable = dynamic.compile(cache=False)
        with pytest.raises(OxideError, match="call it first"):
            executable.hlo()
        executable(*[np.ones((2, 2), np.float32)] * 2)
        assert "ENTRY" in executable.hlo()

    def test_sizes_that_depend_on_values_are_refused(self) -> None:
        model = oxide.load(
            b"func.func @main(%x: tensor<?xf32>, %n: tensor<1xi32>) -> tensor<?xf32> {\n"
            b"  %0 = stablehlo.dynamic_reshape %x, %n : (tensor<?xf32>, tensor<1xi32>) -> tensor<?xf32>\n"
            b"  return %0 : tensor<?xf32> }"
        )
        with pytest.raises(OxideError, match="depend on the values of the inputs") as caught:
            model.compile(cache=False)(np.ones(4, np.float32), np.array([4], np.int32))
        assert "stablehlo.dynamic_reshape" in str(caught.value)


def test_contexts_are_independent() -> None:
    """A model from one context compiles after that context's other modules are gone."""
    model = elementwise("stablehlo.tanh %x", "f32")
    make_context()
    np.testing.assert_allclose(model.compile(cache=False)(np.ones(4, np.float32)), np.tanh(np.ones(4)), rtol=1e-6)
