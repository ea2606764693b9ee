"""Fused optimizers' updates in place, and a gradient scaler's, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_oracle import check

aten = torch.ops.aten
STEP, LATER = torch.tensor(1.0), torch.tensor(7.0)
RATE = torch.tensor(0.05)


def normal(number: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    return [torch.randn(shape, generator=generator) for shape in ((3, 4), (5,))]


def _adam(**options: Any) -> Callable[..., Any]:
    given = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.01, "eps": 1e-8}
    return lambda update, lists, steps: update(
        *lists, steps, **given | {"amsgrad": False, "maximize": False} | options
    )


def _sgd(**options: Any) -> Callable[..., Any]:
    given = {"lr": 0.1, "weight_decay": 0.01, "momentum": 0.9, "dampening": 0.1}
    return lambda update, lists, steps: update(
        *lists, **given | {"nesterov": False, "maximize": False, "is_first_step": False} | options
    )


def _adagrad(**options: Any) -> Callable[..., Any]:
    given = {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.01, "eps": 1e-10, "maximize": False}
    return lambda update, lists, steps: update(*lists, steps, **given | options)


# name -> (the operator in place, its call, how many lists it changes, which of them are empty, the step)
CASES: dict[str, tuple[Any, Callable[..., Any], int, tuple[int, ...], torch.Tensor]] = {
    "adam": (aten._fused_adam_.default, _adam(), 5, (4,), STEP),
    "adam, later": (aten._fused_adam_.default, _adam(), 5, (4,), LATER),
    "adam, amsgrad": (aten._fused_adam_.default, _adam(amsgrad=True, maximize=True), 5, (), LATER),
    "adam, no first moment": (aten._fused_adam_.default, _adam(beta1=0.0, weight_decay=0.0), 5, (4,), STEP),
    "adam, rate in a tensor": (aten._fused_adam_.tensor_lr, _adam(lr=RATE), 5, (4,), STEP),
    "adamw": (aten._fused_adamw_.default, _adam(), 5, (4,), STEP),
    "adamw, scaled": (aten._fused_adamw_.default, _adam(grad_scale=LATER, found_inf=0 * STEP), 5, (4,), STEP),
    "adamw, overflowed": (aten._fused_adamw_.default, _adam(grad_scale=LATER, found_inf=STEP), 5, (4,), STEP),
    "sgd": (aten._fused_sgd_.default, _sgd(), 3, (), STEP),
    "sgd, first step": (aten._fused_sgd_.default, _sgd(is_first_step=True, maximize=True), 3, (), STEP),
    "sgd, nesterov": (aten._fused_sgd_.default, _sgd(nesterov=True, dampening=0.0), 3, (), STEP),
    "sgd, no momentum": (aten._fused_sgd_.tensor_lr, _sgd(lr=RATE, momentum=0.0, dampening=0.0), 3, (2,), STEP),
    "adagrad": (aten._fused_adagrad_.default, _adagrad(), 3, (), LATER),
    "adagrad, rate in a tensor": (aten._fused_adagrad_.tensor_lr, _adagrad(lr=RATE), 3, (), LATER),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_eager(case: str) -> None:
    update, call, count, empty, step = CASES[case]

    def run(*flat: torch.Tensor) -> Any:
        lists = [[] if i in empty else [x.clone() for x in flat[2 * i : 2 * i + 2]] for i in range(count)]
        call(update, lists, [step.clone(), step.clone()])
        return lists

    # The sums of squares, which come third and later, are not negative.
    flat = [x if i < 3 and count == 5 else x.abs() for i in range(count) for x in normal(i)]
    check(run, *flat, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bad", [1.0, float("inf"), float("nan")])
def test_gradients_are_unscaled(bad: float) -> None:
    def run(x: torch.Tensor, found: torch.Tensor, inverse: torch.Tensor) -> Any:
        gradients, found = [x.clone(), 2 * x], found.clone()
        aten._amp_foreach_non_finite_check_and_unscale_(gradients, found, inverse)
        return gradients, found

    check(run, torch.tensor([bad, 2.0]), torch.zeros(()), torch.tensor(0.25))


@pytest.mark.parametrize(("scale", "steps", "found"), [(4.0, 1, 0.0), (4.0, 2, 0.0), (3e38, 2, 0.0), (4.0, 2, 1.0)])
def test_the_scale_follows_overflows(scale: float, steps: int, found: float) -> None:
    def run(scale: torch.Tensor, steps: torch.Tensor, found: torch.Tensor) -> Any:
        scale, steps = scale.clone(), steps.clone()
        aten._amp_update_scale_(scale, steps, found, 2.0, 0.5, 3)
        return scale, steps

    check(run, torch.tensor(scale), torch.tensor(steps, dtype=torch.int32), torch.tensor(found))
