"""Checks around a lowering: what it is given, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects import dims, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.schemas import Schema
from oxide.frontends.torch.sizes import sizes
from oxide.frontends.torch.tensors import Tensor


def check_numbers(schema: Schema, arguments: Mapping[str, Any]) -> None:
    """Sizes, axes and options must be known; only arguments that schemas call `Scalar` may be computed.

    Raises OxideError.
    """
    for argument in schema.arguments:
        given = arguments[argument.name]
        if "Tensor" in argument.type or "number" in argument.type:
            continue
        if any(isinstance(leaf, Tensor) for leaf in (given if isinstance(given, list) else [given])):
            raise OxideError(
                f"argument {argument.name!r} must be known when the model is imported, but it depends on the "
                "values of tensors (.item()) or on a number that the model takes; make it a Python number"
            )


def check_result(result: Any, meta: Any) -> None:
    """What a lowering returns must be of the dtype and shape that PyTorch gives, `meta`.

    Raises OxideError; where open sizes decide, records what they must satisfy.
    """
    if isinstance(result, list | tuple):
        for part, expected in zip(result, meta, strict=True):
            check_result(part, expected)
    elif isinstance(result, ir.Value) and isinstance(meta, torch.Tensor):
        dtype, shape = to_numpy(meta.dtype), tuple(sizes(meta.shape))
        message = f"internal error: lowered to {result.type}, but PyTorch gives {dtype}{list(shape)}"
        if hlo.dtype(result) != dtype:
            raise OxideError(message)
        dims.require_same(hlo.shape(result), shape, message)
