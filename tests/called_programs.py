"""Random programs as functions that others call."""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func


def called_twice(module: ir.Module) -> ir.Module:
    """The module with its @main as a private function, which a new @main calls on its arguments, and again with the
    first call's results in the place of arguments of their types.  It returns what both calls do."""
    function = ir.SymbolTable(module.operation)["main"]
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    with module.context, ir.Location.unknown():
        ir.SymbolTable.set_symbol_name(function, "inner")
        function.attributes["sym_visibility"] = ir.StringAttr.get("private")
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (kind.inputs, [*kind.results, *kind.results]))
        with ir.InsertionPoint(main.add_entry_block()):
            callee = ir.FlatSymbolRefAttr.get("inner")
            first = list(func.CallOp(kind.results, callee, list(main.arguments)).results)
            known = {str(result.type): result for result in first}
            again = [known.get(str(argument.type), argument) for argument in main.arguments]
            second = list(func.CallOp(kind.results, callee, again).results)
            func.ReturnOp([*first, *second])
    assert module.operation.verify()
    return module
