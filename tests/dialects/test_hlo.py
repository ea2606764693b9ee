"""The builders compute what numpy and torch compute, as the reference interpreter runs them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from conformance.xla import Program
from hypothesis import given
from hypothesis import strategies as st
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects import hlo
from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import OxideError

CONTEXT = make_context()


def build(body: Callable, arrays: list[np.ndarray]) -> ir.Module:
    """A module whose @main applies `body` to arguments of the arrays' types."""
    with CONTEXT, ir.Location.unknown():
        module = ir.Module.create()

        def results(*values: ir.Value) -> list[ir.Value]:
            result = body(*values)
            return [result] if isinstance(result, ir.Value) else list(result)

        hlo.function(module, "main", [hlo.make_type(a.shape, a.dtype) for a in arrays], results)
        module.body.operations[0].attributes["sym_visibility"] = ir.StringAttr.get("public")
        module.operation.verify()
        return module


def run(body: Callable, *arrays: np.ndarray) -> list[np.ndarray]:
    return evaluate(build(body, list(arrays)), arrays)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def check(body: Callable, expected: np.ndarray, *arrays: np.ndarray, rtol: float = 1e-5) -> None:
    (result,) = run(body, *arrays)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=1e-6)


# ------------------------------------------------------------------------------------------- broadcasting

dims = st.lists(st.integers(1, 3), max_size=4)


@given(dims, st.data())
def test_binary_operations_broadcast_as_numpy_does(shape: list[int], data: st.DataObject) -> None:
    shapes = []
    for _ in range(2):
        kept = shape[data.draw(st.integers(0, len(shape))) :]
        shapes.append([data.draw(st.sampled_from([1, d])) for d in kept])
    x, y = (np.arange(np.prod(s, dtype=int), dtype=np.int32).reshape(s) for s in shapes)
    check(lambda a, b: hlo.subtract(a, b), x - y, x, y)


def test_scalars_take_the_dtype_of_the_value() -> None:
    x = np.array([1, 250], np.uint8)
    check(lambda a: hlo.add(a, 10), x + np.uint8(10), x)
    check(lambda a: hlo.subtract(10, a), np.uint8(10) - x, x)
    check(lambda a: hlo.maximum(hlo.negate(a), -1), np.maximum(-normal(3), np.float32(-1)), normal(3))


def test_operands_must_agree() -> None:
    with pytest.raises(OxideError, match="element types"):
        build(hlo.add, [np.zeros(2, np.float32), np.zeros(2, np.int32)])
    with pytest.raises(OxideError, match="do not broadcast"):
        build(hlo.add, [np.zeros(2, np.float32), np.zeros(3, np.float32)])


def test_select_broadcasts_all_three() -> None:
    p, x, y = normal(2, 1) > 0, normal(1, 3), normal(3)
    check(hlo.select, np.where(p, x, y), p, x, y)
    check(lambda p, x: hlo.select(p, x, 0), np.where(p, x, np.float32(0)), p, x)


# ------------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("body", "oracle"),
    [
        (lambda x: hlo.transpose(x, [2, 0, 1]), lambda x: x.transpose(2, 0, 1)),
        (lambda x: hlo.swap_axes(x, 0, -1), lambda x: x.swapaxes(0, 2)),
        (lambda x: hlo.move_axis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
        (lambda x: hlo.expand_dims(x, [0, -1]), lambda x: x[None, ..., None]),
        (lambda x: hlo.slice(x, [0, 1, 0], [2, 3, 4], [1, 1, 3]), lambda x: x[:, 1:3, ::3]),
        (lambda x: hlo.concatenate(hlo.split(x, 2, [1, 3])[::-1], 2), lambda x: np.roll(x, -1, 2)),
        (lambda x: hlo.stack([x, x], 1), lambda x: np.stack([x, x], 1)),
        (
            lambda x: hlo.pad(x, 2.0, [0, 1, 0], [1, 0, 0]),
            lambda x: np.pad(x, [(0, 1), (1, 0), (0, 0)], constant_values=2),
        ),
        (lambda x: hlo.pad(x, 0, [0, -1, 0], [0, 0, -2]), lambda x: x[:, 1:, :2]),
        (lambda x: hlo.reverse(x, [1, 2]), lambda x: x[:, ::-1, ::-1]),
        (lambda x: hlo.tile(x, [2, 1, 3]), lambda x: np.tile(x, (2, 1, 3))),
        (
            lambda x: hlo.broadcast_to(hlo.slice_axis(x, 1, 0, 1), [5, 2, 3, 4]),
            lambda x: np.broadcast_to(x[:, :1], (5, 2, 3, 4)),
        ),
    ],
)
def test_shape_operations(body: Callable, oracle: Callable) -> None:
    x = normal(2, 3, 4)
    check(body, oracle(x), x)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda x: hlo.reshape(x, [5]), "cannot reshape"),
        (lambda x: hlo.squeeze(x, [0]), "not of size 1"),
        (lambda x: hlo.transpose(x, [0, 0, 1]), "repeated axis"),
        (lambda x: hlo.slice_axis(x, 0, 0, 3), "out of range"),
        (lambda x: hlo.split(x, 1, [1, 1]), "do not add up"),
        (lambda x: hlo.concatenate([x, hlo.slice_axis(x, 0, 0, 1)], 1), "cannot concatenate"),
        (lambda x: hlo.reduce_sum(x, [3]), "out of range"),
        (lambda x: hlo.full([1 << 20, 1 << 20], 0, "float32"), "over the limit"),
        (lambda x: hlo.top_k(x, 5, 2), "top_k of 5"),
        (lambda x: hlo.argmax(hlo.slice_axis(x, 0, 0, 0), 0), "empty axis"),
        (lambda x: hlo.convolution(x, x, strides=[1], padding=[(0, 0)], groups=2), "in 2 groups"),
        (lambda x: hlo.dot_general(x, x, contract=([0], [1])), "contracted dimensions differ"),
    ],
)
def test_impossible_requests_are_refused(body: Callable, message: str) -> None:
    with pytest.raises(OxideError) as error:
        build(body, [normal(2, 3, 4)])
    assert message in str(error.value)


# -------------------------------------------------------------------------------------------- contractions


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((3,), (5, 3, 4)),
        ((5, 1, 2, 3), (6, 3, 4)),
    ],
)
def test_matmul_is_numpys(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    a, b = normal(*x), normal(*y)
    check(hlo.matmul, np.asarray(a @ b), a, b)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 2)])
def test_convolution_is_torchs(groups: int, stride: int, padding: int, dilation: int) -> None:
    x, w = normal(2, 4, 9, 8), normal(6, 4 // groups, 3, 2)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x), torch.from_numpy(w), None, stride, padding, dilation, groups
    )

    def body(x: ir.Value, w: ir.Value) -> ir.Value:
        return hlo.convolution(
            x,
            w,
            strides=[stride] * 2,
            padding=[(padding, padding)] * 2,
            kernel_dilation=[dilation] * 2,
            groups=groups,
        )

    check(body, expected.numpy(), x, w, rtol=1e-4)


# ---------------------------------------------------------------------------------------------- reductions


@pytest.mark.parametrize("axes", [None, [0], [2, 0], []])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("kind", ["add", "multiply", "max", "min"])
def test_reductions(kind: str, keepdims: bool, axes: list[int] | None) -> None:
    x = normal(2, 3, 4)
    numpy = {"add": np.sum, "multiply": np.prod, "max": np.max, "min": np.min}[kind]
    expected = numpy(x, axis=None if axes is None else tuple(axes), keepdims=keepdims)
    check(lambda v: hlo.reduce(v, kind, axes, keepdims=keepdims), np.asarray(expected), x)


def test_empty_reductions_give_the_identity() -> None:
    x = np.zeros((0, 2), np.float32)
    check(lambda v: hlo.reduce_max(v, [0]), np.full(2, -np.inf, np.float32), x)
    check(lambda v: hlo.reduce_min(v, [0]), np.full(2, 127, np.int8), x.astype(np.int8))
    check(lambda v: hlo.reduce_prod(v, [0]), np.ones(2, np.float32), x)


@pytest.mark.parametrize("last", [False, True])
def test_arg_extremes_with_ties(last: bool) -> None:
    x = np.random.default_rng(0).integers(0, 3, (4, 7)).astype(np.int32)
    for build_arg, numpy in ((hlo.argmax, np.argmax), (hlo.argmin, np.argmin)):
        expected = 6 - numpy(x[:, ::-1], 1) if last else numpy(x, 1)
        check(lambda v, f=build_arg: f(v, 1, last=last), expected, x)


def test_argmax_finds_the_first_nan_as_numpy_does() -> None:
    x = np.array([[1, np.nan, 3, np.nan], [np.inf, 0, 1, np.inf], [-np.inf] * 4], np.float32)
    check(lambda v: hlo.argmax(v, 1), x.argmax(1), x)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumulative_sum(exclusive: bool, reverse: bool) -> None:
    x = normal(3, 5)
    ordered = x[:, ::-1] if reverse else x
    total = ordered.cumsum(1, dtype=np.float32) - (ordered if exclusive else 0)
    expected = total[:, ::-1] if reverse else total
    check(lambda v: hlo.cumulative(v, "add", 1, exclusive=exclusive, reverse=reverse), expected, x, rtol=1e-4)


def test_max_window_with_index_is_torchs() -> None:
    x = np.round(normal(1, 2, 6, 7))
    x[0, 0, :4, 2:] = x[0, 1, 1::3, 1::2] = np.nan
    expected, index = torch.nn.functional.max_pool2d(torch.from_numpy(x), 3, 2, 1, return_indices=True)

    def body(v: ir.Value) -> list[ir.Value]:
        plane = hlo.reshape(hlo.iota([42], 0, "int64"), [1, 1, 6, 7])
        return hlo.max_window_with_index(
            v,
            hlo.broadcast_to(plane, hlo.shape(v)),
            [1, 1, 3, 3],
            strides=[1, 1, 2, 2],
            padding=[(0, 0), (0, 0), (1, 1), (1, 1)],
            window_dilation=[1, 1, 1, 1],
        )

    values, indices = run(body, x)
    np.testing.assert_array_equal(values, expected.numpy())
    np.testing.assert_array_equal(indices, index.numpy())


# ------------------------------------------------------------------------------------------------ indexing


def test_gathers() -> None:
    x, index = normal(3, 4, 5), np.array([[0, 2], [1, 1]])
    check(lambda x, i: hlo.take(x, i, 1), x.take(index, 1), x, index)
    check(lambda x, i: hlo.gather_nd(x, i), x[index[:, 0], index[:, 1]], x, index)
    rows = np.array([[[3], [0]], [[1], [1]], [[2], [2]]])
    check(lambda x, i: hlo.gather_nd(x, i, 1), x[np.arange(3)[:, None], rows[..., 0]], x, rows)
    along = np.random.default_rng(0).integers(0, 4, (3, 2, 5))
    check(lambda x, i: hlo.take_along_axis(x, i, 1), np.take_along_axis(x, along, 1), x, along)


def test_gather_along_a_shorter_index_is_torchs() -> None:
    x, index = normal(3, 4), np.array([[3, 0], [1, 1]])
    expected = torch.gather(torch.from_numpy(x), 0, torch.from_numpy(index % 3)).numpy()
    check(lambda x, i: hlo.take_along_axis(x, i, 0), expected, x, index % 3)


@pytest.mark.parametrize("kind", ["set", "add", "multiply", "max", "min"])
def test_scatters_are_torchs(kind: str) -> None:
    x, updates = normal(3, 5), normal(2, 5)
    index = np.array([[0, 1, 2, 0, 0], [1, 2, 0, 1, 2]])
    names = {"add": "sum", "multiply": "prod", "max": "amax", "min": "amin"}
    target, where, source = map(torch.from_numpy, (x.copy(), index, updates))
    if kind == "set":
        expected = target.scatter(0, where, source)
    else:
        expected = target.scatter_reduce(0, where, source, names[kind])
    check(lambda x, i, u: hlo.scatter_along_axis(x, i, u, 0, kind), expected.numpy(), x, index, updates)


def test_dynamic_slices_clamp() -> None:
    x, start = normal(4, 5), np.array(3)
    check(lambda x, s: hlo.dynamic_slice(x, [s, 1], [2, 3]), x[2:4, 1:4], x, start)
    expected = x.copy()
    expected[2:4, 0:2] = 0
    zeros = np.zeros((2, 2), np.float32)
    check(lambda x, u, s: hlo.dynamic_update_slice(x, u, [s, 0]), expected, x, zeros, start)


# ------------------------------------------------------------------------------------------------- regions


def test_sorting_orders_nan_last_and_keeps_ties_in_place() -> None:
    x = np.array([3, np.nan, -0.0, 0.0, -np.inf, 3], np.float32)
    # On XLA: the interpreter does not know the total order that comparators of floats use.
    module = build(lambda v: hlo.sort([v, hlo.iota([6], 0, "int64")], 0), [x])
    values, order = Program(module)([x])
    np.testing.assert_array_equal(values, np.sort(x))
    np.testing.assert_array_equal(order, [4, 2, 3, 0, 5, 1])


@pytest.mark.parametrize("largest", [False, True])
def test_top_k_is_torchs(largest: bool) -> None:
    x = np.random.default_rng(0).permutation(24).reshape(2, 12).astype(np.float32)
    expected = torch.topk(torch.from_numpy(x), 4, 1, largest)
    # On XLA: the interpreter does not know chlo.
    values, indices = Program(build(lambda v: hlo.top_k(v, 4, 1, largest=largest), [x]))([x])
    np.testing.assert_array_equal(values, expected.values.numpy())
    np.testing.assert_array_equal(indices, expected.indices.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
@pytest.mark.parametrize("largest", [False, True])
def test_top_k_orders_as_sort_does(dtype: type, largest: bool) -> None:
    """NaN of either sign is the largest, and ties, with zeros of both signs among them, keep their order."""
    x = np.array([[3, 0, 7, 0, 3, 0, 250, 0]], np.float64).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        x[0, [2, 5]], x[0, 3], x[0, 6] = [np.nan, -np.nan], -0.0, np.inf

    def both(v: ir.Value) -> list[ir.Value]:
        column = hlo.reshape(v, [8, 1])
        ordered = hlo.sort([column, hlo.iota([8, 1], 0, "int64")], 0, descending=largest)
        return [*hlo.top_k(column, 8, 0, largest=largest), *ordered]

    values, indices, sorted_values, positions = Program(build(both, [x]))([x])
    np.testing.assert_array_equal(indices, positions)
    np.testing.assert_array_equal(values, sorted_values)
    np.testing.assert_array_equal(np.signbit(values), np.signbit(sorted_values))


def test_control_flow() -> None:
    def body(p: ir.Value, n: ir.Value, x: ir.Value) -> list[ir.Value]:
        (chosen,) = hlo.if_(p, lambda: [hlo.add(x, 1)], lambda: [x])
        (switched,) = hlo.case(n, [lambda: [x], lambda: [hlo.negate(x)], lambda: [chosen]])
        looped = hlo.while_(
            lambda i, v: hlo.less(i, n), lambda i, v: [hlo.add(i, 1), hlo.add(v, v)], [hlo.constant(0, "int32"), x]
        )
        return [chosen, switched, looped[1]]

    x = normal(3)
    results = run(body, np.array(True), np.array(2, np.int32), x)
    np.testing.assert_array_equal(results, [x + 1, x + 1, x * 4])


def test_branches_and_loops_must_keep_their_types() -> None:
    def column(x: ir.Value) -> list[ir.Value]:
        return [hlo.reshape(x, [3, 1])]

    def always(*_: ir.Value) -> ir.Value:
        return hlo.constant(True, "bool")

    with pytest.raises(OxideError, match="branch 1 returns"):
        build(lambda x: hlo.if_(always(), lambda: [x], lambda: column(x)), [normal(3)])
    with pytest.raises(OxideError, match="changes its state"):
        build(lambda x: hlo.while_(always, column, [x]), [normal(3)])


# ------------------------------------------------------------------------------------------------- folding


def test_shape_arithmetic_ends_as_one_constant() -> None:
    def body() -> ir.Value:
        shape = hlo.constant(np.array([2, 3, 4]))
        product = hlo.multiply(hlo.take(shape, hlo.constant(np.array([0, 2])), 0), 2)
        total = hlo.reduce_sum(product, [0], keepdims=True)
        result = hlo.concatenate([product, total, hlo.select(hlo.less(total, 5), total, -1)], 0)
        assert hlo.constant_value(result) is not None
        return result

    check(body, np.array([4, 8, 12, -1]))


def test_large_values_are_not_folded_unless_they_are_splats() -> None:
    def body() -> list[ir.Value]:
        splat = hlo.add(hlo.full([100, 100], 1.5, "float32"), hlo.full([100, 100], 1.5, "float32"))
        counted = hlo.add(hlo.iota([100, 100], 0, "float32"), 1)
        assert hlo.constant_value(splat) is not None
        assert hlo.constant_value(counted) is None
        return [splat, counted]

    splat, counted = run(body)
    assert (splat == 3).all()
    assert counted[99, 0] == 100


@pytest.mark.parametrize(
    ("build_bits", "expected"),
    [
        (lambda x: hlo.shift_left(x, x), 7 << 7),
        (lambda x: hlo.shift_right_arithmetic(x, hlo.constant(np.int32(1))), 3),
        (lambda x: hlo.shift_right_logical(x, hlo.constant(np.int32(1))), 3),
        (hlo.clz, 29),
        (hlo.popcnt, 3),
    ],
)
def test_bits_of_a_scalar_fold_to_a_scalar(build_bits: Callable, expected: int) -> None:
    def body() -> ir.Value:
        result = build_bits(hlo.constant(np.int32(7)))
        assert hlo.constant_value(result) is not None
        return result

    check(body, np.array(expected, np.int32))
