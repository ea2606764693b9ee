"""A model's weights as constants of its module, for consumers that want one file."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects import constants, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.model import Model


def inline_weights(model: Model) -> Model:
    """A copy of the model in which every `oxide.param` argument of @main has become a constant.

    The values are copied into the module's context.  Raises OxideError when one is not in the store.
    """
    with model.module.context:
        module = ir.Module.parse(model.module.operation.get_asm(binary=False, enable_debug_info=True))
        main = next(op.operation for op in module.body.operations if _symbol(op.operation) == "main")
        if "arg_attrs" not in main.attributes:
            return Model(module, {}, model.name)
        block = main.regions[0].blocks[0]
        attributes = [ir.DictAttr(a) for a in ir.ArrayAttr(main.attributes["arg_attrs"])]
        kept: list[ir.DictAttr] = []
        dropped: list[int] = []
        with ir.InsertionPoint.at_block_begin(block):
            for index, (argument, named) in enumerate(zip(block.arguments, attributes, strict=True)):
                if "oxide.param" not in named:
                    kept.append(named)
                    continue
                name = ir.StringAttr(named["oxide.param"]).value
                if name not in model.parameters:
                    raise OxideError(f"the value of parameter {name!r} is missing")
                attribute = constants.dense(model.parameters[name])
                with ir.Location.name(name):
                    constant = hlo.create("stablehlo.constant", [], [argument.type], {"value": attribute})
                argument.replace_all_uses_with(constant.results[0])
                dropped.append(index)
        for index in reversed(dropped):
            block.erase_argument(index)
        results = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value).results
        signature = ir.FunctionType.get([a.type for a in block.arguments], results)
        main.attributes["function_type"] = ir.TypeAttr.get(signature)
        main.attributes["arg_attrs"] = ir.ArrayAttr.get(kept)
    return Model(module, {}, model.name)


def _symbol(operation: ir.Operation) -> str:
    return ir.StringAttr(operation.attributes["sym_name"]).value
