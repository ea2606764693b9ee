"""PyTorch's own database of operators (OpInfo) as conformance cases: one for each operator and variant.

A case takes the first and the last sample input of the database on the CPU (float32; int64, bool or complex64 where
an operator has no float32), wraps the operator as a module whose tensors are inputs and whose other arguments are
constants, exports and imports it, and compares what it computes with eager PyTorch: values, shapes, exact dtypes.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from conformance.torch_adapter import run
from torch.utils import _pytree as pytree

from oxide import OxideError

PASS, REFUSED, WRONG = "passes", "refused", "wrong"
# Samples looked at to find the last one; some generators have thousands.
MOST_SAMPLES = 400
TOLERANCE = 1e-4

# Not programs on dense tensors with a defined result.
_LEFT_OUT = (
    ("jiterator_", "compiles CUDA text"),
    ("sparse_", "sparse tensors"),
    ("to_sparse", "sparse tensors"),
    ("empty", "uninitialised memory"),
    ("new_empty", "uninitialised memory"),
    ("bmm_triton", "a Triton kernel"),
)
# PyTorch's random functions; random ones that are not here are found by running them twice.
_RANDOM = frozenset(
    (
        *("bernoulli", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "nn_functional_rrelu"),
        *("normal", "normal_in_place", "normal_number_mean", "rand_like", "randint", "randint_like", "randn"),
        *("randn_like", "uniform"),
    )
)


class NotApplicable(Exception):
    """Why a case is no test of an importer."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended: PASS, REFUSED or WRONG with the message, over how many samples."""

    verdict: str
    samples: int
    detail: str = ""


@cache
def _database() -> dict[str, Any]:
    from torch.testing._internal.common_methods_invocations import op_db

    return {op.formatted_name: op for op in op_db}


def case_names() -> list[str]:
    return sorted(_database())


# What runs an exported program: `torch_adapter.run`, or the like by another way.
Runner = Callable[[torch.export.ExportedProgram, tuple[Any, ...], dict[str, Any]], dict[str, Any]]


def run_case(name: str, run: Runner = run) -> Outcome:
    """Run one case.  Raises NotApplicable for one that says nothing about an importer."""
    for start, reason in _LEFT_OUT:
        if name.startswith(start):
            raise NotApplicable(reason)
    if name in _RANDOM or "dropout" in name:
        raise NotApplicable("random")
    op = _database()[name]
    dtype = _dtype(op)
    if dtype is None:
        raise NotApplicable("no float32, int64, bool or complex64 on the CPU")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of PyTorch's operators, some once a process
        return _run_samples(name, op, dtype, run)


def _run_samples(name: str, op: Any, dtype: torch.dtype, run: Runner) -> Outcome:
    done, why = 0, "no sample inputs"
    for sample in _samples(op, dtype):
        try:
            detail = _check_sample(name, op, dtype, sample, run)
        except NotApplicable as reason:
            why = str(reason)
            continue
        except OxideError as error:
            return Outcome(REFUSED, done, str(error))
        if detail:
            return Outcome(WRONG, done, detail)
        done += 1
    if not done:
        raise NotApplicable(why)
    return Outcome(PASS, done)


def _dtype(op: Any) -> torch.dtype | None:
    supported = op.supported_dtypes("cpu")
    return next((d for d in (torch.float32, torch.int64, torch.bool, torch.complex64) if d in supported), None)


def _samples(op: Any, dtype: torch.dtype) -> list[Any]:
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    found = list(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=False), MOST_SAMPLES))
    return found if len(found) < 2 else [found[0], found[-1]]


class _Applied(torch.nn.Module):
    """An operator whose tensor arguments are the module's inputs and whose others are constants."""

    def __init__(self, op: Any, sample: Any) -> None:
        super().__init__()
        arguments = (sample.input, tuple(sample.args), dict(sample.kwargs))
        leaves, self.tree = pytree.tree_flatten(arguments)
        self.function: Callable[..., Any] = op.op
        self.constants = [None if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        self.is_tensor = [isinstance(leaf, torch.Tensor) for leaf in leaves]
        self.example = tuple(leaf.detach() for leaf in leaves if isinstance(leaf, torch.Tensor))

    def forward(self, *tensors: torch.Tensor) -> Any:
        given = iter(tensors)
        leaves = [next(given) if t else c for t, c in zip(self.is_tensor, self.constants, strict=True)]
        first, args, kwargs = pytree.tree_unflatten(leaves, self.tree)
        return self.function(first, *args, **kwargs)


def _copies(tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return tuple(t.clone() if t.is_contiguous() else t for t in tensors)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _check_sample(name: str, op: Any, dtype: torch.dtype, sample: Any, run: Runner) -> str:
    """What is wrong with one sample, empty when nothing is."""
    module = _Applied(op, sample)
    with torch.no_grad():
        expected = _reference(module)
        try:
            program = torch.export.export(module, _copies(module.example), strict=False)
        except Exception as error:
            raise NotApplicable(f"torch.export refuses it: {type(error).__name__}") from error
        by_torch = [t.clone() for t in _tensors(program.module()(*_copies(module.example)))]
        if compare(name, module.example, by_torch, expected, _tolerance(op, dtype)):
            raise NotApplicable("the exported program does not repeat eager PyTorch")  # random, with a fixed seed
        found = run(program, _copies(module.example), {})
    actual = [torch.from_numpy(np.array(a)) if _in_numpy(a) else _by_bits(a) for a in found["outputs"]]
    return compare(name, module.example, actual, expected, _tolerance(op, dtype))


def _reference(module: _Applied) -> list[torch.Tensor]:
    """Eager PyTorch's outputs.  Raises NotApplicable where they are not defined by the inputs."""
    results, inputs = [], _copies(module.example)
    for seed in (1, 2):
        torch.manual_seed(seed)
        inputs = _copies(module.example)
        try:
            results.append([t.clone() for t in _tensors(module(*inputs))])
        except Exception as error:
            raise NotApplicable(f"PyTorch refuses it: {type(error).__name__}") from error
    first, second = results
    if not first:
        raise NotApplicable("no tensor comes out")
    if any(t.layout != torch.strided or t.is_quantized for t in (*first, *inputs)):
        raise NotApplicable("sparse or quantised tensors")
    if any(not torch.allclose(a, b, equal_nan=True) for a, b in zip(first, second, strict=True)):
        raise NotApplicable("random")
    if any(not torch.equal(a, b) and not a.isnan().any() for a, b in zip(inputs, module.example, strict=True)):
        raise NotApplicable("it changes its arguments")
    return [t.resolve_conj().resolve_neg() for t in first]


def _in_numpy(array: np.ndarray) -> bool:
    return array.dtype.kind in "biufc" and array.dtype.itemsize <= 16 and array.dtype.isbuiltin == 1


def _by_bits(array: np.ndarray) -> torch.Tensor:
    """A tensor of a dtype that numpy has from ml_dtypes only."""
    dtype = getattr(torch, str(array.dtype))
    return torch.from_numpy(array.copy().view(f"u{array.dtype.itemsize}")).view(dtype)


def _tolerance(op: Any, dtype: torch.dtype) -> float:
    """The database's own where it is wider, which it is for operators that are badly conditioned."""
    from torch.testing._internal.common_device_type import toleranceOverride

    found = TOLERANCE
    for decorator in op.decorators or ():
        for inner in getattr(decorator, "decorators", ()):
            if isinstance(inner, toleranceOverride) and dtype in inner.d and decorator.device_type in (None, "cpu"):
                found = max(found, inner.d[dtype].rtol, inner.d[dtype].atol)
    return min(found, 5e-2)


# ------------------------------------------------------------------------------------------ comparing


def compare(
    name: str,
    inputs: Sequence[torch.Tensor],
    actual: Sequence[torch.Tensor],
    expected: Sequence[torch.Tensor],
    tolerance: float,
) -> str:
    if len(actual) != len(expected):
        return f"{len(actual)} outputs, PyTorch has {len(expected)}"
    for index, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if a.dtype != e.dtype or a.shape != e.shape:
            return f"output {index} is {a.dtype}{list(a.shape)}, PyTorch's {e.dtype}{list(e.shape)}"
    defined = _DEFINED.get(name, lambda inputs, outputs: outputs)
    for index, (a, e) in enumerate(zip(defined(inputs, actual), defined(inputs, expected), strict=True)):
        exact = not (e.is_floating_point() or e.is_complex())
        bound = 0 if exact else tolerance
        try:
            torch.testing.assert_close(a, e, rtol=bound, atol=bound, equal_nan=True, check_stride=False)
        except AssertionError as error:
            return f"output {index}: {' '.join(str(error).split())[:300]}"
    return ""


Outputs = Sequence[torch.Tensor]


def _svd(inputs: Outputs, outputs: Outputs, *, conjugate: bool = True) -> Outputs:
    """Singular vectors are free up to a phase: the values and the product are not."""
    if len(outputs) != 3:
        return outputs
    u, s, v = outputs
    v = v if conjugate else v.mH
    size = s.shape[-1]
    return [s, u[..., :, :size] @ torch.diag_embed(s).to(u.dtype) @ v[..., :size, :]]


def _eigh(inputs: Outputs, outputs: Outputs) -> Outputs:
    values, vectors = outputs
    return [values, vectors @ torch.diag_embed(values).to(vectors.dtype) @ vectors.mH]


def _sorted(values: torch.Tensor) -> torch.Tensor:
    """Complex numbers in the order of their rounded real, then imaginary parts, along the last dimension."""
    array = values.numpy()
    order = np.lexsort((np.round(np.imag(array), 3), np.round(np.real(array), 3)))
    return torch.from_numpy(np.take_along_axis(array, order, -1))


def _eig(inputs: Outputs, outputs: Outputs) -> Outputs:
    values, vectors = outputs
    residual = inputs[0].to(vectors.dtype) @ vectors - vectors @ torch.diag_embed(values)
    return [_sorted(values), residual]


def _qr(inputs: Outputs, outputs: Outputs) -> Outputs:
    q, r = outputs
    return [r.abs()] if not q.numel() else [q @ r, r.abs()]


def _transposed_svd(inputs: Outputs, outputs: Outputs) -> Outputs:
    return _svd(inputs, outputs, conjugate=False)


# What is defined of results that are free up to signs, phases or order.
_DEFINED: dict[str, Callable[[Outputs, Outputs], Outputs]] = {
    "svd": _transposed_svd,
    "svd_lowrank": _transposed_svd,
    "pca_lowrank": _transposed_svd,
    "linalg_svd": _svd,
    "linalg_eigh": _eigh,
    "linalg_eig": _eig,
    "linalg_eigvals": lambda inputs, outputs: [_sorted(outputs[0])],
    "qr": _qr,
    "linalg_qr": _qr,
}
