"""Where a node comes from: its module path and the line of the user's code that made it."""

from __future__ import annotations

import os
import re
from functools import lru_cache

import torch
from jaxlib.mlir import ir

_FRAME = re.compile(r'File "(.+?)", line (\d+)')
_TORCH = os.path.dirname(torch.__file__) + os.sep


def node_name(node: torch.fx.Node) -> str:
    """`layers.0.attention/softmax`: the path of the innermost module, then the node's own name."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return node.name
    path = next(reversed(stack.values()))[0]
    return f"{path}/{node.name}" if path else node.name


def node_place(node: torch.fx.Node) -> tuple[str, int]:
    """File and line of the innermost frame outside PyTorch itself, ("", 0) when the graph does not say."""
    return _innermost(node.meta.get("stack_trace") or "")


@lru_cache(maxsize=4096)
def _innermost(trace: str) -> tuple[str, int]:
    frames = _FRAME.findall(trace)
    if not frames:
        return "", 0
    # Graphs that TorchDynamo made are frames, too: `<eval_with_key>.6`.
    users = [frame for frame in frames if not frame[0].startswith((_TORCH, "<eval_with_key>"))]
    file, line = (users or frames)[-1]
    return file, int(line)


def place_text(node: torch.fx.Node) -> str:
    file, line = node_place(node)
    return f"{file}:{line}" if file else ""


def location(node: torch.fx.Node) -> ir.Location:
    """`loc("layers.0/softmax"("model.py":12:0))`."""
    file, line = node_place(node)
    child = ir.Location.file(file, line, 0) if file else None
    return ir.Location.name(node_name(node), child)
