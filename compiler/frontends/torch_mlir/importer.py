"""`import_torch_dialect`: the bytes of a module in the `torch` dialect become a Model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError, location_text
from oxide.frontends.torch import lower_graph_module
from oxide.frontends.torch.diagnostics import NodeError, NodeErrors
from oxide.frontends.torch.importer import RANDOM_STATE
from oxide.frontends.torch.lower import Argument
from oxide.frontends.torch_mlir.graph import ModuleScope, Region, leaves, property_of
from oxide.frontends.torch_mlir.lowerings import lower
from oxide.frontends.torch_mlir.reader import TorchModule, read_torch_module
from oxide.frontends.torch_mlir.symbols import evaluate
from oxide.frontends.torch_mlir.types import tensor_type
from oxide.model import Model
from oxide.signature import ENTRY


def import_torch_dialect(data: bytes, label: str, name: str = "model") -> Model:
    """Import MLIR text or bytecode in torch-mlir's `torch` dialect; `label` is what errors call it.

    `@main` is the model, or the sole public function.  Inputs are `arg0`..., with `torch.symbolic_int`'s names for
    their sizes; literals of some size become weights under the keys of their resources.  What the module writes
    into a `!torch.tensor` argument is a further output.

    Raises OxideError as `read_torch_module` does, and for everything that cannot be imported.
    """
    read = read_torch_module(data, label)
    with read.module.context:
        return _import(read, label, name)


def _import(read: TorchModule, label: str, name: str) -> Model:
    functions = _functions(read.module, label)
    entry = _entry(functions, label)
    scope = ModuleScope(functions, read.resources)
    region = Region(scope, lower)
    block = entry.regions[0].blocks[0]
    arguments = [
        _argument(scope, value, index, entry, shape)
        for index, (value, shape) in enumerate(zip(block.arguments, _shapes(scope, block), strict=True))
    ]
    placeholders = [region.placeholder(argument.name, argument.value) for argument in arguments]
    region.values.update(zip(block.arguments, placeholders, strict=True))
    outputs = list(leaves(region.block(block)))
    graph = region.finish([value if isinstance(value, torch.fx.Node | int | float) else None for value in outputs])
    scope.sizes.forget_examples()
    try:
        model = lower_graph_module(graph, arguments, name=name, random_state=RANDOM_STATE)
    except NodeErrors as error:
        raise NodeErrors([*scope.failures, *error.failures]) from error
    if scope.failures:
        raise NodeErrors(scope.failures)
    return model


def _functions(module: ir.Module, label: str) -> dict[str, ir.Operation]:
    """Raises OxideError when the module holds anything else: classes and slots of TorchScript, globals."""
    operations = [op.operation for op in module.body.operations]
    others = [op for op in operations if op.name != "func.func"]
    if others:
        where = location_text(others[0].location)
        raise OxideError(
            f"{label}: {others[0].name} {where} is not supported: the module must be made of functions of tensors "
            "alone, weights being literals or arguments"
        )
    return {ir.StringAttr(op.attributes["sym_name"]).value: op for op in operations}


def _entry(functions: Mapping[str, ir.Operation], label: str) -> ir.Operation:
    public = [name for name, op in functions.items() if "sym_visibility" not in op.attributes]
    name = ENTRY if ENTRY in functions else public[0] if len(public) == 1 else None
    if name is None:
        raise OxideError(f"{label}: which function is the model? Call it @{ENTRY}; there are {sorted(functions)}")
    if not len(functions[name].regions[0].blocks):
        raise OxideError(f"{label}: @{name} has no body")
    return functions[name]


def _shapes(scope: ModuleScope, block: ir.Block) -> list[list[Any] | None]:
    """What `torch.bind_symbolic_shape` says of the sizes of each argument."""
    arguments = list(block.arguments)
    symbols: dict[ir.Value, Any] = {}
    shapes: dict[ir.Value, list[Any]] = {}
    for op in (op.operation for op in block.operations):
        if op.name == "torch.symbolic_int":
            low, high = property_of(op, "min_val").value, property_of(op, "max_val").value
            symbols[op.results[0]] = scope.sizes.symbol(property_of(op, "symbol_name").value, low, high)
        elif op.name == "torch.bind_symbolic_shape" and op.operands[0] in arguments:
            value, *bound = op.operands
            expressions = property_of(op, "shape_expressions").value.results
            shapes[value] = [evaluate(expression, [symbols[b] for b in bound]) for expression in expressions]
    return [shapes.get(value) for value in arguments]


def _argument(
    scope: ModuleScope, value: ir.BlockArgument, index: int, entry: ir.Operation, shape: list[Any] | None
) -> Argument:
    name = f"arg{index}"
    text = _bound_type(entry, index) or str(value.type)
    try:
        kind = tensor_type(text)
        if kind is not None:
            return Argument(name, "input", scope.sizes.tensor(name, kind, shape))
        if text == "!torch.int":
            return Argument(name, "input", scope.sizes.symbol(name))
        raise OxideError(f"an input of type {text} is not supported; give the model a tensor or an int instead")
    except OxideError as error:
        raise NodeError(name, "func.func", location_text(value.location), error.message) from error


def _bound_type(entry: ir.Operation, index: int) -> str:
    """The type that `torch.type_bound` promises for an argument, empty without one."""
    if "arg_attrs" not in entry.attributes:
        return ""
    attributes = ir.DictAttr(ir.ArrayAttr(entry.attributes["arg_attrs"])[index])
    return str(ir.TypeAttr(attributes["torch.type_bound"]).value) if "torch.type_bound" in attributes else ""
