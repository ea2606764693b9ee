"""Time from an exported PyTorch program to verified StableHLO, torch.export not counted.

    python tests/benchmarks/torch_import.py

Prints the median and minimum wall time in milliseconds over rounds after a first, uncounted one, the CPU time,
the number of graph nodes, and how many bytes of the weights share the module's memory.  The project's target is
150 ms for each of the three large nets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from torch import nn

import oxide
from oxide.tools.oxide_text import table

sys.path.insert(0, str(Path(__file__).parents[1]))
from models.architectures import ResNet18
from models.sequence_architectures import BertBase, Gpt2Small

ROUNDS = 9


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions with batch norm around a shortcut (He et al., 2016)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        sizes = [(channels, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o)) for i, o, k, s in sizes
        )
        self.shortcut = (
            nn.Sequential(nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
            if stride > 1 or channels != 4 * width
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for number, convolution in enumerate(self.convolutions):
            y = convolution(y if number == 0 else torch.relu(y))
        return torch.relu(y + self.shortcut(x))


class ResNet50(nn.Sequential):
    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        layers.append(nn.MaxPool2d(3, 2, 1))
        channels = 64
        for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for block in range(blocks):
                layers.append(Bottleneck(channels, width, stride if block == 0 else 1))
                channels = 4 * width
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Chain(nn.Module):
    """Twice as many nodes, twice the time."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.length):
            x = torch.sin(x) + x
        return x


def _ids(batch: int, length: int) -> tuple[torch.Tensor, ...]:
    return (torch.zeros(batch, length, dtype=torch.int64),)


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[torch.Tensor, ...]]]] = {
    "ResNet-50": (ResNet50, lambda: (torch.zeros(1, 3, 224, 224),)),
    "BERT-base": (BertBase, lambda: _ids(1, 128) * 3),
    "GPT-2 small": (Gpt2Small, lambda: _ids(1, 128)),
    "ResNet-18": (ResNet18, lambda: (torch.zeros(1, 3, 224, 224),)),
    "chain of 1,000": (lambda: Chain(500), lambda: (torch.zeros(8),)),
    "chain of 8,000": (lambda: Chain(4000), lambda: (torch.zeros(8),)),
}


def measure(name: str) -> list[str]:
    build, example = NETS[name]
    torch.manual_seed(0)
    module = build().eval()
    program = torch.export.export(module, example(), strict=False)
    model = oxide.import_torch(program)
    wall, cpu = [], []
    for _ in range(ROUNDS):
        start = perf_counter(), process_time()
        model = oxide.import_torch(program)
        wall.append((perf_counter() - start[0]) * 1e3)
        cpu.append((process_time() - start[1]) * 1e3)
    owned = {tensor.data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    arrays = [np.asarray(model.parameters[spec.name]) for spec in model.parameter_specs]
    shared = sum(array.nbytes for array in arrays if array.__array_interface__["data"][0] in owned)
    total = sum(array.nbytes for array in arrays)
    nodes = len(program.graph.nodes)
    return [
        name,
        *(f"{t:.0f}" for t in (median(wall), min(wall), min(cpu))),
        str(nodes),
        f"{shared:,} of {total:,}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", nargs="*", help=f"only these: {', '.join(NETS)}")
    names = parser.parse_args().net or list(NETS)
    rows = [["net", "median ms", "min ms", "CPU ms", "nodes", "bytes shared"]]
    print(table(rows + [measure(name) for name in names]))


if __name__ == "__main__":
    main()
