"""Optimizers' updates of all parameters at once, as `torch.optim` with `fused=True` makes them.

The formulas are those of the optimizers' pages in PyTorch's documentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from oxide.frontends.torch.registry import definition

Tensor = torch.Tensor
Tensors = Sequence[Tensor]
Columns = list[list[Tensor]]


def _each(
    update: Callable[..., Sequence[Any]],
    written: Sequence[Tensors],
    read: Sequence[Tensors],
    *,
    maximize: bool,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    **options: Any,
) -> Columns:
    """The new values of the lists in `written`, of which the first are the parameters and the second the gradients.

    `update(parameter, gradient, *state, **options)` gives the new parameter and state; what comes from a list that
    is empty is None.  `grad_scale` and `found_inf` are a gradient scaler's: gradients are divided by the one, and
    nothing changes where the other is 1.
    """
    columns: Columns = [[] for _ in written]
    for row in zip(*(tensors or [None] * len(written[0]) for tensors in (*written, *read)), strict=True):
        gradient = row[1] if grad_scale is None else row[1] / grad_scale
        first, *state = update(row[0], -gradient if maximize else gradient, *row[2:], **options)
        for column, old, new in zip(columns, row, (first, gradient, *state), strict=False):
            if old is not None:
                column.append(new if found_inf is None else torch.where(found_inf == 1, old, new))
    return columns


@definition("aten._fused_adam.default", "aten._fused_adam.tensor_lr")
def fused_adam(
    self: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    **options: Any,
) -> Columns:
    lists = [self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs]
    return _each(partial(_adam, decoupled=False), lists, [state_steps], **options)


@definition("aten._fused_adamw.default", "aten._fused_adamw.tensor_lr")
def fused_adamw(
    self: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    **options: Any,
) -> Columns:
    lists = [self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs]
    return _each(partial(_adam, decoupled=True), lists, [state_steps], **options)


def _adam(
    p: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    largest: Tensor | None,
    step: Tensor,
    *,
    decoupled: bool,
    lr: Any,
    beta1: float,
    beta2: float,
    weight_decay: float,
    eps: float,
    amsgrad: bool,
) -> list[Tensor | None]:
    """Adam (Kingma and Ba, 2014); AdamW (Loshchilov and Hutter, 2017) where weight decay is decoupled."""
    if decoupled:
        p = p * (1 - lr * weight_decay)
    elif weight_decay:
        gradient = gradient + weight_decay * p
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient * gradient
    if amsgrad:
        assert largest is not None
        largest = torch.maximum(largest, square)
    root = (square if largest is None else largest).sqrt() / _bias(beta2, step).sqrt()
    return [p - lr / _bias(beta1, step) * mean / (root + eps), mean, square, largest]


def _bias(beta: float, step: Tensor) -> Tensor:
    """1 - beta^step: the difference itself would lose four digits of the first step's."""
    return -torch.expm1(step * math.log(beta)) if beta else torch.ones_like(step)


@definition("aten._fused_sgd.default", "aten._fused_sgd.tensor_lr")
def fused_sgd(self: Tensors, grads: Tensors, momentum_buffer_list: Tensors, **options: Any) -> Columns:
    return _each(_sgd, [self, grads, momentum_buffer_list], [], **options)


def _sgd(
    p: Tensor,
    gradient: Tensor,
    buffer: Tensor | None,
    *,
    weight_decay: float,
    momentum: float,
    lr: Any,
    dampening: float,
    nesterov: bool,
    is_first_step: bool,
) -> list[Tensor | None]:
    if weight_decay:
        gradient = gradient + weight_decay * p
    if momentum:
        assert buffer is not None
        buffer = gradient if is_first_step else momentum * buffer + (1 - dampening) * gradient
        gradient = gradient + momentum * buffer if nesterov else buffer
    return [p - lr * gradient, buffer]


@definition("aten._fused_adagrad.default")
def fused_adagrad(
    self: Tensors, grads: Tensors, state_sums: Tensors, state_steps: Tensors, **options: Any
) -> Columns:
    """The steps are among the results, unchanged."""
    return [*_each(_adagrad, [self, grads, state_sums], [state_steps], **options), list(state_steps)]


@definition("aten._fused_adagrad.tensor_lr")
def fused_adagrad_of_tensor(
    self: Tensors, grads: Tensors, state_sums: Tensors, state_steps: Tensors, **options: Any
) -> Columns:
    return _each(_adagrad, [self, grads, state_sums], [state_steps], **options)


def _adagrad(
    p: Tensor,
    gradient: Tensor,
    total: Tensor,
    step: Tensor,
    *,
    lr: Any,
    lr_decay: float,
    weight_decay: float,
    eps: float,
) -> list[Tensor]:
    """Adagrad (Duchi et al., 2011)."""
    if weight_decay:
        gradient = gradient + weight_decay * p
    total = total + gradient * gradient
    return [p - lr / (1 + (step - 1) * lr_decay) * gradient / (total.sqrt() + eps), total]


@definition("aten._amp_foreach_non_finite_check_and_unscale.default")
def unscale(self: Tensors, found_inf: Tensor, inv_scale: Tensor) -> tuple[list[Tensor], Tensor]:
    """Gradients times `inv_scale`, and 1 for `found_inf` where one of them is not finite."""
    bad = [torch.logical_not(torch.isfinite(gradient).all()) for gradient in self]
    found = torch.where(torch.stack(bad).any(), torch.ones_like(found_inf), found_inf) if bad else found_inf
    return [gradient * inv_scale.to(gradient.dtype) for gradient in self], found


@definition("aten._amp_update_scale.default")
def update_scale(
    self: Tensor,
    growth_tracker: Tensor,
    found_inf: Tensor,
    scale_growth_factor: float,
    scale_backoff_factor: float,
    growth_interval: int,
) -> tuple[Tensor, Tensor]:
    """A gradient scaler's new scale and the number of steps since it last changed."""
    steps = growth_tracker + 1
    grows = steps == growth_interval
    larger = self * scale_growth_factor
    grown = torch.where(grows & torch.isfinite(larger), larger, self)
    counted = torch.where(grows, 0, steps)
    bad = found_inf != 0
    scale = torch.where(bad, self * scale_backoff_factor, grown)
    return scale, torch.where(bad, 0, counted).to(growth_tracker.dtype)
