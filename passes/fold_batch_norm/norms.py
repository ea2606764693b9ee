"""Batch norms by given statistics, and what they multiply by and add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import integer, string


@dataclass(frozen=True)
class BatchNorm:
    """An operation that normalises its first operand along `axis` with given statistics."""

    op: ir.Operation
    axis: int
    epsilon: float

    @property
    def x(self) -> ir.Value:
        return self.op.operands[0]

    @property
    def weights(self) -> Sequence[ir.Value]:
        return list(self.op.operands)[1:]

    def factor(self) -> ir.Value:
        """scale / sqrt(variance + epsilon), one number a channel."""
        scale, _, _, variance = self.weights
        return hlo.multiply(scale, hlo.rsqrt(hlo.add(variance, self.epsilon)))

    def offset(self, factor: ir.Value) -> ir.Value:
        """bias - mean * factor, one number a channel."""
        _, bias, mean, _ = self.weights
        return hlo.subtract(bias, hlo.multiply(mean, factor))


def batch_norm(op: ir.Operation) -> BatchNorm | None:
    if op.name == "stablehlo.batch_norm_inference":
        epsilon = ir.FloatAttr(op.attributes["epsilon"]).value
        return BatchNorm(op, integer(op, "feature_index"), epsilon)
    if op.name != "stablehlo.composite" or string(op, "name") != "oxide.batch_norm":
        return None
    attributes = composites.attributes_of(op)
    axis, epsilon = attributes["axis"], attributes["epsilon"]
    assert isinstance(axis, int)
    assert isinstance(epsilon, float)
    return BatchNorm(op, axis, epsilon)
