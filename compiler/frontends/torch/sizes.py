"""Sizes: integers as they are, and PyTorch's symbolic ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from oxide.dialects.diagnostics import OxideError


def size(value: Any) -> Any:
    """The size that an int or a torch.SymInt stands for.

    The one place where PyTorch's symbolic integers become Oxide's.  Raises OxideError for one that is not fixed.
    """
    if isinstance(value, torch.SymInt):
        if value.node.expr.is_number:
            return int(value.node.expr)
        raise OxideError(
            f"the size {value} is symbolic; export with fixed shapes (without dynamic_shapes) to import it"
        )
    return value


def sizes(values: Iterable[Any]) -> list[Any]:
    return [size(value) for value in values]
