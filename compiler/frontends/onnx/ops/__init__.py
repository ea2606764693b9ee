"""Lowerings, one file a family of operators; importing this package registers them all."""

from oxide.frontends.onnx.ops import activations, constants, elementwise, indexing, tensors

__all__ = ["activations", "constants", "elementwise", "indexing", "tensors"]
