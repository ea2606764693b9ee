"""Edits of sizes: every dimension of one size becomes smaller, throughout the module.

Most operations take their shapes from types alone, and the same size mostly means the same thing (a batch, a
width).  Where it does not, the module is invalid and not tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.attributes import integers
from oxide.dialects.constants import dense, holds_constant, read_constant
from oxide.reduction.edits import Edit, operations

# Attributes whose numbers are sizes when they are equal to one.
_SIZES = ("limit_indices", "slice_sizes", "window_dimensions")


def sizes_to_one(module: ir.Module) -> list[Edit]:
    return [partial(_resize, module, size, 1) for size in _sizes(module) if size > 1]


def halve_sizes(module: ir.Module) -> list[Edit]:
    # Ascending: what was 8 and is 4 now must not be halved again.
    return [partial(_resize, module, size, size // 2) for size in _sizes(module) if size > 3]


def _sizes(module: ir.Module) -> list[int]:
    kinds = [result.type for op in operations(module) for result in op.results]
    kinds += [a.type for op in operations(module) for r in op.regions for b in r.blocks for a in b.arguments]
    return sorted({size for kind in kinds for size in _static(kind)})


def _static(kind: ir.Type) -> Sequence[int]:
    if not isinstance(kind, ir.RankedTensorType):
        return ()
    return [size for axis, size in enumerate(kind.shape) if not kind.is_dynamic_dim(axis)]


def _resize(module: ir.Module, old: int, new: int) -> None:
    for op in operations(module):
        if holds_constant(op):
            _cut_constant(op, old, new)
            continue
        for result in op.results:
            result.set_type(_resized(result.type, old, new))
        for region in op.regions:
            for block in region.blocks:
                for argument in block.arguments:
                    argument.set_type(_resized(argument.type, old, new))
        for name in _SIZES:
            if name in op.attributes:
                numbers = [new if number == old else number for number in integers(op, name)]
                op.attributes[name] = ir.DenseI64ArrayAttr.get(numbers)
        if op.name == "func.func":
            kind = ir.FunctionType(ir.TypeAttr(op.attributes["function_type"]).value)
            inputs, results = ([_resized(t, old, new) for t in types] for types in (kind.inputs, kind.results))
            op.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))


def _resized(kind: ir.Type, old: int, new: int) -> ir.Type:
    if old not in _static(kind):
        return kind
    tensor = ir.RankedTensorType(kind)
    shape = [new if size == old else size for size in tensor.shape]
    return ir.RankedTensorType.get(shape, tensor.element_type, tensor.encoding, ir.Location.unknown(kind.context))


def _cut_constant(op: ir.Operation, old: int, new: int) -> None:
    """The leading part of a constant."""
    value = read_constant(op)
    if old not in value.shape:
        return
    part = value[tuple(slice(new if size == old else size) for size in value.shape)]
    with ir.InsertionPoint(op), op.location:
        replacement = stablehlo.ConstantOp(dense(part)).result
    op.results[0].replace_all_uses_with(replacement)
    op.erase()
