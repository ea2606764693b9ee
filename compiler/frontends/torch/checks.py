"""Checks of what a lowering is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch.schemas import Schema
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
