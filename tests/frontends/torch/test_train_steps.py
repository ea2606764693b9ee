"""Whole training steps as one program: loss, gradients and optimizer, traced by make_fx, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import cross_entropy
from torch.utils import _pytree as pytree
from torch_oracle import Function, compare

import oxide
from oxide.dialects.diagnostics import OxideError

Weights = dict[str, torch.Tensor]


def weights() -> Weights:
    torch.manual_seed(0)
    shapes = {"w1": (4, 8), "b1": (8,), "w2": (8, 3), "b2": (3,)}
    return {name: torch.randn(shape) / 2 for name, shape in shapes.items()}


def predict(p: Weights, x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]


def loss(p: Weights, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return cross_entropy(predict(p, x), y)


def sgd(p: Weights, x: torch.Tensor, y: torch.Tensor) -> tuple[Any, ...]:
    gradients, value = grad_and_value(loss)(p, x, y)
    return value, {name: p[name] - 0.1 * gradients[name] for name in p}


def adam(
    p: Weights, m: Weights, v: Weights, step: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> tuple[Any, ...]:
    gradients, value = grad_and_value(loss)(p, x, y)
    step = step + 1
    m = {name: 0.9 * m[name] + 0.1 * gradients[name] for name in p}
    v = {name: 0.999 * v[name] + 0.001 * gradients[name] ** 2 for name in p}
    mean = {name: m[name] / (1 - 0.9**step) for name in p}
    root = {name: (v[name] / (1 - 0.999**step)).sqrt() + 1e-8 for name in p}
    return value, {name: p[name] - 1e-3 * mean[name] / root[name] for name in p}, m, v, step


def per_sample(p: Weights, x: torch.Tensor, y: torch.Tensor) -> Weights:
    return vmap(grad(lambda p, x, y: loss(p, x[None], y[None])), (None, 0, 0))(p, x, y)


def derivatives(p: Weights, x: torch.Tensor, y: torch.Tensor) -> tuple[Any, ...]:
    """Jacobians both ways, Hessians of every sample, and a Hessian and a gradient times weights."""
    jacobians = jacfwd(predict, 1)(p, x[0]), jacrev(predict, 1)(p, x[0])
    hessians = vmap(lambda x: hessian(lambda x: predict(p, x).square().sum())(x))(x)
    product = jvp(grad(lambda w: loss({**p, "w1": w}, x, y)), (p["w1"],), (p["w1"],))[1]
    change = linearize(lambda w: loss({**p, "w1": w}, x, y), p["w1"])[1](p["w1"])
    return *jacobians, hessians, product, change


X, Y = torch.linspace(-2, 2, 20).reshape(5, 4).sin(), torch.tensor([0, 1, 2, 1, 0])
ZEROS = {name: torch.zeros_like(value) for name, value in weights().items()}
STEPS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "sgd": (sgd, (weights(), X, Y)),
    "adam": (adam, (weights(), ZEROS, {n: z + 0 for n, z in ZEROS.items()}, torch.tensor(0.0), X, Y)),
    "per-sample gradients": (per_sample, (weights(), X, Y)),
    "derivatives": (derivatives, (weights(), X, Y)),
}


# PyTorch scripts the derivatives of some operators when it first needs them; linearize folds a graph of constants.
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node with no underlying reference:UserWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("case", STEPS)
def test_steps(case):
    function, args = STEPS[case]
    executable = oxide.import_torch(make_fx(function)(*args), args).compile(cache=False)
    leaves = pytree.tree_leaves(args)
    given = {spec.name: leaf.numpy() for spec, leaf in zip(executable.inputs, leaves, strict=True)}
    expected = pytree.tree_leaves(function(*args))
    for actual, tensor in zip(executable.run(given).values(), expected, strict=True):
        compare(np.asarray(actual), tensor, 1e-5, 1e-6)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_gradients_that_torch_export_loses_are_refused():
    def gradient(w, x):
        return grad(lambda w: torch.tanh(x @ w).sum())(w)

    with pytest.raises(OxideError, match=r"loses the arguments of torch\.func\.grad; trace the function"):
        oxide.import_torch(Function(gradient), (torch.ones(4, 3), torch.ones(2, 4)))
