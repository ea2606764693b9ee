"""Lowerings, one file a family of operators; importing this package registers them all."""

from oxide.frontends.onnx.ops import (
    activations,
    attention,
    cast,
    constants,
    convolution,
    decoding,
    elementwise,
    indexing,
    matrix,
    normalization,
    pooling,
    quantization,
    reductions,
    resize,
    tensors,
)

__all__ = [
    "activations",
    "attention",
    "cast",
    "constants",
    "convolution",
    "decoding",
    "elementwise",
    "indexing",
    "matrix",
    "normalization",
    "pooling",
    "quantization",
    "reductions",
    "resize",
    "tensors",
]
