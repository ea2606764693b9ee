"""The transformers, the recurrent network and the image blocks of the twelve reference models that
`architectures` does not have, in plain torch with random weights.  Widths and depths are the published ones."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Multi-head attention over (N, L, width); `past` is a (key, value) cache of (N, heads, P, head width)."""

    def __init__(self, width: int, heads: int, bias: bool = True, scaled: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5 if scaled else 1.0
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=bias) for _ in range(4))

    def split(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(
        self,
        x: torch.Tensor,
        bias: torch.Tensor | None = None,
        past: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        scores = q @ k.transpose(-1, -2) * self.scale
        if bias is not None:
            scores = scores + bias
        mixed = torch.softmax(scores, dim=-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2)), k, v


class BertLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        x = self.norm1(x + self.attention(x, bias)[0])
        return self.norm2(x + self.narrow(F.gelu(self.wide(x))))


class BertBase(nn.Module):
    """Token ids, mask and token types (N, 64) int64 -> hidden states and the pooled (N, 768).

    Devlin et al., "BERT" (2018).
    """

    def __init__(self, width: int = 768, depth: int = 12, heads: int = 12) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(30522, width), nn.Embedding(512, width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads) for _ in range(depth))
        self.pooler = nn.Linear(width, width)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> tuple[torch.Tensor, ...]:
        bias = (1.0 - mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        x = self.norm(self.tokens(ids) + self.types(types) + self.positions(positions))
        for layer in self.layers:
            x = layer(x, bias)
        return x, torch.tanh(self.pooler(x[:, 0]))


class Gpt2Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, x: torch.Tensor, bias: torch.Tensor, past: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mixed, key, value = self.attention(self.norm1(x), bias, past)
        x = x + mixed
        return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh")), key, value


class Gpt2Small(nn.Module):
    """Token ids (N, L) int64 and, for a decode, a cache of P positions -> logits of the last and the new cache.

    Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).
    """

    def __init__(self, width: int = 768, depth: int = 12, heads: int = 12) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50257, width), nn.Embedding(1024, width)
        self.layers = nn.ModuleList(Gpt2Layer(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        before = past[0].shape[2] if past else 0
        length = ids.shape[1]
        rows = torch.arange(before, before + length, device=ids.device)
        allowed = rows[:, None] >= torch.arange(before + length, device=ids.device)[None]
        bias = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)
        x = self.tokens(ids) + self.positions(rows)
        cache = []
        for index, layer in enumerate(self.layers):
            pair = (past[2 * index], past[2 * index + 1]) if past else None
            x, key, value = layer(x, bias, pair)
            cache += [key, value]
        return F.linear(self.norm(x[:, -1]), self.tokens.weight), *cache


class RootMeanSquareNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class T5Layer(nn.Module):
    def __init__(self, width: int, heads: int, wide: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, bias=False, scaled=False)
        self.norm1, self.norm2 = RootMeanSquareNorm(width), RootMeanSquareNorm(width)
        self.wide, self.narrow = nn.Linear(width, wide, bias=False), nn.Linear(wide, width, bias=False)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x), bias)[0]
        return x + self.narrow(torch.relu(self.wide(self.norm2(x))))


class T5SmallEncoder(nn.Module):
    """Token ids and mask (N, 64) int64 -> (N, 64, 512).  Raffel et al., "T5" (2019)."""

    def __init__(self, width: int = 512, depth: int = 6, heads: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(32128, width)
        self.relative = nn.Embedding(32, heads)
        self.layers = nn.ModuleList(T5Layer(width, heads, 4 * width) for _ in range(depth))
        self.norm = RootMeanSquareNorm(width)

    def position_bias(self, length: int) -> torch.Tensor:
        """(1, heads, L, L): 16 buckets a side, the first 8 one position each, the others growing to 128."""
        positions = torch.arange(length)
        offset = positions[None] - positions[:, None]
        distance = offset.abs()
        far = 8 + (torch.log(distance.to(torch.float32).clamp(min=1) / 8) / math.log(16) * 8).to(torch.int64)
        bucket = (offset > 0) * 16 + torch.where(distance < 8, distance, far.clamp(max=15))
        return self.relative(bucket).permute(2, 0, 1)[None]

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = (1.0 - mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min
        bias = self.position_bias(ids.shape[1]) + hidden
        x = self.tokens(ids)
        for layer in self.layers:
            x = layer(x, bias)
        return self.norm(x)


class Lstm(nn.Module):
    """(N, 32, 64) -> (N, 10): two layers, both directions, and a head on the last position."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(64, 128, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x)[0][:, -1])


def convolution(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution without bias and its batch norm."""
    return [nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        steps = [*convolution(channels, wide, 1), nn.ReLU6()] if expansion > 1 else []
        steps += [*convolution(wide, wide, 3, stride, groups=wide), nn.ReLU6(), *convolution(wide, out, 1)]
        self.steps = nn.Sequential(*steps)
        self.residual = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.steps(x) if self.residual else self.steps(x)


class MobileNetV2(nn.Module):
    """(N, 3, 224, 224) -> (N, 1000).  Sandler et al., "MobileNetV2" (2018)."""

    # Expansion, channels, repeats, stride of the first.
    STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self) -> None:
        super().__init__()
        steps: list[nn.Module] = [*convolution(3, 32, 3, 2), nn.ReLU6()]
        channels = 32
        for expansion, out, repeats, first in self.STAGES:
            for index in range(repeats):
                steps.append(InvertedResidual(channels, out, first if index == 0 else 1, expansion))
                channels = out
        self.features = nn.Sequential(*steps, *convolution(channels, 1280, 1), nn.ReLU6())
        self.head = nn.Linear(1280, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(image).mean(dim=(2, 3)))


class UnetBlock(nn.Module):
    """(N, 64, 32, 32) and time steps (N,) -> (N, 64, 32, 32): a level of a diffusion model's U-Net.

    Ho et al., "Denoising Diffusion Probabilistic Models" (2020): residual block, attention, down, up.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.GroupNorm(8, channels) for _ in range(3))
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.time = nn.Sequential(nn.Linear(channels, 4 * channels), nn.SiLU(), nn.Linear(4 * channels, channels))
        self.attention = SelfAttention(channels, 4)
        self.down = nn.Conv2d(channels, channels, 3, 2, padding=1)
        self.up = nn.Conv2d(2 * channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        frequencies = torch.exp(torch.arange(channels // 2) * (-math.log(10000.0) / (channels // 2)))
        angle = step.to(torch.float32)[:, None] * frequencies[None]
        time = self.time(torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1))
        y = self.conv1(F.silu(self.norm1(x))) + time[:, :, None, None]
        y = x + self.conv2(F.silu(self.norm2(y)))
        mixed = self.attention(self.norm3(y).flatten(2).transpose(1, 2))[0]
        y = y + mixed.transpose(1, 2).reshape(batch, channels, height, width)
        lifted = F.interpolate(self.down(y), scale_factor=2.0, mode="nearest")
        return self.up(torch.cat([lifted, y], dim=1))
