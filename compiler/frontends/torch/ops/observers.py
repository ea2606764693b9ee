"""Quantisation-aware training: ranges that are observed and fake quantisation by them, or by learnt parameters.

Each operator is defined by PyTorch's simpler ones.
"""

from __future__ import annotations

import torch

from oxide.frontends.torch.registry import definition

Tensor = torch.Tensor

# PyTorch's quantisation has no smaller scale (ATen/native/quantized/cpu/QuantUtils.h), and this one for ranges
# whose scale has no reciprocal.
_SMALLEST_SCALE = float(torch.tensor(6.1e-5))
_SCALE_OF_NOTHING = 0.1


@definition("aten._fused_moving_avg_obs_fq_helper_functional.default")
def observed_fake_quantize(
    self: Tensor,
    observer_on: Tensor,
    fake_quant_on: Tensor,
    running_min: Tensor,
    running_max: Tensor,
    scale: Tensor,
    zero_point: Tensor,
    averaging_const: float,
    quant_min: int,
    quant_max: int,
    ch_axis: int,
    per_row_fake_quant: bool = False,
    symmetric_quant: bool = False,
) -> tuple[Tensor, ...]:
    """The tensor fake-quantised, where it was not clipped, and the new ranges, scales and zero points.

    Moving averages follow the extremes of the tensor, or of each slice along `ch_axis`; scales follow the averages.
    """
    if running_min.numel() == 0:
        raise NotImplementedError("the observer has seen nothing; call the module once before it is exported")
    others = [axis for axis in range(self.dim()) if not per_row_fake_quant or axis != ch_axis]
    low = _moved(running_min, self.amin(others), averaging_const, observer_on)
    high = _moved(running_max, self.amax(others), averaging_const, observer_on)
    steps, zeros = _parameters(low, high, quant_min, quant_max, symmetric_quant)
    enabled = fake_quant_on.reshape([]) != 0
    steps = torch.where(enabled, steps.reshape(scale.shape).to(scale.dtype), scale)
    zeros = torch.where(enabled, zeros.reshape(zero_point.shape).to(zero_point.dtype), zero_point)
    if per_row_fake_quant:
        values, kept = torch.ops.aten.fake_quantize_per_channel_affine_cachemask(
            self, steps, zeros, ch_axis, quant_min, quant_max
        )
        values, kept = torch.where(enabled, values, self), kept | ~enabled
    else:
        values, kept = torch.ops.aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(
            self, steps, zeros, fake_quant_on, quant_min, quant_max
        )
    return values, kept, low, high, steps, zeros


def _moved(running: Tensor, found: Tensor, share: float, observe: Tensor) -> Tensor:
    """A moving average one step on; that of a new observer is infinite, and starts with what it finds."""
    found = found.reshape(running.shape)
    following = torch.where(running.isinf(), found, running + share * (found - running))
    return torch.where(observe.reshape([]) != 0, following, running)


def _parameters(low: Tensor, high: Tensor, first: int, last: int, symmetric: bool) -> tuple[Tensor, Tensor]:
    """Scale (float64) and zero point with which first...last represent ranges, 0 among them without error.

    A range on both sides of 0 has its zero in the middle when `symmetric`.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    two_sided = (low < 0) & (high > 0)
    steps = last - first
    if symmetric:
        below, above = -(steps // 2 + 1), steps // 2
        widest = torch.maximum((low / below).abs(), (high / above).abs()).double()
        low = torch.where(two_sided, (widest * below).float(), low)
        high = torch.where(two_sided, (widest * above).float(), high)
    scale = (high.double() - low) / steps
    scale = torch.where(scale.float().reciprocal().isinf(), _SCALE_OF_NOTHING, scale)
    small = scale < _SMALLEST_SCALE
    # Ranges of a scale that is too small are widened: on one side of 0 to what the smallest one spans.
    growth = _SMALLEST_SCALE / scale.float()
    wide_low = torch.where(high == 0, -_SMALLEST_SCALE * steps, low * growth)
    wide_high = torch.where(low == 0, _SMALLEST_SCALE * steps, high * growth)
    low, high = torch.where(small, wide_low, low), torch.where(small, wide_high, high)
    scale = torch.where(small, _SMALLEST_SCALE, scale)
    from_low, from_high = first - low / scale, last - high / scale
    low_error, high_error = abs(first) + (low / scale).abs(), abs(last) + (high / scale).abs()
    zero = torch.where(low_error < high_error, from_low, from_high)
    if symmetric:
        zero = torch.where(two_sided, (first + last) / 2, zero)
    return scale, zero.clamp(first, last).round()


@definition("aten._fake_quantize_learnable_per_tensor_affine.default")
def learnable_fake_quantize(
    self: Tensor, scale: Tensor, zero_point: Tensor, quant_min: int, quant_max: int, grad_factor: float = 1.0
) -> Tensor:
    zeros = zero_point.round().clamp(quant_min, quant_max).int()
    return torch.fake_quantize_per_tensor_affine(self, scale, zeros, quant_min, quant_max)


@definition("aten._fake_quantize_learnable_per_channel_affine.default")
def learnable_fake_quantize_channels(
    self: Tensor,
    scale: Tensor,
    zero_point: Tensor,
    axis: int,
    quant_min: int,
    quant_max: int,
    grad_factor: float = 1.0,
) -> Tensor:
    zeros = zero_point.round().clamp(quant_min, quant_max).int()
    return torch.fake_quantize_per_channel_affine(self, scale, zeros, axis, quant_min, quant_max)
