"""Arrays a traced function closes over are constants of its module; here the large ones become weights."""

from __future__ import annotations

import itertools
import math

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import constants, dtypes
from oxide.passes.manager import run_pipeline
from oxide.signature import PARAM, entry_function

# Smaller ones are tables and masks rather than weights.
_WEIGHT_BYTES = 1024


def constants_to_weights(module: ir.Module, taken: set[str]) -> tuple[ir.Module, dict[str, np.ndarray]]:
    """Turn large constants into arguments of `@main` marked `oxide.param`; returns the module and their values.

    Constants of one repeated value stay.  Where a function that `@main` calls holds a large one, calls are inlined
    first.  Needs an ambient context.
    """
    if len(_large_constants(module.operation)) > len(_large_constants(entry_function(module))):
        module = run_pipeline(module, "inline")
    function = entry_function(module)
    block = function.regions[0].blocks[0]
    values: dict[str, np.ndarray] = {}
    for constant in _large_constants(function):
        name = _free_name(taken | values.keys())
        result = constant.results[0]
        values[name] = np.array(constants.read_constant(constant))  # the attribute's memory is its context's
        result.replace_all_uses_with(block.add_argument(result.type, constant.location))
        constant.erase()
    _extend_signature(function, block, list(values))
    return module, values


def _large_constants(root: ir.Operation) -> list[ir.Operation]:
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.constant" and _is_large(op):
            found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(visit)
    return found


def _is_large(constant: ir.Operation) -> bool:
    tensor = ir.RankedTensorType(constant.results[0].type)
    size = math.prod(tensor.shape) * dtypes.to_numpy(tensor.element_type).itemsize
    # A splat's attribute holds one element, whatever its shape; zero strides show it.
    return size >= _WEIGHT_BYTES and any(constants.read_constant(constant).strides)


def _free_name(taken: set[str]) -> str:
    return next(name for name in map("constant.{}".format, itertools.count()) if name not in taken)


def _extend_signature(function: ir.Operation, block: ir.Block, names: list[str]) -> None:
    if not names:
        return
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    types = [argument.type for argument in block.arguments]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, list(kind.results)))
    labels = [ir.DictAttr.get({PARAM: ir.StringAttr.get(name)}) for name in names]
    function.attributes["arg_attrs"] = ir.ArrayAttr.get([*ir.ArrayAttr(function.attributes["arg_attrs"]), *labels])
