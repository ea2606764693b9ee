"""Modules checked against eager PyTorch: outputs, dtypes, and buffers after the call."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from conformance.torch_adapter import run
from torch.utils import _pytree as pytree

import oxide
from oxide.parameters import torch_array


class Function(torch.nn.Module):
    """A module that calls a function of its arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def check(
    module: torch.nn.Module | Callable[..., Any],
    *args: Any,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    **kwargs: Any,
) -> None:
    """Import, compile and run; compare with what the module gives on copies of the arguments."""
    if not isinstance(module, torch.nn.Module):
        module = Function(module)
    program = torch.export.export(copy.deepcopy(module), args, kwargs, strict=False)
    found = run(program, args, kwargs)
    with torch.no_grad():
        eager = copy.deepcopy(module)
        expected = eager(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    wanted = [leaf for leaf in pytree.tree_leaves(expected) if isinstance(leaf, torch.Tensor)]
    outputs = found["outputs"]
    assert len(outputs) == len(wanted)
    for actual, tensor in zip(outputs, wanted, strict=True):
        compare(actual, tensor, rtol, atol)
    compare_buffers(found["buffers"] or {}, dict(module.named_buffers()), dict(eager.named_buffers()), rtol, atol)


def compare(actual: np.ndarray, tensor: torch.Tensor, rtol: float, atol: float) -> None:
    expected = torch_array(tensor)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if actual.dtype.kind in "biu":
        np.testing.assert_array_equal(actual, expected)
        return
    wide = np.complex128 if actual.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(actual.astype(wide), expected.astype(wide), rtol=rtol, atol=atol)


def compare_buffers(
    found: Mapping[str, np.ndarray],
    before: Mapping[str, torch.Tensor],
    after: Mapping[str, torch.Tensor],
    rtol: float,
    atol: float,
) -> None:
    """Every buffer that changed has its new value among the results."""
    for name, tensor in after.items():
        if name in found:
            compare(found[name], tensor, rtol, atol)
        else:
            assert torch.equal(tensor, before[name]), f"buffer {name} changed and is not among the results"


def agrees(function: Callable[..., Any], examples: Sequence[tuple[torch.Tensor, ...]]) -> None:
    """One program, exported with the first example, gives what eager PyTorch gives for all of them."""
    program = torch.export.export(Function(function), examples[0], strict=False)
    executable = oxide.import_torch(program).compile(cache=False)
    names = [spec.name for spec in executable.inputs]
    for example in examples:
        given = {name: torch_array(value) for name, value in zip(names, example, strict=True)}
        found = list(executable.run(given).values())
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of variances of nothing
            expected = pytree.tree_leaves(function(*example))
        assert len(found) == len(expected)
        for actual, wanted in zip(found, expected, strict=True):
            tensor = wanted if isinstance(wanted, torch.Tensor) else torch.tensor(wanted)
            compare(np.asarray(actual), tensor, 1e-5, 1e-6)
