"""Products of patches become the convolution that reads the same elements, however the patches were cut out."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from raise_oracle import FLAT, check, of_jax, raised, run
from torch_exporters import ROUTES, decomposed
from torch_oracle import Function

from oxide.dialects.attributes import integers


def convolutions(module: ir.Module) -> list[ir.Operation]:
    block = module.body.operations[0].regions[0].blocks[0]
    return [op.operation for op in block.operations if op.operation.name == "stablehlo.convolution"]


def check_convolution(module: ir.Module) -> ir.Operation:
    """One convolution, no product, and the values of the interpreter."""
    module = run("canonicalize,dce", check(module, []))
    (convolution,) = convolutions(module)
    assert "dot_general" not in str(module)
    assert "stablehlo.gather" not in str(module)
    return convolution


# ------------------------------------------------------------------------------------------------ PyTorch

IMAGE, KERNEL = (2, 3, 8, 8), (5, 3, 3, 3)
Operator = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], Operator]] = {
    "unfold": (IMAGE, KERNEL, lambda x, w: w.flatten(1) @ F.unfold(x, 3)),
    "unfold with strides and padding": (
        IMAGE,
        KERNEL,
        lambda x, w: (w.flatten(1) @ F.unfold(x, 3, padding=1, stride=2)).view(2, 5, 4, 4),
    ),
    "unfold with dilation": (IMAGE, KERNEL, lambda x, w: F.unfold(x, 3, dilation=2).mT @ w.flatten(1).T),
    "unfold of two by four": (IMAGE, (5, 3, 2, 4), lambda x, w: w.flatten(1) @ F.unfold(x, (2, 4), stride=(2, 3))),
    "linear of patches": (IMAGE, (5, 27), lambda x, w: F.linear(F.unfold(x, 3).mT, w)),
    "Tensor.unfold": (
        IMAGE,
        KERNEL,
        lambda x, w: torch.einsum("ncijkl,ockl->noij", x.unfold(2, 3, 1).unfold(3, 3, 2), w),
    ),
    "one dimension": ((2, 3, 16), (5, 3, 4), lambda x, w: torch.einsum("nclk,ock->nol", x.unfold(2, 4, 2), w)),
    "three dimensions": (
        (1, 2, 6, 6, 5),
        (4, 2, 2, 2, 3),
        lambda x, w: torch.einsum("ncabdijk,ocijk->noabd", x.unfold(2, 2, 2).unfold(3, 2, 2).unfold(4, 3, 1), w),
    ),
    "depthwise": ((2, 3, 16), (3, 4), lambda x, w: torch.einsum("nclk,ck->ncl", x.unfold(2, 4, 1), w)),
    "groups": (
        (2, 6, 16),
        (2, 5, 3, 4),
        lambda x, w: torch.einsum("ngclk,gock->ngol", x.unfold(2, 4, 1).unflatten(1, (2, 3)), w),
    ),
    "as_strided": ((9,), (3, 2), lambda x, w: x.as_strided((4, 3), (2, 1)) @ w),
    "patches of a vision transformer": (
        (2, 3, 8, 8),
        (48, 7),
        lambda x, w: x.view(2, 3, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(2, 4, 48)[:, :3] @ w,
    ),
}  # fmt: skip
# Windows side by side are no more than reshapes and transposes: that is a product as it is.
PRODUCTS = {"patches of a vision transformer"}


@pytest.mark.parametrize("case", [case for case in CASES if case not in PRODUCTS])
def test_pytorch(case: str) -> None:
    x, w, function = CASES[case]
    check_convolution(decomposed(Function(function), (torch.rand(x), torch.rand(w))))


@pytest.mark.parametrize("case", PRODUCTS)
def test_windows_side_by_side_stay_a_product(case: str) -> None:
    x, w, function = CASES[case]
    assert not convolutions(check(decomposed(Function(function), (torch.rand(x), torch.rand(w))), []))


@pytest.mark.parametrize("route", ["torchscript", "dynamo"])
def test_onnx(route: str) -> None:
    _, _, function = CASES["unfold with strides and padding"]
    convolution = check_convolution(ROUTES[route](Function(function), (torch.rand(IMAGE), torch.rand(KERNEL))))
    assert integers(convolution, "window_strides") == [2, 2]
    assert "precision_config" not in convolution.attributes


# ---------------------------------------------------------------------------------------------------- JAX


def jax_patches(x: jax.Array, w: jax.Array) -> jax.Array:
    patches = jax.lax.conv_general_dilated_patches(x, (3, 3), (1, 2), "SAME", rhs_dilation=(1, 2))
    return jnp.einsum("nkhw,ok->nohw", patches, w.reshape(5, 27))


def jax_patches_last(x: jax.Array, w: jax.Array) -> jax.Array:
    last = jax.lax.conv_dimension_numbers(IMAGE, KERNEL, ("NHWC", "OIHW", "NHWC"))
    patches = jax.lax.conv_general_dilated_patches(
        x.transpose(0, 2, 3, 1), (3, 3), (1, 1), "VALID", dimension_numbers=last
    )
    return patches @ w.reshape(5, 27).T


def stacked_slices(x: jax.Array, w: jax.Array) -> jax.Array:
    x = jnp.pad(x.transpose(0, 2, 3, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = [x[:, i : i + 8 : 2, j : j + 8 : 2] for i in range(3) for j in range(3)]
    return jnp.stack(patches, -2).reshape(-1, 27) @ w.transpose(2, 3, 1, 0).reshape(27, 5)


def gathered(x: jax.Array, w: jax.Array) -> jax.Array:
    rows = np.arange(3)[:, None] * 2 + np.arange(3)
    return jnp.einsum("ncahbw,ochw->anob", x[:, :, rows][:, :, :, :, rows], w)


@pytest.mark.parametrize("function", [jax_patches, jax_patches_last, stacked_slices, gathered])
def test_jax(function: Callable) -> None:
    check_convolution(of_jax(function, np.zeros(IMAGE, np.float32), np.zeros(KERNEL, np.float32)))


def windows(x: jax.Array, index: np.ndarray) -> jax.Array:
    """Elements of a vector, 0 where the index is that after the last."""
    return jnp.append(x.reshape(-1), 0)[index]


def columns(length: int, taps: int, step: int = 1) -> np.ndarray:
    return np.arange(0, length - taps + 1, step)[:, None] + np.arange(taps)


def test_other_padding_stays_before_the_convolution() -> None:
    def product(x: jax.Array, w: jax.Array) -> jax.Array:
        return windows(jnp.pad(x, 1, constant_values=1), columns(11, 3)) @ w

    module = run("canonicalize,dce", check(of_jax(product, np.zeros(9, np.float32), np.zeros(3, np.float32)), []))
    assert len(convolutions(module)) == 1
    assert "stablehlo.pad" in str(module)


# -------------------------------------------------------------------------------------------- near misses

MISSES: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "around the end": lambda x, w: windows(x, (np.arange(9)[:, None] + np.arange(3)) % 9) @ w[:3],
    "the other way": lambda x, w: windows(x, columns(9, 3)[:, ::-1]) @ w[:3],
    "from the end": lambda x, w: windows(x, columns(9, 3)[::-1]) @ w[:3],
    "one exchanged": lambda x, w: windows(x, np.array([[0, 1, 2], [1, 2, 3], [2, 4, 3]])) @ w[:3],
    "uneven steps": lambda x, w: windows(x, columns(9, 3)[[0, 1, 3]]) @ w[:3],
    "uneven taps": lambda x, w: windows(x, columns(9, 4)[:, [0, 1, 3]]) @ w[:3],
    "one repeated": lambda x, w: windows(x, columns(9, 3)[[0, 1, 1, 2]]) @ w[:3],
    "reflected": lambda x, w: windows(jnp.pad(x, 1, mode="reflect"), columns(11, 3)) @ w[:3],
    "zero inside": lambda x, w: windows(x, np.array([[0, 1, 2], [1, 2, 9], [2, 3, 4]])) @ w[:3],
    "of two": lambda x, w: jnp.stack([x[:7], w[1:8], x[2:]], 1) @ w[:3],
    "scaled between": lambda x, w: jnp.stack([x[:7], 2 * x[1:8], x[2:]], 1) @ w[:3],
    "nothing but one tap": lambda x, w: windows(x, columns(9, 1, 2)) @ w[:1],
}  # fmt: skip


@pytest.mark.parametrize("miss", MISSES)
def test_near_miss_stays(miss: str) -> None:
    module = run(FLAT, of_jax(MISSES[miss], np.zeros(9, np.float32), np.zeros(9, np.float32)))
    before = str(module)
    raised(module)
    assert str(module) == before


@pytest.mark.parametrize(("shape", "wide"), [((), (4, 3)), ((1,), (4, 3)), ((0, 3), (0, 3)), ((4, 3), (4, 3))])
def test_repeated_elements_stay(shape: tuple[int, ...], wide: tuple[int, ...]) -> None:
    """Of a number, of nothing, and of a matrix: none of it is a window that moves."""

    def product(x: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.concatenate([jnp.broadcast_to(x, wide)] * 2, -1) @ w

    arguments = np.zeros(shape, np.float32), np.zeros((6, 2), np.float32)
    assert not convolutions(check(of_jax(product, *arguments), []))


# ---------------------------------------------------------------------------------------- drawn windows


@st.composite
def drawn(draw: st.DrawFn) -> tuple[tuple[int, ...], np.ndarray]:
    """The shape [batch, features, ...] of a tensor and where in it the windows of a convolution lie.

    Positions are [rows, columns], that of an element of padding is the tensor's size.
    """
    small = st.integers(1, 3)
    batch, features = draw(small), draw(small)
    shape, along = [batch, features], []
    for _ in range(draw(st.integers(1, 2))):
        taps, step, dilation, count = (draw(small) for _ in range(4))
        reach = (count - 1) * step + (taps - 1) * dilation + 1
        low = draw(st.integers(0, min(2, reach - 1)))
        extent = max(1, reach - low - draw(st.integers(-2, 2)))
        shape.append(extent)
        along.append(np.arange(count)[:, None] * step + np.arange(taps) * dilation - low)
    rank = len(shape)
    ranges = [np.arange(batch)[:, None], np.arange(features)[None], *along]
    rows, cols = draw(st.permutations([0, *range(2, rank)])), draw(st.permutations(range(1, rank)))
    position, inside = 0, True
    for axis, extent in enumerate(shape):
        sizes = [ranges[axis].shape[0] if a == axis else 1 for a in rows]
        sizes += [ranges[axis].shape[1] if a == axis else 1 for a in cols]
        values = ranges[axis].reshape(sizes)
        position, inside = position * extent + values, inside & (values >= 0) & (values < extent)
    index = np.where(inside, position, math.prod(shape))
    return tuple(shape), index.reshape(math.prod(index.shape[: len(rows)]), -1)


@settings(max_examples=60)
@given(drawn(), st.data())
def test_drawn_windows(made: tuple[tuple[int, ...], np.ndarray], data: st.DataObject) -> None:
    """Raised or not, the values stay; and they do when one element is taken from elsewhere."""
    shape, index = made
    if data.draw(st.booleans()):
        index = index.copy()
        place = tuple(data.draw(st.integers(0, n - 1)) for n in index.shape)
        index[place] = data.draw(st.integers(0, math.prod(shape)))
    kernel = np.zeros((index.shape[1], 2), np.float32)
    check(of_jax(lambda x, w: windows(x, index) @ w, np.zeros(shape, np.float32), kernel), [])


@pytest.mark.parametrize("features_last", [False, True])
def test_drawn_windows_are_found(features_last: bool) -> None:
    """Every window that has an element in the tensor, of several channels and taps, is a convolution."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(12):
        (n, c, taps), (stride, dilation, pad) = rng.integers(2, 4, 3), rng.integers(1, 3, 3)
        length = int((taps - 1) * dilation + 2 * stride + 1)
        shape = (n, length, c) if features_last else (n, c, length)

        def product(x: jax.Array, w: jax.Array, pad=pad, taps=taps, dilation=dilation, stride=stride) -> jax.Array:
            x = x.transpose(0, 2, 1) if features_last else x
            x = jnp.pad(x, ((0, 0), (0, 0), (pad, pad)))
            reach = (taps - 1) * dilation
            parts = [x[:, :, k * dilation : x.shape[2] - reach + k * dilation : stride] for k in range(taps)]
            return jnp.einsum("nclk,ock->nol", jnp.stack(parts, -1), w)

        arguments = np.zeros(shape, np.float32), np.zeros((4, c, taps), np.float32)
        convolution = check_convolution(of_jax(product, *arguments))
        found += integers(convolution, "rhs_dilation") == [dilation]
    assert found == 12
