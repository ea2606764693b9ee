"""Gradients that PyTorch computes in kernels and has no decomposition of, as functions of its tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from oxide.frontends.torch.registry import definition

Tensor = torch.Tensor

_MEAN = 1  # of the losses' `reduction`


@definition("aten._cdist_backward.default")
def cdist_backward(grad: Tensor, x1: Tensor, x2: Tensor, p: float, cdist: Tensor) -> Tensor:
    """The gradient by x1 [..., n, d] of the distances [..., n, m]."""
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    return _of_norm(difference, cdist.unsqueeze(-1), grad.unsqueeze(-1), p).sum(-2)


@definition("aten._pdist_backward.default")
def pdist_backward(grad: Tensor, self: Tensor, p: float, pdist: Tensor) -> Tensor:
    first, second = torch.triu_indices(len(self), len(self), 1, device=self.device)
    parts = _of_norm(self[first] - self[second], pdist.unsqueeze(-1), grad.unsqueeze(-1), p)
    return torch.zeros_like(self).index_add(0, first, parts).index_add(0, second, -parts)


def _of_norm(x: Tensor, norm: Tensor, grad: Tensor, p: float) -> Tensor:
    """The gradient of the p-norm: zero where that is zero, and of the number of elements other than 0 (p = 0)."""
    if p == 0:
        return torch.zeros_like(x) * grad
    if math.isinf(p):
        return grad * x.sign() * (x.abs() == norm)
    if p == 1:
        return grad * x.sign()
    slope = x if p == 2 else torch.where(x == 0, 0, x.sign() * x.abs() ** (p - 1))
    return torch.where(norm == 0, 0, grad * slope / norm ** (p - 1))


@definition("aten.multi_margin_loss_backward.default")
def multi_margin_loss_backward(
    grad_output: Tensor,
    self: Tensor,
    target: Tensor,
    p: float,
    margin: float,
    weight: Tensor | None = None,
    reduction: int = _MEAN,
) -> Tensor:
    """Of weight[target] * sum max(0, margin - x[target] + x[other])^p / classes."""
    x, label = torch.atleast_2d(self), target.reshape(-1, 1)
    rows, classes = x.shape
    distance = margin - x.gather(1, label) + x
    others = torch.arange(classes, device=x.device) != label
    slope = torch.where(others & (distance > 0), p * distance.clamp_min(0) ** (p - 1), 0)
    if weight is not None:
        slope = slope * weight[label]
    slope = torch.where(others, slope, -slope.sum(1, keepdim=True))
    share = grad_output.reshape(-1, 1) / (classes * (rows if reduction == _MEAN else 1))
    return (slope * share).reshape(self.shape)


@definition("aten.multilabel_margin_loss_backward.default")
def multilabel_margin_loss_backward(
    grad_output: Tensor, self: Tensor, target: Tensor, reduction: int, is_target: Tensor
) -> Tensor:
    """Of sum max(0, 1 - x[label] + x[other]) / classes over the labels before the first -1."""
    x, labels, marked = (torch.atleast_2d(t) for t in (self, target, is_target))
    rows, classes = x.shape
    counted = (labels < 0).cumsum(1) == 0
    place = labels.clamp_min(0)
    margin = 1 - x.gather(1, place).unsqueeze(2) + x.unsqueeze(1)  # [row, label, class]
    active = ((margin > 0) & counted.unsqueeze(2) & (marked == 0).unsqueeze(1)).to(x.dtype)
    slope = active.sum(1).scatter_add(1, place, -active.sum(2))
    share = grad_output.reshape(-1, 1) / (classes * (rows if reduction == _MEAN else 1))
    return (slope * share).reshape(self.shape)


@definition("aten._weight_norm_interface_backward.default")
def weight_norm_backward(
    grad_w: Tensor, saved_v: Tensor, saved_g: Tensor, saved_norms: Tensor, dim: int
) -> tuple[Tensor, Tensor]:
    """Of w = g v / |v|, with a norm for each position of dimension `dim`, by v and g."""
    others = [axis for axis in range(grad_w.dim()) if axis != dim % grad_w.dim()]
    norms = saved_norms.to(saved_g.dtype)
    along = (grad_w * saved_v).sum(others, keepdim=True) / norms
    return saved_g / norms * (grad_w - saved_v * along / norms), along


@definition("aten.linear_backward.default")
def linear_backward(
    self: Tensor, grad_output: Tensor, weight: Tensor, output_mask: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    rows, grads = self.reshape(-1, self.shape[-1]), grad_output.reshape(-1, grad_output.shape[-1])
    by_input, by_weight, by_bias = output_mask
    return (
        grad_output @ weight if by_input else None,
        grads.mT @ rows if by_weight else None,
        grads.sum(0) if by_bias else None,
    )


@definition("aten._embedding_bag_dense_backward.default")
def embedding_bag_backward(
    grad: Tensor,
    indices: Tensor,
    offset2bag: Tensor,
    bag_size: Tensor,
    maximum_indices: Tensor,
    num_weights: int,
    scale_grad_by_freq: bool,
    mode: int,
    per_sample_weights: Tensor | None,
    padding_idx: int = -1,
) -> Tensor:
    """Of the sums (0), means (1) or maxima (2) of bags [bags, size] by the table [num_weights, size]."""
    table = grad.new_zeros(num_weights, grad.shape[1])
    if mode == 2:
        filled = (bag_size > 0).unsqueeze(1)
        return table.scatter_add(0, maximum_indices.clamp_min(0), torch.where(filled, grad, 0))
    rows = grad[offset2bag]
    if mode == 1:
        rows = rows / bag_size[offset2bag].clamp_min(1).unsqueeze(1)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    if scale_grad_by_freq:
        ones = torch.ones_like(indices)
        rows = rows / torch.zeros(num_weights, dtype=ones.dtype).index_add(0, indices, ones)[indices].unsqueeze(1)
    if padding_idx >= 0:
        rows = torch.where((indices == padding_idx).unsqueeze(1), 0, rows)
    return table.index_add(0, indices, rows)


@definition("aten._embedding_bag_per_sample_weights_backward.default")
def embedding_bag_weights_backward(
    grad: Tensor,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    offset2bag: Tensor,
    mode: int,
    padding_idx: int = -1,
) -> Tensor:
    products = (grad[offset2bag] * weight[indices]).sum(1)
    return torch.where(indices == padding_idx, 0, products) if padding_idx >= 0 else products


@definition("aten._masked_softmax_backward.default")
def masked_softmax_backward(grad_output: Tensor, output: Tensor, mask: Tensor, dim: int | None = None) -> Tensor:
    """What is masked (true) has the gradient 0."""
    axis = -1 if dim is None else dim
    share = torch.where(mask, 0, output)
    return share * (grad_output - (grad_output * share).sum(axis, keepdim=True))
