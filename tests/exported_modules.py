"""PyTorch modules like those that people export: one of each architecture, with random weights, in a few layers."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class ConvNet(nn.Module):
    """A stem, an inverted residual with squeeze and excitation, dense connections, a decoder with upsampling."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(8)
        norm.load_state_dict({"running_mean": torch.randn(8), "running_var": torch.rand(8) + 0.5}, strict=False)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), norm, nn.Hardswish())
        self.wide = nn.Sequential(nn.Conv2d(8, 16, 1), nn.ReLU6(), nn.Conv2d(16, 16, 3, padding=1, groups=16))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 16, 1), nn.Hardsigmoid())
        self.narrow = nn.Conv2d(16, 8, 1)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.up = nn.ConvTranspose2d(16, 4, 4, 2, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.stem(x)
        wide = self.wide(x)
        x = torch.cat([x, self.narrow(wide * self.gate(wide))], 1)
        small = self.pool(x)
        mask = F.interpolate(self.up(small), size=(20, 24), mode="bilinear", align_corners=False)
        shuffled = F.pixel_shuffle(small, 2)
        return (
            mask.argmax(1),
            F.normalize(x.flatten(2).mean(2), dim=1),
            F.pad(shuffled, (1, 2, 0, 1), mode="reflect"),
        )


class WindowAttention(nn.Module):
    """Attention in shifted windows with relative positions (Swin)."""

    index: torch.Tensor

    def __init__(self, size: int = 4, width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.size, self.heads, self.qkv, self.norm = size, heads, nn.Linear(width, 3 * width), nn.LayerNorm(width)
        self.table = nn.Parameter(torch.randn((2 * size - 1) ** 2, heads))
        coords = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
        steps = coords[:, :, None] - coords[:, None, :] + size - 1
        self.register_buffer("index", steps[0] * (2 * size - 1) + steps[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, height, width, channels = x.shape
        n = self.size
        shifted = torch.roll(self.norm(x), (-n // 2, -n // 2), (1, 2))
        windows = shifted.view(batch, height // n, n, width // n, n, channels).permute(0, 1, 3, 2, 4, 5)
        tokens = windows.reshape(-1, n * n, channels)
        q, k, v = self.qkv(tokens).reshape(-1, n * n, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(n * n, n * n, -1).permute(2, 0, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(-1, n, n, channels)
        y = y.view(batch, height // n, width // n, n, n, channels).permute(0, 1, 3, 2, 4, 5)
        return x + torch.roll(y.reshape(batch, height, width, channels), (n // 2, n // 2), (1, 2))


class DetectionHead(nn.Module):
    """Anchors on a grid, scores by class, the best boxes, features sampled at their centres (deformable DETR)."""

    anchors: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3 * 6, 3, 2, 1)
        self.register_buffer("anchors", torch.rand(3, 2))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.conv(image)
        batch, _, height, width = y.shape
        y = y.view(batch, 3, 6, height, width).permute(0, 1, 3, 4, 2)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centres = (y[..., :2].sigmoid() * 2 - 0.5 + torch.stack([columns, rows], -1)) * 2
        sizes = (y[..., 2:4].sigmoid() * 2) ** 2 * self.anchors[None, :, None, None]
        boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], -1).view(batch, -1, 4)
        scores, chosen = y[..., 4:].sigmoid().reshape(batch, -1).topk(8)
        boxes = torch.gather(boxes, 1, (chosen // 2)[..., None].expand(-1, -1, 4))
        grid = (boxes[:, :, None, :2] + boxes[:, :, None, 2:]) / image.shape[-1] - 1
        return boxes, scores, chosen % 2, F.grid_sample(image, grid, align_corners=False)[..., 0]


class DiffusionBlock(nn.Module):
    """A residual block that a timestep modulates, and attention to a context."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.norms = nn.ModuleList([nn.GroupNorm(4, 8), nn.GroupNorm(4, 16), nn.LayerNorm(16)])
        self.time, self.short = nn.Linear(8, 32), nn.Conv2d(8, 16, 1)
        self.q, self.kv = nn.Linear(16, 16), nn.Linear(6, 32)

    def forward(self, x: torch.Tensor, step: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        angles = step[:, None].float() * torch.exp(-math.log(1e4) * torch.arange(4) / 4)[None]
        scale, shift = self.time(torch.cat([angles.sin(), angles.cos()], -1))[:, :, None, None].chunk(2, 1)
        y = self.norms[1](self.first(F.silu(self.norms[0](x)))) * (1 + scale) + shift
        y = self.short(x) + self.second(F.silu(y))
        batch, channels = y.shape[:2]
        tokens = y.flatten(2).transpose(1, 2)
        q = self.q(self.norms[2](tokens)).view(batch, -1, 2, 8).transpose(1, 2)
        k, v = self.kv(context).view(batch, -1, 2, 2, 8).permute(2, 0, 3, 1, 4)
        tokens = tokens + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, -1, channels)
        return F.interpolate(tokens.transpose(1, 2).view_as(y), scale_factor=2.0, mode="nearest")


class CachedDecoder(nn.Module):
    """A LLaMA layer: RMS norm, rotary positions, grouped heads with a cache, a gated feed-forward network."""

    def __init__(self, width: int = 16, heads: int = 4, shared: int = 2) -> None:
        super().__init__()
        self.heads, self.shared, self.size = heads, shared, width // heads
        self.embed = nn.Embedding(20, width)
        self.qkv = nn.Linear(width, (heads + 2 * shared) * self.size, bias=False)
        self.out, self.gate = nn.Linear(width, width, bias=False), nn.Linear(width, 2 * width)
        self.down, self.weight = nn.Linear(width, width), nn.Parameter(torch.rand(width) + 0.5)

    def norm(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    def rotated(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        steps = 1e4 ** (-torch.arange(0, self.size, 2).float() / self.size)
        angles = torch.cat([positions[:, None, :, None] * steps] * 2, -1)
        left, right = x.chunk(2, -1)
        return x * angles.cos() + torch.cat([-right, left], -1) * angles.sin()

    def forward(self, ids, mask, positions, past_key, past_value):
        x = self.embed(ids)
        batch, length, width = x.shape
        packed = self.qkv(self.norm(x)).view(batch, length, -1, self.size).transpose(1, 2)
        q, k, v = packed.split([self.heads, self.shared, self.shared], 1)
        q, k = self.rotated(q, positions), torch.cat([past_key, self.rotated(k, positions)], 2)
        v = torch.cat([past_value, v], 2)
        total = k.shape[2]
        causal = torch.arange(total)[None] <= torch.arange(total - length, total)[:, None]
        seen = causal[None, None] & mask[:, None, None, :].bool()
        wide = [t[:, :, None].expand(-1, -1, 2, -1, -1).reshape(batch, self.heads, total, -1) for t in (k, v)]
        y = F.scaled_dot_product_attention(q, *wide, attn_mask=seen)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate(self.norm(x)).chunk(2, -1)
        return (x + self.down(F.silu(gate) * up)) @ self.embed.weight.t(), k, v


class Experts(nn.Module):
    """Two of four experts a token, all computed and weighted."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 4)
        self.up, self.down = nn.Parameter(torch.randn(4, 6, 8)), nn.Parameter(torch.randn(4, 8, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights, chosen = self.router(x).softmax(-1).topk(2)
        gates = torch.zeros(x.shape[0], 4).scatter(1, chosen, weights / weights.sum(-1, keepdim=True))
        return torch.einsum("teh,ehd,te->td", F.gelu(torch.einsum("td,edh->teh", x, self.up)), self.down, gates)


class StateSpace(nn.Module):
    """A selective scan, step by step (Mamba)."""

    def __init__(self) -> None:
        super().__init__()
        self.decay, self.project = nn.Parameter(-torch.rand(4, 3)), nn.Linear(4, 7)
        self.conv = nn.Conv1d(4, 4, 3, groups=4, padding=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        x = F.silu(self.conv(x.transpose(1, 2))[..., :length].transpose(1, 2))
        step, b, c = self.project(x).split([1, 3, 3], -1)
        step = F.softplus(step)
        state, outputs = torch.zeros(x.shape[0], 4, 3), []
        for t in range(length):
            state = torch.exp(step[:, t, :, None] * self.decay) * state + (step * x)[:, t, :, None] * b[:, t, None]
            outputs.append((state * c[:, t, None]).sum(-1))
        return torch.stack(outputs, 1)


class Looping(nn.Module):
    """What scripting leaves as Loop and If: a count that data decide, a branch on the index, a list of steps."""

    def forward(self, x: torch.Tensor, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total = torch.zeros_like(x[0])
        for i in range(int(times)):
            if i % 2 == 0:
                total = total + x[i]
            else:
                total = total * 0.5
                total = total - 1
        steps = 0
        while bool(total.abs().sum() < 50.0) and steps < 20:
            total = total * 1.5 + 0.1
            steps += 1
        return total, torch.tensor(steps)


class LogMel(nn.Module):
    """Whisper's input features."""

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", torch.rand(5, 9))
        self.register_buffer("window", torch.hann_window(16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x, 16, 4, window=self.window, return_complex=True)
        mel = torch.clamp(self.filters @ spectrum[..., :-1].abs() ** 2, min=1e-10).log10()
        return (torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


class MaskedTokens(nn.Module):
    """Image features in place of the tokens that stand for them (LLaVA), padding, and what a mask picks."""

    def forward(
        self, tokens: torch.Tensor, features: torch.Tensor, padding: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        filled = tokens.clone()
        filled[tokens[:, 0] > 0] = padding
        picked = tokens[tokens[:, 1] > 0]
        return filled, tokens.masked_scatter(tokens > 0.5, features), picked, (picked * 2).sum()
