"""Windows of signal processing, which depend on nothing but their length."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value

# window -> its values over a whole number of steps, both ends included.
_SHAPES = {"hann": np.hanning, "blackman": np.blackman, "bartlett": np.bartlett}


@lowering(*(f"aten.{name}_window.{overload}" for name in _SHAPES for overload in ("default", "periodic")))
def window(
    node: Node,
    window_length: int,
    periodic: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    """A periodic window lacks the last value of the symmetric one that is longer by one."""
    values = _SHAPES[node.op.split(".")[1].removesuffix("_window")](window_length + periodic)
    return _of_length(node, window_length, values)


@lowering(
    "aten.hamming_window.default",
    "aten.hamming_window.periodic",
    "aten.hamming_window.periodic_alpha",
    "aten.hamming_window.periodic_alpha_beta",
)
def hamming_window(
    node: Node,
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    """alpha - beta cos(2 pi n / steps)."""
    phase = np.linspace(0, 2 * np.pi, window_length + periodic)
    return _of_length(node, window_length, alpha - beta * np.cos(phase))


@lowering("aten.kaiser_window.default", "aten.kaiser_window.periodic", "aten.kaiser_window.beta")
def kaiser_window(
    node: Node,
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Value:
    """I0(beta sqrt(1 - (2 n / steps - 1)^2)) / I0(beta)."""
    return _of_length(node, window_length, np.kaiser(window_length + periodic, beta))


def _of_length(node: Node, length: int, values: np.ndarray) -> Value:
    """A window of a single value is 1 in any case."""
    return hlo.constant(values[:length] if length != 1 else np.ones(1), node.dtype)
