"""Reading and changing the signatures of `@main` and `@prepare`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import NAME, PARAM, PREPARE, string
from oxide.dialects.diagnostics import OxideError

Side = Literal["arg_attrs", "res_attrs"]


def entry_function(module: ir.Module) -> ir.Operation | None:
    """`@main` if it has a body of one block."""
    return _with_body(module, "main")


def _with_body(module: ir.Module, name: str) -> ir.Operation | None:
    symbols = ir.SymbolTable(module.operation)
    function = symbols[name].operation if name in symbols else None
    is_whole = function is not None and function.name == "func.func" and len(function.regions[0].blocks) == 1
    return function if is_whole else None


def body(function: ir.Operation) -> ir.Block:
    return function.regions[0].blocks[0]


def terminator(function: ir.Operation) -> ir.Operation:
    operations = body(function).operations
    return operations[len(operations) - 1].operation


def labels(function: ir.Operation, side: Side) -> list[ir.DictAttr]:
    """The attributes of each argument or result; empty ones where there are none."""
    if side in function.attributes:
        return [ir.DictAttr(item) for item in ir.ArrayAttr(function.attributes[side])]
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    return [ir.DictAttr.get({}, function.context)] * len(kind.inputs if side == "arg_attrs" else kind.results)


def label(attributes: ir.DictAttr, key: str) -> str | None:
    return ir.StringAttr(attributes[key]).value if key in attributes else None


def names(function: ir.Operation, side: Side, key: str) -> list[str | None]:
    """What the attribute `key` says of each argument or result."""
    return [label(attributes, key) for attributes in labels(function, side)]


def weights(function: ir.Operation) -> dict[str, ir.Value]:
    """The arguments that are weights, by name.  Raises OxideError when two have one name."""
    found: dict[str, ir.Value] = {}
    for name, argument in zip(names(function, "arg_attrs", PARAM), body(function).arguments, strict=True):
        if name in found:
            raise OxideError(f"two weights of @{string(function, 'sym_name')} are called {name!r}")
        if name is not None:
            found[name] = argument
    return found


def named(key: str, name: str) -> ir.DictAttr:
    return ir.DictAttr.get({key: ir.StringAttr.get(name)})


def sign(function: ir.Operation, arguments: Sequence[ir.DictAttr], results: Sequence[ir.DictAttr]) -> None:
    """Make the function's type that of its body, with these attributes."""
    inputs = [argument.type for argument in body(function).arguments]
    outputs = [value.type for value in terminator(function).operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, outputs))
    function.attributes["arg_attrs"] = ir.ArrayAttr.get(list(arguments))
    function.attributes["res_attrs"] = ir.ArrayAttr.get(list(results))


def add_weights(function: ir.Operation, wanted: Iterable[tuple[str, ir.Value]]) -> list[ir.Value]:
    """New weights after the function's arguments, with the types and locations of the values given."""
    block, attributes = body(function), labels(function, "arg_attrs")
    added: list[ir.Value] = []
    for name, like in wanted:
        added.append(block.add_argument(like.type, like.location))
        attributes.append(named(PARAM, name))
    sign(function, attributes, labels(function, "res_attrs"))
    return added


def drop_weights(function: ir.Operation, unwanted: Iterable[str]) -> None:
    """Remove weights that have no use."""
    attributes, gone = labels(function, "arg_attrs"), set(unwanted)
    for index in reversed(range(len(attributes))):
        if label(attributes[index], PARAM) in gone:
            body(function).erase_argument(index)
            del attributes[index]
    sign(function, attributes, labels(function, "res_attrs"))


def is_unused(value: ir.Value) -> bool:
    return next(iter(value.uses), None) is None


def prepare_function(module: ir.Module, main: ir.Operation) -> ir.Operation | None:
    """The function that `oxide.prepare` of `@main` names.  Raises OxideError when the module has none."""
    if PREPARE not in main.attributes:
        return None
    named = main.attributes[PREPARE]
    function = _with_body(module, named.value) if isinstance(named, ir.StringAttr) else None
    if function is None or function == main:
        raise OxideError(f"@main has weights from {named}, which is no other function of the module")
    return function


def add_prepare_function(module: ir.Module, main: ir.Operation) -> ir.Operation:
    """An empty function before `@main`, called `@prepare` where that is free."""
    symbols = ir.SymbolTable(module.operation)
    with ir.InsertionPoint(main), main.location:
        attributes = {
            "sym_name": ir.StringAttr.get("prepare"),
            "sym_visibility": ir.StringAttr.get("public"),
            "function_type": ir.TypeAttr.get(ir.FunctionType.get([], [])),
        }
        function = hlo.create("func.func", [], [], attributes, regions=1)
    chosen = symbols.insert(function)
    with ir.InsertionPoint(function.regions[0].blocks.append()), main.location:
        hlo.create("func.return", [], [])
    main.attributes[PREPARE] = chosen
    return function


def results(function: ir.Operation) -> dict[str, ir.Value]:
    """What the function returns, by name."""
    found = zip(names(function, "res_attrs", NAME), terminator(function).operands, strict=True)
    return {name: value for name, value in found if name is not None}


def give_back(function: ir.Operation, returned: dict[str, ir.Value]) -> None:
    """Make the function return these values under these names."""
    old = terminator(function)
    with ir.InsertionPoint(old), old.location:
        hlo.create("func.return", list(returned.values()), [])
    old.erase()
    sign(function, labels(function, "arg_attrs"), [named(NAME, name) for name in returned])
