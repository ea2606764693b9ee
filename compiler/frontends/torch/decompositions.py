"""Operators without a lowering of their own, expanded once into those PyTorch defines them by."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch._dispatch.python import enable_python_dispatcher
from torch._ops import OpOverload
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from oxide.frontends.torch.registry import DEFINITIONS

log = logging.getLogger("oxide.torch")


# Where libraries register kernels for all devices, which therefore are made of PyTorch's operators.
_COMPOSITE = torch._C.DispatchKey.CompositeExplicitAutograd
_CPU = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
# What an expansion takes as arguments; the rest is part of it.
_PLACEHOLDERS = (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)


def has_decomposition(op: OpOverload) -> bool:
    return _definition(op) is not None


def _definition(op: OpOverload) -> Callable[..., Any] | None:
    """A function of PyTorch's operators that computes what `op` does."""
    if str(op) in DEFINITIONS:
        return DEFINITIONS[str(op)]
    if op._can_decompose():
        return op.decompose
    if op in decomposition_table:
        return decomposition_table[op]
    own = op.namespace in ("aten", "prims")  # whose kernels may call themselves
    if not own and torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), _COMPOSITE):
        return partial(torch.library.get_kernel(op, "CPU").call_boxed, _CPU)
    return None


@dataclass
class Expansions:
    """The expansions made for one program, once per operator and signature; `counts` says which and how often."""

    counts: Counter[str] = field(default_factory=Counter)
    _graphs: dict[Any, torch.fx.GraphModule] = field(default_factory=dict)

    def expand(
        self, op: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[torch.fx.GraphModule, list[int]]:
        """The graph `op` is made of for these arguments (tensors are fake ones).

        Also the positions, among the leaves of (args, kwargs), of the tensors and symbolic numbers that are its
        placeholders.
        Whatever the decomposition raises passes through.
        """
        leaves, spec = pytree.tree_flatten((tuple(args), dict(kwargs)))
        positions = [index for index, leaf in enumerate(leaves) if isinstance(leaf, _PLACEHOLDERS)]
        key = (op, spec, tuple(_signature(leaf) for leaf in leaves))
        self.counts[str(op)] += 1
        if key not in self._graphs:
            self._graphs[key] = _expanded(op, leaves, spec, positions)
        return self._graphs[key], positions


def _expanded(op: OpOverload, leaves: list[Any], spec: Any, positions: list[int]) -> torch.fx.GraphModule:
    function = _definition(op)
    assert function is not None, f"{op} has no decomposition"
    try:
        return _trace(function, leaves, spec, positions)
    except RuntimeError:
        # Definitions in C++ may need numbers for sizes that are symbolic; PyTorch has some in Python as well.
        other = decomposition_table.get(op)
        if other is None or other is function:
            raise
        return _trace(other, leaves, spec, positions)


def trace(function: Callable[..., Any], args: Sequence[Any]) -> tuple[torch.fx.GraphModule, list[int]]:
    """The graph of what a Python function of fake tensors computes, and the positions among the leaves of `args` of
    its placeholders."""
    leaves, spec = pytree.tree_flatten((tuple(args), {}))
    positions = [index for index, leaf in enumerate(leaves) if isinstance(leaf, _PLACEHOLDERS)]
    return _trace(function, leaves, spec, positions), positions


def _signature(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return ("tensor", leaf.dtype, tuple(map(str, leaf.shape)), tuple(map(str, leaf.stride())))
    return (type(leaf), repr(leaf))


def _trace(
    function: Callable[..., Any], leaves: list[Any], spec: Any, positions: list[int]
) -> torch.fx.GraphModule:
    def run(*tensors: torch.Tensor) -> Any:
        filled = list(leaves)
        for position, tensor in zip(positions, tensors, strict=True):
            filled[position] = tensor
        args, kwargs = pytree.tree_unflatten(filled, spec)
        result = function(*args, **kwargs)
        if result is NotImplemented:
            raise NotImplementedError("there is none for these arguments")
        # A named tuple would be built by a node of the graph.
        return tuple(result) if isinstance(result, tuple) else result

    # PyTorch's definitions in Python, which open sizes need, come before lowerings of ours: not where they can.
    with torch.no_grad(), enable_python_dispatcher() if _is_open(leaves) else nullcontext():
        return make_fx(run)(*(leaves[position] for position in positions))


def _is_open(leaves: Sequence[Any]) -> bool:
    sizes = [d for leaf in leaves if isinstance(leaf, torch.Tensor) for d in leaf.shape]
    return any(isinstance(size, torch.SymInt) for size in (*leaves, *sizes))
