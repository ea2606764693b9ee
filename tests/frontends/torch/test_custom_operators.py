"""Operators outside of ATen: of libraries that define them by PyTorch's, and `_foreach_*` on lists of tensors."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch_oracle import Function, check, compare

import oxide
from oxide.dialects.diagnostics import OxideError


@torch.library.custom_op("oxide_test::affine", mutates_args=())
def affine(x: torch.Tensor, factor: float) -> torch.Tensor:
    return x * factor + 1


@torch.library.custom_op("oxide_test::add_into", mutates_args=("x",))
def add_into(x: torch.Tensor, amount: float) -> torch.Tensor:
    x.add_(amount)
    return x * 2


affine.register_fake(lambda x, factor: torch.empty_like(x))
add_into.register_fake(lambda x, amount: torch.empty_like(x))
# `torch` with what it does not export.
PRIVATE: Any = torch
X = torch.linspace(-2, 3, 12).reshape(3, 4)


def test_an_operator_written_in_pytorch():
    check(lambda x: torch.ops.oxide_test.affine(x, 3.0), X)


def test_an_operator_that_changes_its_argument():
    def changed(x):
        y = x.clone()
        row = y[0]
        z = torch.ops.oxide_test.add_into(y, 3.0)
        return y, z, row

    check(changed, X)


# PyTorch's own, of its functional form.
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")
@pytest.mark.parametrize("bases", [False, True])
def test_an_operator_that_changes_a_view_in_the_functional_form(bases: bool):
    """Which copies the arguments themselves, or the tensors that they are views of."""

    def changed(x):
        y = x.clone()
        z = torch.ops.oxide_test.add_into(y[1:], 3.0)
        return y, z

    with PRIVATE._inductor.config.patch(enable_auto_functionalized_v2=bases):
        program = torch.export.export(Function(changed), (X,)).run_decompositions({})
    assert any("auto_functionalized" in str(node.target) for node in program.graph.nodes)
    for found, expected in zip(oxide.import_torch(program).compile()(X.numpy()), changed(X), strict=True):
        compare(np.asarray(found), expected, 1e-6, 0)


@torch.library.custom_op("oxide_test::mix", mutates_args=())
def mix(xs: list[torch.Tensor], weights: torch.Tensor, power: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Written in numpy, which nothing can trace."""
    arrays = [x.numpy() ** power for x in xs]
    total = sum(w * a for w, a in zip(weights.numpy(), arrays, strict=True))
    return torch.from_numpy(np.asarray(total)), torch.from_numpy(arrays[0].argmax(-1))


@mix.register_fake
def _(xs, weights, power=2):
    return torch.empty_like(xs[0]), torch.empty(xs[0].shape[:-1], dtype=torch.int64)


TABLE = np.arange(2000, dtype=np.float32).reshape(2, 1000)


def jax_mix(xs, weights, power):
    powers = [x**power for x in xs]
    mixed = sum(weights[i] * p for i, p in enumerate(powers))
    return mixed + jnp.asarray(TABLE)[0, 0], jnp.argmax(powers[0], -1)


class Mixing(torch.nn.Module):
    def forward(self, x, w):
        mixed, where = torch.ops.oxide_test.mix([x, x + 1], w, 3)
        return mixed * 2, where


def test_a_jax_function_for_an_operator():
    w = torch.tensor([0.25, 0.5])
    with pytest.raises(OxideError, match="mix"):
        oxide.import_torch(Mixing(), (X, w))
    model = oxide.import_torch(Mixing(), (X, w), lowerings={"oxide_test::mix": jax_mix})
    found = model.compile(cache=False).run({"x": X.numpy(), "w": w.numpy()})
    for actual, expected in zip(found.values(), Mixing()(X, w), strict=True):
        compare(np.asarray(actual), expected, 1e-5, 1e-6)
    assert [spec.shape for spec in model.parameter_specs] == [(2, 1000)]
    assert 'loc("mix"' in str(model.module.operation.get_asm(enable_debug_info=True))


@pytest.mark.parametrize(
    ("lowerings", "message"),
    [
        ({"oxide_test::unknown": jax_mix}, "no operator 'oxide_test::unknown'"),
        ({"oxide_test::add_into": jax_mix}, "changes its arguments"),
        ({"oxide_test::mix": 3}, "is no function but a int"),
        ({"oxide_test::mix": lambda xs, weights, power: xs[0]}, "returns 1 results, the operator 2"),
    ],
)
def test_lowerings_that_do_not_fit(lowerings, message):
    with pytest.raises(OxideError, match=message):
        oxide.import_torch(Mixing(), (X, torch.ones(2)), lowerings=lowerings)


def test_foreach():
    def update(x):
        a = [x.clone(), x[0] + 1]
        PRIVATE._foreach_mul_(a, 2.0)
        b = PRIVATE._foreach_add(a, a, alpha=2)
        PRIVATE._foreach_addcmul_(b, a, a, value=0.5)
        PRIVATE._foreach_addcdiv_(b, a, PRIVATE._foreach_maximum(a, 1.0), [0.5, 2.0])
        PRIVATE._foreach_lerp_(b, a, 0.3)
        PRIVATE._foreach_copy_(a, b)
        PRIVATE._foreach_div_(b, [1.0, 2.0])
        PRIVATE._foreach_sub_(b, 2.0)
        roots = PRIVATE._foreach_sqrt(PRIVATE._foreach_abs(a))
        powers = PRIVATE._foreach_pow(2.0, b), PRIVATE._foreach_pow(roots, 2), PRIVATE._foreach_pow(roots, roots)
        return a, b, roots, powers, PRIVATE._foreach_norm(b), PRIVATE._foreach_max(a), PRIVATE._foreach_neg(a)

    check(update, X, rtol=3e-5)


def test_foreach_zero_writes_into_its_tensors():
    def cleared(x):
        a = [x.clone(), x + 1]
        view = a[0].view(-1)
        PRIVATE._foreach_zero_(a)
        return a, view

    check(cleared, X)
