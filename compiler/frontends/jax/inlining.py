"""Operations of a JAX function in the middle of a module: for operators that a front end's user lowers with JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.jax import import_jax
from oxide.signature import entry_function


def inline(
    function: Callable[..., Any], tensors: Sequence[ir.Value], weight: Callable[[np.ndarray], ir.Value], name: str
) -> list[ir.Value]:
    """The results of `function(*tensors)` as values at the insertion point, operations located at `name`.

    `weight` makes a value of an array that the function closes over.  Integers have 64 bits.  Raises OxideError
    when JAX cannot trace the function, or a size is not known.
    """
    for value in tensors:
        if not ir.RankedTensorType(value.type).has_static_shape:
            raise OxideError(
                f"JAX functions are traced for fixed sizes, and an input is {value.type}; fix its sizes"
            )
    with jax.enable_x64(True):
        traced = import_jax(function, *(jax.ShapeDtypeStruct(hlo.shape(t), hlo.dtype(t)) for t in tensors))
    traced.run_passes("inline,decompose-composites,symbol-dce")
    weights = [weight(np.asarray(traced.parameters[spec.name])) for spec in traced.parameter_specs]
    return _move(traced.module, [*tensors, *weights], name)


def _move(module: ir.Module, arguments: Sequence[ir.Value], name: str) -> list[ir.Value]:
    """Move the body of a module's `@main` to the insertion point; returns its results."""
    # As text: the bytecode of some dialects JAX uses (sdy) cannot be read back.
    text = str(module.operation.get_asm(enable_debug_info=True))
    here = parse_module(text, cast(ir.Context, ir.Context.current))
    left = [op.operation for op in here.body.operations if op.operation != entry_function(here)]
    if left:
        raise OxideError(f"the JAX function calls {left[0].attributes['sym_name']}, which cannot be inlined")
    (block,) = entry_function(here).regions[0].blocks
    for argument, value in zip(block.arguments, arguments, strict=True):
        argument.replace_all_uses_with(value)
    *body, terminator = (view.operation for view in block.operations)
    point = cast(ir.InsertionPoint, ir.InsertionPoint.current)
    for op in body:
        _locate(op, name)
        op.detach_from_parent()
        point.insert(op)
    results = list(terminator.operands)
    terminator.erase()
    return results


def _locate(op: ir.Operation, name: str) -> None:
    """Name an operation and all in it after the node; its place in the JAX function stays beside the name."""

    def visit(inner: ir.Operation) -> ir.WalkResult:
        inner.location = ir.Location.name(name, inner.location)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
