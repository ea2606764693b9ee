"""Builders on values with open sizes: built once, they compute what numpy does at every size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from jaxlib.mlir import ir

from oxide import Model, OxideError
from oxide.dialects import composites, dims, hlo
from oxide.dialects.context import make_context
from oxide.dialects.dims import Dim, symbol

n, m = symbol("n"), symbol("m")


def build(shapes: Sequence[Sequence[dims.Size]], body: Callable[..., ir.Value], dtype="float32") -> Model:
    """The model of `body`, a function of inputs of these shapes."""
    with make_context(), ir.Location.name("test"):
        module = ir.Module.create()
        attributes = {
            "sym_name": ir.StringAttr.get("main"),
            "sym_visibility": ir.StringAttr.get("public"),
            "function_type": ir.TypeAttr.get(ir.FunctionType.get([], [])),
        }
        with ir.InsertionPoint(module.body):
            function = hlo.create("func.func", [], [], attributes, regions=1)
        types = [hlo.make_type(shape, dtype) for shape in shapes]
        block = function.regions[0].blocks.append(*types, arg_locs=[ir.Location.current] * len(types))
        with ir.InsertionPoint(block), composites.library(module) as library:
            result = body(*block.arguments)
            hlo.create("func.return", [result], [])
        signature = ir.FunctionType.get(types, [result.type])
        function.attributes["function_type"] = ir.TypeAttr.get(signature)
        hlo.resolve_sizes(module, library.constraints)
        module.operation.verify()
    return Model(module, {})


def check(shapes, body, oracle, *sizes: dict[str, int], dtype="float32") -> Model:
    """What `body` builds is what `oracle` computes on numpy arrays, at each of the sizes."""
    model = build(shapes, body, dtype)
    executable = model.compile(cache=False)
    rng = np.random.default_rng(0)
    for values in sizes:
        actual = [tuple(dims.rename(d, values) for d in shape) for shape in shapes]
        arrays = [rng.integers(-9, 9, shape).astype(dtype) for shape in actual]
        have, want = np.asarray(executable(*arrays)), oracle(*arrays)
        assert have.shape == want.shape
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5)
    return model


def windows(x: np.ndarray, size: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, size, 0)


# name, shapes, what is built, what numpy does
CASES = {
    "full": ([[n, 2]], lambda x: hlo.add(x, hlo.full([n, 2], 3, "float32")), lambda x: x + 3),
    "a size as data": ([[n, 2]], lambda x: hlo.add(x, 2 * n + 1), lambda x: x + 2 * len(x) + 1),
    "iota": ([[n, m]], lambda x: hlo.add(x, hlo.iota([n, m], 1, "float32")), lambda x: x + np.arange(x.shape[1])),
    "reshape": ([[n, 2 * m]], lambda x: hlo.reshape(x, [n * m, 2]), lambda x: x.reshape(-1, 2)),
    "flatten": ([[n, m]], lambda x: hlo.reshape(x, [n * m]), lambda x: x.reshape(-1)),
    "broadcast": ([[m], [n, 1]], hlo.add, lambda x, y: x + y),
    "transpose": ([[n, m]], lambda x: hlo.transpose(x, [1, 0]), np.transpose),
    "squeeze": ([[n, 1]], lambda x: hlo.squeeze(x, [1]), lambda x: x[:, 0]),
    "concatenate": ([[n, 2], [m, 2]], lambda x, y: hlo.concatenate([x, y], 0), lambda x, y: np.concatenate([x, y])),
    "slice": ([[n + 2, m]], lambda x: hlo.slice_axis(x, 0, 1, n + 1), lambda x: x[1:-1]),
    "strided slice": ([[n, m]], lambda x: hlo.slice_axis(x, 0, 0, n, 2), lambda x: x[::2]),
    "pad": ([[n, m]], lambda x: hlo.pad(x, 0, [m, 0], [0, 1]), lambda x: np.pad(x, ((x.shape[1], 0), (0, 1)))),
    "tile": ([[n, m]], lambda x: hlo.tile(x, [2, n]), lambda x: np.tile(x, (2, len(x)))),
    "mean": ([[n, m]], lambda x: hlo.reduce_mean(x, [0]), lambda x: x.mean(0)),
    "argmax": (
        [[n, m]],
        lambda x: hlo.convert(hlo.argmax(x, 1), "float32"),
        lambda x: x.argmax(1).astype(np.float32),
    ),
    "take": (
        [[n, m]],
        lambda x: hlo.take(x, hlo.constant(np.array([0, 0])), 0),
        lambda x: x[[0, 0]],
    ),
    "dynamic slice": (
        [[n + 3, m]],
        lambda x: hlo.dynamic_slice(x, [hlo.constant(2, "int64"), hlo.constant(0, "int64")], [n, m]),
        lambda x: x[2:-1],
    ),
    "matmul": ([[n, m], [m, n]], hlo.matmul, np.matmul),
    "window": ([[n + 2]], lambda x: hlo.reduce_window(x, "add", [3]), lambda x: windows(x, 3).sum(-1)),
    "window with open padding": (
        [[n]],
        lambda x: hlo.reduce_window(x, "add", [2], padding=[(n, 0)]),
        lambda x: windows(np.pad(x, (len(x), 0)), 2).sum(-1),
    ),
    "running sum": ([[n, m]], lambda x: hlo.cumulative(x, "add", 0), lambda x: np.cumsum(x, 0)),
    "loop": (
        [[n, m]],
        lambda x: hlo.loop(n, lambda i, s: hlo.Step([hlo.add(s, x)]), [hlo.full_like(x, 0)]).state[0],
        lambda x: x * len(x),
    ),
    "stacked loop": (
        [[n, m]],
        lambda x: hlo.loop(
            n, lambda i: hlo.Step([], [hlo.Element(hlo.multiply(hlo.element_at(x, i), 2))]), []
        ).stacked[0],
        lambda x: 2 * x,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    check(*CASES[name], {"n": 2, "m": 3}, {"n": 5, "m": 1})


@pytest.mark.parametrize(
    "size",
    [(n - 7) // 2, (n - 7) % 3, dims.maximum(n, m), dims.minimum(n, m, 3), n * n * m - 4 * n, -n, n // (m + 1)],
)
def test_arithmetic_on_sizes(size: Dim):
    def oracle(x: np.ndarray) -> np.ndarray:
        return x + dims.rename(size, dict(zip(("n", "m"), x.shape, strict=True)))

    check([[n, m]], lambda x: hlo.add(x, size), oracle, {"n": 2, "m": 3}, {"n": 9, "m": 1}, dtype="int32")


def test_a_composite_has_sizes_of_its_own():
    """Both calls share one function, in which the sizes are called otherwise."""

    def body(x: ir.Value, y: ir.Value) -> ir.Value:
        (a,) = composites.build("softmax", [x], axis=1)
        (b,) = composites.build("softmax", [y], axis=1)
        return hlo.matmul(a, b)

    def softmax(x: np.ndarray) -> np.ndarray:
        powers = np.exp(x - x.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    shapes = [[n, 2 * m], [2 * m, n + 1]]
    sizes = ({"n": 2, "m": 1}, {"n": 1, "m": 4})
    model = check(shapes, body, lambda x, y: softmax(x) @ softmax(y), *sizes)
    assert str(model.module).count("func.func private") == 1


def test_sizes_are_evaluated_while_building():
    """Arithmetic on sizes leaves nothing behind but what the result needs."""

    def body(x: ir.Value) -> ir.Value:
        shape = hlo.sizes(hlo.shape(x))
        twice = hlo.multiply(hlo.slice(shape, [0], [1]), hlo.constant(np.array([2])))
        target = hlo.constant_value(hlo.concatenate([twice, hlo.constant(np.array([3]))], 0))
        assert target is not None
        assert target.tolist() == [2 * n, 3]
        return hlo.reshape(x, target.tolist())

    text = str(build([[n, 6]], body).module)
    assert "oxide.dims" not in text
    assert text.count("stablehlo.multiply") == 1


def test_types_say_sizes_until_they_are_resolved():
    seen = []

    def body(x: ir.Value) -> ir.Value:
        seen.append(str(x.type))
        return hlo.add(x, 1)

    model = build([[n, 2 * m + 1]], body)
    assert seen == ['tensor<?x?xf32, "n, 2*m + 1">']
    assert 'tensor<?x?xf32> {oxide.shape = "n, 2*m + 1"}' in str(model.module)


@pytest.mark.parametrize(
    "body",
    [
        lambda x: hlo.reshape(x, [n * m + 1]),
        lambda x: hlo.broadcast_to(x, [n + 1, m]),
        lambda x: hlo.concatenate([x, hlo.reshape(x, [m, n, 1])], 0),
        lambda x: hlo.slice_axis(x, 0, 0, n + 1),
        lambda x: hlo.matmul(x, hlo.full([m + 1, 2], 0, "float32")),
    ],
)
def test_sizes_that_never_fit_are_refused(body):
    with pytest.raises(OxideError):
        build([[n, m]], body)
