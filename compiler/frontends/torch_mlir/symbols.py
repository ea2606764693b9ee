"""Open sizes of a module's inputs, as PyTorch's symbols: its shape rules then give those of everything else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from jaxlib.mlir import ir
from torch._dynamo.source import ConstantSource
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StrictMinMaxConstraint
from torch.utils._sympy.value_ranges import ValueRanges

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch_mlir.types import TensorType

# The example PyTorch's shape rules work with.  All sizes have the same one, since a module that does not say which
# of its sizes are equal (`?`) still adds tensors of them; it is a multiple of what sizes are often divided by.
_EXAMPLE = 720


class Sizes:
    """The symbols of one module, and the fake tensors made of them."""

    def __init__(self) -> None:
        self.env = ShapeEnv(duck_shape=False)
        self.mode = FakeTensorMode(shape_env=self.env, allow_non_fake_inputs=True)
        self._bounds: dict[Any, ValueRanges] = {}

    def symbol(self, name: str, low: int = 0, high: int = sys.maxsize) -> Any:
        """A size called `name`, between `low` and `high`."""
        source = ConstantSource(name)
        bounds = ValueRanges(low, high)
        example = min(max(_EXAMPLE, low), high)
        symbol: Any = self.env.create_symbol(
            example,
            source,
            dynamic_dim=DimDynamic.DYNAMIC,
            constraint_dim=StrictMinMaxConstraint(vr=bounds, warn_only=False),
        )
        self.env.source_name_to_debug_name[name] = name
        self._bounds[symbol] = self.env.var_to_range[symbol]
        return self.env.create_symintnode(symbol, hint=example, source=source)

    def tensor(self, name: str, kind: TensorType, shape: Sequence[Any] | None = None) -> torch.Tensor:
        """An input; `shape` is what the module says of its sizes besides the type.

        Raises OxideError when the type leaves its rank or its dtype open.
        """
        if kind.shape is None or kind.dtype is None:
            raise OxideError(f"input {name} has no shape or no dtype in its type; give it both in the module")
        named = shape or [None] * len(kind.shape)
        sizes = [
            size if size is not None else self.symbol(f"{name}_dim{axis}") if given is None else given
            for axis, (size, given) in enumerate(zip(kind.shape, named, strict=True))
        ]
        with self.mode:
            return torch.empty(sizes, dtype=kind.dtype)

    def forget_examples(self) -> None:
        """Put back the bounds of sizes: PyTorch narrows them where an example decides (a choice of kernel)."""
        self.env.var_to_range.update(self._bounds)


def evaluate(expression: Any, symbols: Sequence[Any]) -> Any:
    """What an affine expression over symbols comes to."""
    if isinstance(expression, ir.AffineConstantExpr):
        return expression.value
    if isinstance(expression, ir.AffineSymbolExpr):
        return symbols[expression.position]
    apply = next(apply for kind, apply in _OPERATIONS if isinstance(expression, kind))
    return apply(evaluate(expression.lhs, symbols), evaluate(expression.rhs, symbols))


_OPERATIONS = (
    (ir.AffineAddExpr, lambda a, b: a + b),
    (ir.AffineMulExpr, lambda a, b: a * b),
    (ir.AffineModExpr, lambda a, b: a % b),
    (ir.AffineFloorDivExpr, lambda a, b: a // b),
    (ir.AffineCeilDivExpr, lambda a, b: -(-a // b)),
)
