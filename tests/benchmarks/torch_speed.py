"""Latency of PyTorch models: Oxide's executable, torch.compile with Oxide and with inductor, eager PyTorch.

    python tests/benchmarks/torch_speed.py [NET...] [--seconds 3]

Prints median milliseconds of a call, and how many times faster than eager that is.  All take and return tensors
and use the same number of threads; calls alternate in rounds, so that other load on the machine meets all alike.
Inductor needs a C++ compiler; a dash stands where it does not run.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch._dynamo.exc import BackendCompilerFailed

import oxide
from oxide.tools.oxide_text import table

sys.path.insert(0, str(Path(__file__).parents[1]))
from models.architectures import ResNet18
from models.sequence_architectures import BertBase, Gpt2Small, Lstm

Call = Callable[[], Any]


def bert() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """Four layers of 512: BERT-small."""
    ids = torch.randint(0, 1000, (1, 64))
    return BertBase(512, 4, 8), (ids, torch.ones_like(ids), torch.zeros_like(ids))


def gpt2_step() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """One token after 64."""
    past = [torch.randn(1, 12, 64, 64) for _ in range(24)]
    return Gpt2Small(), (torch.randint(0, 1000, (1, 1)), *past)


NETS: dict[str, Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...]]]] = {
    "ResNet-18": lambda: (ResNet18(), (torch.randn(1, 3, 224, 224),)),
    "BERT-small": bert,
    "GPT-2 small, one step": gpt2_step,
    "LSTM": lambda: (Lstm(), (torch.randn(4, 32, 64),)),
}


def executable(module: nn.Module, args: tuple[torch.Tensor, ...]) -> Call:
    compiled = oxide.import_torch(module, args).compile(cache=False)
    inputs = dict(zip((spec.name for spec in compiled.inputs), args, strict=True))
    return lambda: [torch.from_dlpack(value) for value in compiled.run(inputs).values()]


def compiled_by(backend: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], Call]:
    def build(module: nn.Module, args: tuple[torch.Tensor, ...]) -> Call:
        compiled = torch.compile(module, backend=backend)
        return lambda: compiled(*args)

    return build


def eager(module: nn.Module, args: tuple[torch.Tensor, ...]) -> Call:
    return lambda: module(*args)


WAYS: dict[str, Callable[[nn.Module, tuple[torch.Tensor, ...]], Call]] = {
    "eager": eager,
    "Oxide": executable,
    "torch.compile, oxide": compiled_by("oxide"),
    "torch.compile, inductor": compiled_by("inductor"),
}


def started(way: str, module: nn.Module, args: tuple[torch.Tensor, ...]) -> Call | None:
    """The call after it has compiled; None where the compiler of a peer is missing."""
    call = WAYS[way](module, args)
    try:
        call()
    except BackendCompilerFailed as error:
        if "inductor" not in way:
            raise
        print(f"{way}: {error}".partition("\n")[0], file=sys.stderr)
        return None
    return call


def measure(name: str, seconds: float) -> list[str]:
    torch.manual_seed(0)
    torch._dynamo.reset()
    module, args = NETS[name]()
    module.eval()
    calls = {way: started(way, module, args) for way in WAYS}
    times: dict[str, list[float]] = {way: [] for way, call in calls.items() if call}
    end = perf_counter() + seconds * len(times)
    while perf_counter() < end:
        for way in times:
            call = calls[way]
            assert call is not None
            start = perf_counter()
            call()
            times[way].append((perf_counter() - start) * 1e3)
    reference = median(times["eager"])
    cells = [f"{median(times[w]):.2f} ({reference / median(times[w]):.2f}x)" if w in times else "-" for w in WAYS]
    return [name, *cells, str(len(times["eager"]))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", nargs="*", help=f"only these: {', '.join(NETS)}")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to time each way")
    options = parser.parse_args()
    logging.getLogger("torch").setLevel(logging.ERROR)
    torch.set_num_threads(os.cpu_count() or 1)
    with torch.no_grad():
        rows = [measure(name, options.seconds) for name in options.net or NETS]
    print(table([["net", *(f"{way}, ms" for way in WAYS), "rounds"], *rows]))


if __name__ == "__main__":
    main()
