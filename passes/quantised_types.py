"""Quantised numbers, which passes that reckon with elements as numpy has them leave alone."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.passes.base import PassLog

_NUMBERS = (ir.IntegerType, ir.FloatType, ir.ComplexType)


def leaves_quantised(module: ir.Module, name: str, log: PassLog) -> bool:
    """Whether a module computes with quantised types; a remark at the first then says that the pass leaves it."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if any(_is_quantised(value.type) for value in (*op.operands, *op.results)):
            found.append(op)
            return ir.WalkResult.INTERRUPT
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        log.remark(
            op,
            f"{name}: the module stays as it is, {op.name} is of quantised numbers; "
            "stablehlo-legalize-quant-to-math makes integers of them",
        )
    return bool(found)


def _is_quantised(type_: ir.Type) -> bool:
    if not isinstance(type_, ir.RankedTensorType) or isinstance(type_.element_type, _NUMBERS):
        return False
    return str(type_.element_type).startswith("!quant.")
