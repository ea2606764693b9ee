"""Recognises what a region computes, for operations that JAX writes with a named function."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.attributes import keyword


def body(region: ir.Region) -> list[ir.OpView]:
    return list(region.blocks[0].operations)


def monoid(region: ir.Region) -> str:
    """`add` for a region that returns the sum of its two arguments; empty when it is not one such operation."""
    operations = body(region)
    if len(operations) != 2:
        return ""
    op, terminator = operations
    arguments = list(region.blocks[0].arguments)
    if len(op.operands) != 2 or len(arguments) != 2 or list(terminator.operands) != list(op.results):
        return ""
    left, right = op.operands
    in_order = left == arguments[0] and right == arguments[1]
    swapped = left == arguments[1] and right == arguments[0]
    name = op.operation.name.removeprefix("stablehlo.")
    commutes = name in ("add", "multiply", "maximum", "minimum", "and", "or")
    return name if in_order or (swapped and commutes) else ""


def replaces(region: ir.Region) -> bool:
    """Whether a region returns its second argument, as the body of a scatter that overwrites does."""
    operations = body(region)
    return len(operations) == 1 and operations[0].operands[0] == region.blocks[0].arguments[1]


def comparison(region: ir.Region) -> tuple[str, int, str] | None:
    """`(direction, which pair, type)` of a region that compares arguments 2i and 2i+1; None for any other.

    The direction is for (first, second); `type` is FLOAT, TOTALORDER, SIGNED, UNSIGNED or empty.
    """
    operations = body(region)
    if len(operations) != 2 or operations[0].operation.name != "stablehlo.compare":
        return None
    op, terminator = operations
    if list(terminator.operands) != list(op.results):
        return None
    arguments: list[ir.Value] = list(region.blocks[0].arguments)
    left, right = op.operands
    if left not in arguments or right not in arguments:
        return None
    i, j = arguments.index(left), arguments.index(right)
    if i // 2 != j // 2 or i == j:
        return None
    direction = keyword(op.operation, "comparison_direction")
    if i > j:
        direction = direction.translate(str.maketrans("LG", "GL"))
    kind = keyword(op.operation, "compare_type") if "compare_type" in op.attributes else ""
    return direction, i // 2, kind


def fingerprint(region: ir.Region) -> tuple[object, ...]:
    """The structure of a region: each operation with its operands (by number) and attributes.

    Two regions with one fingerprint compute the same function of arguments of the same types.
    """
    numbers: dict[ir.Value, int] = {}
    for argument in region.blocks[0].arguments:
        numbers[argument] = len(numbers)
    rows: list[object] = []
    for op in body(region):
        operands = tuple(numbers.get(v, -1) for v in op.operands)
        attributes = tuple(f"{name}={op.attributes[name]}" for name in _attribute_names(op))
        rows.append((op.operation.name, operands, attributes))
        for result in op.results:
            numbers[result] = len(numbers)
    return tuple(rows)


def _attribute_names(op: ir.OpView) -> list[str]:
    attributes = op.attributes
    return sorted(attributes[i].name for i in range(len(attributes)))
