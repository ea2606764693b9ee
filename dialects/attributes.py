"""Typed readers of operations' attributes and types."""

from __future__ import annotations

from typing import cast

from jaxlib.mlir import ir


def integers(op: ir.Operation, name: str) -> list[int]:
    """The elements of an `array<i64: ...>` attribute."""
    return list(cast(ir.DenseI64ArrayAttr, op.attributes[name]))


def integer(op: ir.Operation, name: str) -> int:
    """The value of an integer attribute."""
    return cast(ir.IntegerAttr, op.attributes[name]).value


def symbol(op: ir.Operation, name: str) -> str:
    """The symbol a `@name` attribute refers to."""
    return cast(ir.FlatSymbolRefAttr, op.attributes[name]).value


def string(op: ir.Operation, name: str) -> str:
    """The text of a string attribute."""
    return cast(ir.StringAttr, op.attributes[name]).value


def keyword(op: ir.Operation, name: str) -> str:
    """The keyword of a StableHLO enum attribute: `LT` of `#stablehlo<comparison_direction LT>`."""
    return str(op.attributes[name]).rstrip(">").rsplit(" ", 1)[-1]


def tensor(value: ir.Value) -> ir.RankedTensorType:
    """The type of a value that is known to be a ranked tensor (StableHLO values are, tokens and tuples aside)."""
    return cast(ir.RankedTensorType, value.type)
