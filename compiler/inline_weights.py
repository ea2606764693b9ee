"""A model's weights as constants of its module, for consumers that want one file."""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import constants
from oxide.model import Model
from oxide.passes.manager import run_pipeline
from oxide.signature import entry_function, read_signature


def inline_weights(model: Model) -> Model:
    """A copy of the model in which every `oxide.param` argument of `@main` has become a constant.

    The values are copied into the module's context.  Raises OxideError when one is missing or does not fit.
    """
    model.check()
    module = run_pipeline(model.module, "inline-prepare")
    signature = read_signature(module)
    function = entry_function(module)
    block = function.regions[0].blocks[0]
    first = len(signature.inputs)
    with module.context, ir.InsertionPoint.at_block_begin(block):
        for spec, argument in zip(signature.parameters, list(block.arguments)[first:], strict=True):
            with ir.Location.name(spec.name):
                constant = stablehlo.constant(constants.dense(model.parameters[spec.name]))
            argument.replace_all_uses_with(constant)
        for index in reversed(range(first, len(block.arguments))):
            block.erase_argument(index)
        results = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value).results
        kind = ir.FunctionType.get([argument.type for argument in block.arguments], results)
        function.attributes["function_type"] = ir.TypeAttr.get(kind)
        if "arg_attrs" in function.attributes:
            kept = list(ir.ArrayAttr(function.attributes["arg_attrs"]))[:first]
            function.attributes["arg_attrs"] = ir.ArrayAttr.get(kept)
    return Model(module, {}, model.name)
