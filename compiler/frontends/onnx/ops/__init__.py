"""Lowerings, one file a family of operators; importing this package registers them all."""

from oxide.frontends.onnx.ops import (
    activations,
    constants,
    convolution,
    elementwise,
    indexing,
    matrix,
    normalization,
    pooling,
    reductions,
    tensors,
)

__all__ = [
    "activations",
    "constants",
    "convolution",
    "elementwise",
    "indexing",
    "matrix",
    "normalization",
    "pooling",
    "reductions",
    "tensors",
]
