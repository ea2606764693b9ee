"""Attention as it comes from PyTorch and JAX becomes oxide.attention, whatever its layout and masks."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from attention_forms import JAX, SPAN, TORCH, Form, attend, scores
from jaxlib.mlir import ir
from raise_oracle import FLAT, LOWERED, check, composites_of, names_of, of_jax, raised, run
from reference_interpreter import evaluate
from torch_exporters import ROUTES
from torch_oracle import Function

from oxide.dialects import hlo
from oxide.dialects.composites import attributes_of


def check_form(module: ir.Module, form: Form) -> None:
    """One attention with the form's mask and attributes, and the values from before."""
    half = "bfloat16" in form.kinds or "float16" in form.kinds
    (op,) = composites_of(check(module, ["attention"], rtol=2e-2 if half else 2e-5))
    attributes = attributes_of(op)
    assert attributes["causal"] == form.causal
    assert attributes.get("soft_cap", 0.0) == form.soft_cap
    assert [hlo.dtype(x).name for x in op.operands[3:]] == ([] if form.mask is None else [form.mask])
    assert hlo.shape(op.operands[1])[1] == form.key_heads
    if half:
        assert hlo.dtype(op.operands[0]).name == form.kinds[0]


@pytest.mark.parametrize("route", ["decomposed", "torchscript"])
@pytest.mark.parametrize("name", TORCH)
def test_pytorch(name: str, route: str) -> None:
    form = TORCH[name]
    inputs = tuple(torch.ones(shape, dtype=getattr(torch, kind)) for shape, kind in form.types())
    check_form(ROUTES[route](Function(form.function), inputs), form)


@pytest.mark.parametrize("name", JAX)
def test_jax(name: str) -> None:
    form = JAX[name]
    inputs = [np.ones(shape, jnp.dtype(kind)) for shape, kind in form.types()]
    check_form(of_jax(form.function, *inputs), form)


ONE_SAMPLE: dict[str, tuple[tuple[int, ...], str]] = {
    "heads first": ((1, 4, 5, 8), "bhld,bhsd->bhls;bhls,bhsd->bhld"),
    "lengths first": ((1, 5, 4, 8), "blhd,bshd->bhls;bhls,bshd->blhd"),
    "weights of lengths": ((1, 5, 4, 8), "blhd,bshd->blhs;blhs,bshd->blhd"),
}


@pytest.mark.parametrize("case", ONE_SAMPLE)
def test_one_sample_is_a_batch_of_one(case: str) -> None:
    shape, equations = ONE_SAMPLE[case]
    first, second = equations.split(";")
    x = np.ones(shape, np.float32)
    module = of_jax(lambda q, k, v: jnp.einsum(second, jax.nn.softmax(jnp.einsum(first, q, k)), v), x, x, x)
    (op,) = composites_of(check(module, ["attention"]))
    assert [hlo.shape(v) for v in op.operands] == [(1, 4, 5, 8)] * 3


# ------------------------------------------------------------------------------- queries that may keep no key

EMPTY = np.array([[True, False, True, True, False, True, False]] * 4 + [[False] * SPAN])
EMPTY_ROWS: dict[str, tuple[Callable, float | None]] = {
    "finite": (lambda s, m: torch.where(m, s, torch.finfo(s.dtype).min), None),
    "infinite": (lambda s, m: s.masked_fill(~m, -math.inf), math.nan),
    "added": (lambda s, m: s + torch.where(m, 0.0, -math.inf), math.nan),
    "added, then zeros": (torch.nn.functional.scaled_dot_product_attention, 0.0),
}


@pytest.mark.parametrize("case", EMPTY_ROWS)
def test_a_query_that_keeps_no_key_keeps_its_values(case: str) -> None:
    """The mean of all values, NaN or zeros, as eager PyTorch has it."""
    change, value = EMPTY_ROWS[case]
    q, k, v = (torch.rand(shape) for shape in ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 8)))
    mask = torch.tensor(EMPTY)
    function = change if value == 0 else attend(change)
    wanted = function(q, k, v, mask)
    module = run(FLAT, ROUTES["decomposed"](Function(function), (q, k, v, mask)))
    raised(module)
    assert "attention" in names_of(module)
    (found,) = evaluate(run(LOWERED, module), [x.numpy() for x in (q, k, v, mask)])
    np.testing.assert_allclose(found, wanted.numpy(), rtol=2e-5, atol=2e-6)
    last = v.mean(2).numpy() if value is None else np.full((2, 4, 8), value, np.float32)
    np.testing.assert_allclose(found[:, :, -1], last, rtol=2e-5)


# ----------------------------------------------------------------------------------------------- near misses


def product(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, axis: int = -1) -> torch.Tensor:
    return torch.softmax(scores(q, k), axis) @ v


def causal_then_padding(s: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    lower = torch.tril(torch.ones(s.shape[-2:], dtype=torch.bool))
    return torch.where(lower, s, torch.finfo(s.dtype).min) + p


X, P = torch.rand(2, 4, 5, 8), torch.rand(2, 1, 1, 5)
MISSES: dict[str, tuple[str, Callable, tuple[torch.Tensor, ...]]] = {
    "softmax of queries": ("", lambda q: product(q, q, q, -2), (X,)),
    "softmax of heads": ("", lambda q: product(q, q, q, 1), (X,)),
    "mask multiplied": ("", lambda q, p: attend(lambda s, m: s * m)(q, q, q, p), (X, P)),
    "weights multiplied": ("", lambda q, p: (torch.softmax(scores(q, q), -1) * p) @ q, (X, P)),
    "mild mask": (
        "which other scores may fall below",
        lambda q, p: attend(lambda s, m: s.masked_fill(m > 0.5, -1e9))(q, q, q, p),
        (X, P),
    ),
    "mask of a mask": (
        "may bring other scores below them",
        lambda q, p: attend(causal_then_padding)(q, q, q, p),
        (X, P),
    ),
    "scores of float16": (
        "those of float16 may overflow",
        lambda q: torch.softmax(scores(q, q).float(), -1).half() @ q,
        (X.half(),),
    ),
    "squashed twice": ("", lambda q: attend(lambda s: torch.tanh(torch.tanh(s)))(q, q, q), (X,)),
    "cap below a mask": ("", lambda q, p: attend(lambda s, m: torch.tanh(s + m))(q, q, q, p), (X, P)),
}  # fmt: skip


@pytest.mark.parametrize("miss", MISSES)
def test_near_misses_stay(miss: str) -> None:
    reason, function, inputs = MISSES[miss]
    module = run(FLAT, ROUTES["decomposed"](Function(function), inputs))
    log = raised(module)
    assert "attention" not in names_of(module)
    assert any(reason in remark.message for remark in log.remarks)
