"""Damage `.pt2` files for a stated time and count what becomes of them.

    python tests/fuzz/torch_archives.py --seconds 120 --seed 0
    python tests/fuzz/torch_archives.py --first 4711 --count 1         that archive again

Each damaged archive is loaded in a process of its own with limits on time and memory.  It must be imported, or be
refused with an OxideError that is no internal error.  Another exception, a crash, a hang, too much memory, or a
file that code in the archive wrote is a find.  Exit code 1 when there are finds.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import torch

import oxide

TIME_LIMIT = 20  # seconds of CPU
MEMORY_LIMIT = 2 << 30  # beyond what the process has when it starts
NUMBERS = (-1, 0, 1, 2**31, 2**40, 2**63 - 1, 2**64, -(2**63), 1e308, None, True, "x", [], {})
Files = dict[str, bytes]


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 4)
        self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor, past: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        self.calls += 1
        y = torch.cond(x.sum() > 0, lambda a: a * 2, lambda a: a - 1, (self.linear(x),))
        return {"y": y * self.scale[: y.shape[1]], "k": past["key"].reshape(-1)[::2]}


class WritesFile:
    """What a hostile pickle would do."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.path),)


def sound() -> Files:
    rows = torch.export.Dim("rows", min=3, max=50)
    shapes = {"x": {0: rows}, "past": {"key": {0: rows}}}
    example = (torch.ones(4, 3), {"key": torch.ones(4, 2)})
    data = io.BytesIO()
    torch.export.save(torch.export.export(Net(), example, dynamic_shapes=shapes, strict=False), data)
    with zipfile.ZipFile(data) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(files: Files) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


# ------------------------------------------------------------------------------------------------ mutations


def truncate(files: Files, rng: Random, mark: str) -> bytes:
    data = archive_of(files)
    return data[: rng.randrange(len(data))]


def flip(files: Files, rng: Random, mark: str) -> bytes:
    data = bytearray(archive_of(files))
    for _ in range(rng.choice((1, 4, 32))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def flip_in_file(files: Files, rng: Random, mark: str) -> bytes:
    """Behind the checksums of the archive."""
    name = rng.choice([name for name, content in files.items() if content])
    content = bytearray(files[name])
    for _ in range(rng.choice((1, 2, 8))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return archive_of({**files, name: bytes(content)})


def drop(files: Files, rng: Random, mark: str) -> bytes:
    gone = rng.choice(list(files))
    return archive_of({name: content for name, content in files.items() if name != gone})


def rename(files: Files, rng: Random, mark: str) -> bytes:
    """A path that leaves the archive."""
    name = rng.choice(list(files))
    other = rng.choice(("/", "../", "../../../", "a/../../", "\\", "C:\\", "a\0")) + name
    if rng.random() < 0.5:
        return archive_of({**files, other: files[name]})
    return archive_of({other if old == name else old: content for old, content in files.items()})


def run_code(files: Files, rng: Random, mark: str) -> bytes:
    name = rng.choice(list(files))
    return archive_of({**files, name: pickle.dumps(WritesFile(mark))})


def change_version(files: Files, rng: Random, mark: str) -> bytes:
    name = rng.choice([name for name in files if "version" in name])
    return archive_of({**files, name: rng.choice((b"", b"0", b"-1", b"99999999999", b"x", b"\xff"))})


def change_json(files: Files, rng: Random, mark: str) -> bytes:
    """One value of a JSON document replaced, removed, or swapped with another."""
    name = rng.choice([name for name in files if name.endswith(".json")])
    document = json.loads(files[name])
    for _ in range(rng.choice((1, 1, 3))):
        places = list(_places(document))
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        elif rng.random() < 0.3:
            other, at = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[at]))
        else:
            holder[key] = rng.choice(NUMBERS)
    return archive_of({**files, name: json.dumps(document).encode()})


def _places(value: Any) -> Any:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


MUTATIONS = (truncate, flip, flip_in_file, drop, rename, run_code, change_version, change_json, change_json)


# -------------------------------------------------------------------------------------------------- judging


def outcome(data: bytes, mark: str) -> tuple[str, str]:
    """What loading the bytes came to: `imported`, `refused`, or what is wrong, with a message."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, json.dumps(_load(data)).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if Path(mark).exists():
        return "code ran", mark
    if os.WIFSIGNALED(status):
        return "crash", signal.Signals(os.WTERMSIG(status)).name
    kind, message = json.loads(said)
    return kind, message


def _load(data: bytes) -> tuple[str, str]:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_LIMIT, now + MEMORY_LIMIT))
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + TIME_LIMIT, int(used) + TIME_LIMIT + 1))
    try:
        oxide.load(data)
        return "imported", ""
    except oxide.OxideError as error:
        text = "\n".join([error.message, *map(str, error.diagnostics)])
        return ("internal error" if "internal error" in text else "refused"), text
    except BaseException as error:
        return "exception", f"{type(error).__name__}: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1 << 60)
    options = parser.parse_args()
    files, counts, finds, start = sound(), Counter[str](), 0, time.monotonic()
    oxide.load(archive_of(files))  # what is imported on first use need not be in each child
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.count):
            if time.monotonic() - start > options.seconds:
                break
            rng, mark = Random(f"{options.seed}:{number}"), os.path.join(folder, str(number))
            mutation = rng.choice(MUTATIONS)
            kind, message = outcome(mutation(files, rng, mark), mark)
            counts[kind] += 1
            if kind not in ("imported", "refused"):
                finds += 1
                print(f"{kind}: archive {number} by {mutation.__name__}\n    {message}", flush=True)
            elif options.count == 1:
                print(kind, message)
    print(f"{sum(counts.values())} archives in {time.monotonic() - start:.0f} s: {dict(counts)}")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
