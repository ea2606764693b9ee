"""Typed readers of operations' attributes and types."""

from __future__ import annotations

from typing import cast

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text

# On an input or a result of `@main`: what the source program calls it.
NAME = "oxide.name"
# On an argument of `@main`: it is a weight, and this is its name.
PARAM = "oxide.param"
# On `@main`: the name of the function that computes some of its weights from others, `"prepare"`.  That function's
# arguments are weights (`oxide.param`), and each result has the name (`oxide.name`) of the weight of `@main` it is.
PREPARE = "oxide.prepare"

# On a result of `@main`: the name of the argument (an input's `oxide.name` or a weight's `oxide.param`) whose new
# value it is.  The source program mutates that argument; who runs the model may donate its memory to the result.
UPDATES = "oxide.updates"

# On an int32 result of rank 0 of `@main`: what the source program asserts, `["x is positive", ...]`.  The result is
# the number of the first assertion that failed, from 1, or 0; who runs the model reports it.
CHECKS = "oxide.checks"

# On an argument or result of `@main` with dynamic dimensions: their sizes, `"batch, 3, 2*seq + 1"` (the syntax of
# `oxide.dialects.dims.parse_sizes`).  A name means one size throughout the function.
SHAPE = "oxide.shape"
# On `@main`: relations between sizes that its operations rely on, `[{relation = "a == b", origin = "loc(...)"}]`,
# with `==` or `>=`; `origin` says which operation, and may be missing.
CONSTRAINTS = "oxide.constraints"

# The kinds of the above: those of arguments and results, and those of functions.
_OF_VALUES = {
    NAME: ir.StringAttr,
    PARAM: ir.StringAttr,
    UPDATES: ir.StringAttr,
    CHECKS: ir.ArrayAttr,
    SHAPE: ir.StringAttr,
}
_OF_FUNCTIONS = {PREPARE: ir.StringAttr, CONSTRAINTS: ir.ArrayAttr}


def check_attributes(function: ir.Operation) -> None:
    """Raise OxideError when an attribute of Oxide's is not of its kind: MLIR's verifier knows none of them."""
    groups = [(function.attributes, _OF_FUNCTIONS)]
    for side in ("arg_attrs", "res_attrs"):
        if side in function.attributes:
            groups += [(ir.DictAttr(item), _OF_VALUES) for item in ir.ArrayAttr(function.attributes[side])]
    place = location_text(function.location)
    wrong = [
        Diagnostic("error", f"{key} must be a {kind.__name__.removesuffix('Attr').lower()}", place)
        for attributes, kinds in groups
        for key, kind in kinds.items()
        if key in attributes and not isinstance(attributes[key], kind)
    ]
    if wrong:
        raise OxideError(f"attributes of @{string(function, 'sym_name')} are not what they must be", wrong)


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
