"""Donation: an argument whose new value is a result gives its memory to it."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.effects import read_updates
from oxide.passes.manager import clone_module
from oxide.signature import entry_function, read_signature

# What XLA reads on an argument of `@main`: the number of the result that takes its buffer.
_ALIAS = "tf.aliasing_output"


def donating(module: ir.Module) -> ir.Module:
    """A copy in which arguments are donated to their updates (`oxide.updates`) of the same type."""
    updates = read_updates(module)
    if not updates:
        return module
    signature = read_signature(module)
    positions = {spec.name: index for index, spec in enumerate((*signature.inputs, *signature.parameters))}
    with module.context:
        copy = clone_module(module)
        function = entry_function(copy)
        kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
        taken = {
            positions[name]: result
            for result, name in updates.items()
            if name in positions and kind.inputs[positions[name]] == kind.results[result]
        }
        attributes = [ir.DictAttr(item) for item in ir.ArrayAttr(function.attributes["arg_attrs"])]
        function.attributes["arg_attrs"] = ir.ArrayAttr.get(
            [_with_alias(item, taken.get(index)) for index, item in enumerate(attributes)]
        )
    return copy


def _with_alias(attributes: ir.DictAttr, result: int | None) -> ir.DictAttr:
    if result is None:
        return attributes
    entries = {entry.name: entry.attr for entry in attributes}
    return ir.DictAttr.get({**entries, _ALIAS: ir.IntegerAttr.get(ir.IntegerType.get_signless(32), result)})
