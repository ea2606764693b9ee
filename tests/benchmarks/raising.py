"""How much of what a model is made of the raise pass finds in it, by the way the model came.

    python tests/benchmarks/raising.py [NAME...]

Each architecture, narrow and two blocks deep, is decomposed by torch.export and written by both ONNX exporters;
what the importer knows by name is expanded first.  A row shows how many of its layers are composites again, of how
many its Python source has; `+1` is one found that the source does not name.  The ONNX exporters fold batch norms
into convolutions.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))

from models import architectures, sequence_architectures
from raise_oracle import FLAT, names_of, raised, run
from torch_exporters import ROUTES


class LlamaBlock(nn.Module):
    """(N, L, 64) -> the same: grouped queries, rotary positions, a gated layer (Touvron et al., "LLaMA", 2023)."""

    def __init__(self, width: int = 64, heads: int = 4, key_heads: int = 2) -> None:
        super().__init__()
        self.heads, self.key_heads, self.size = heads, key_heads, width // heads
        self.norm1, self.norm2 = (sequence_architectures.RootMeanSquareNorm(width) for _ in range(2))
        self.query, self.out = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.key, self.value = (nn.Linear(width, key_heads * self.size, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.down = nn.Linear(2 * width, width, bias=False)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        rates = 10000.0 ** -torch.arange(0, 1, 2 / self.size)
        angles = torch.outer(torch.arange(x.shape[2]).float(), rates)
        cos, sin = (torch.cat([table, table], dim=-1) for table in (angles.cos(), angles.sin()))
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-second, first], dim=-1) * sin

    def repeated(self, x: torch.Tensor) -> torch.Tensor:
        batch, _, length, size = x.shape
        groups = x[:, :, None].expand(batch, self.key_heads, self.heads // self.key_heads, length, size)
        return groups.reshape(batch, self.heads, length, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        y = self.norm1(x)
        q = self.query(y).view(batch, length, self.heads, self.size).transpose(1, 2)
        k, v = (f(y).view(batch, length, self.key_heads, self.size).transpose(1, 2) for f in (self.key, self.value))
        k, v = self.repeated(self.turned(k)), self.repeated(v)
        mixed = F.scaled_dot_product_attention(self.turned(q), k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


@dataclass(frozen=True)
class Subject:
    """A model, its inputs, and the layers its source has by the names of composites."""

    build: Callable[[], nn.Module]
    inputs: Callable[[], tuple]
    layers: dict[str, int]


def ids(length: int, copies: int = 1) -> tuple:
    return tuple(torch.ones((1, length), dtype=torch.int64) for _ in range(copies))


def image(*shape: int) -> tuple:
    return (torch.randn(shape),)


SMALL = {"width": 64, "depth": 2, "heads": 4}
TRANSFORMER = {"layer_norm": 5, "attention": 2, "gelu": 2}
SUBJECTS = {
    "bert": Subject(lambda: sequence_architectures.BertBase(**SMALL), lambda: ids(8, 3), TRANSFORMER),
    "gpt2 prefill": Subject(lambda: sequence_architectures.Gpt2Small(**SMALL), lambda: ids(8), TRANSFORMER),
    "gpt2 decode": Subject(
        lambda: sequence_architectures.Gpt2Small(**SMALL),
        lambda: (*ids(1), *(torch.randn(1, 4, 8, 16) for _ in range(4))),
        TRANSFORMER,
    ),
    "t5 encoder": Subject(
        lambda: sequence_architectures.T5SmallEncoder(**SMALL), lambda: ids(8, 2), {"rms_norm": 5, "attention": 2}
    ),
    "vit": Subject(lambda: architectures.DeitSmall(**SMALL), lambda: image(1, 3, 224, 224), TRANSFORMER),
    "text classifier": Subject(
        architectures.TextClassifier, lambda: ids(15), {"layer_norm": 4, "attention": 2, "gelu": 2}
    ),
    "llama block": Subject(
        LlamaBlock, lambda: image(2, 8, 64), {"rms_norm": 2, "rotary": 2, "attention": 1, "silu": 1}
    ),
    "unet block": Subject(
        sequence_architectures.UnetBlock,
        lambda: (*image(1, 64, 32, 32), torch.ones(1, dtype=torch.int64)),
        {"group_norm": 3, "silu": 3, "attention": 1},
    ),
    "mobilenet": Subject(sequence_architectures.MobileNetV2, lambda: image(1, 3, 64, 64), {"batch_norm": 52}),
    "resnet18": Subject(architectures.ResNet18, lambda: image(1, 3, 64, 64), {"batch_norm": 20}),
}


def found(subject: Subject, route: str) -> Counter[str]:
    torch.manual_seed(0)
    module = run(FLAT, ROUTES[route](subject.build(), subject.inputs()))
    raised(module)
    return Counter(names_of(run("dce", module)))


def main() -> None:
    names = sys.argv[1:] or list(SUBJECTS)
    print(f"{'':<16}{'':<12}" + "".join(f"{route:>14}" for route in ROUTES))
    for name in names:
        subject = SUBJECTS[name]
        counts = {route: found(subject, route) for route in ROUTES}
        for layer, wanted in subject.layers.items():
            cells = "".join(f"{f'{counts[route][layer]}/{wanted}':>14}" for route in ROUTES)
            print(f"{name:<16}{layer:<12}{cells}")
        others = sorted({layer for count in counts.values() for layer in count} - set(subject.layers))
        for layer in others:
            cells = "".join(f"{f'+{counts[route][layer]}' if counts[route][layer] else '':>14}" for route in ROUTES)
            print(f"{name:<16}{layer:<12}{cells}")


if __name__ == "__main__":
    main()
