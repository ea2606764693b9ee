"""StableHLO's reference interpreter: slow, exact about the specification, independent of XLA."""

from __future__ import annotations

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.diagnostics import OxideError, captured
from oxide.passes.manager import run_pipeline
from oxide.sandbox import check_module_bytes
from oxide.signature import entry_function


def interpret_attributes(module: ir.Module, arguments: str = "") -> list[ir.Attribute]:
    """Run `@main` on arguments written as an MLIR array, `[dense<1.0> : tensor<2xf32>, ...]`; returns its results.

    CHLO is legalised and composites are replaced by their decompositions first.  Raises OxideError when the
    arguments do not fit `@main` or the interpreter refuses.
    """
    module = run_pipeline(module, _LOWERING)
    with captured(module.context) as seen:
        values = _parse_arguments(arguments, module)
        try:
            return stablehlo.eval_module(module, values)
        except (ir.MLIRError, ValueError, RuntimeError) as error:
            raise OxideError(f"the StableHLO interpreter cannot run this module: {error}", seen) from error


_LOWERING = "func.func(chlo-legalize-to-stablehlo,stablehlo-legalize-composite-to-call)"


def _parse_arguments(text: str, module: ir.Module) -> list[ir.Attribute]:
    text = text.strip() or "[]"
    check_module_bytes(text.encode(), "--args")  # deep nesting ends the attribute parser as it does the module's
    try:
        values = list(ir.ArrayAttr(ir.Attribute.parse(text, module.context)))
    except (ir.MLIRError, ValueError) as error:
        raise OxideError(f"--args: not a list of attributes: {str(error).strip()}") from error
    kind = ir.FunctionType(ir.TypeAttr(entry_function(module).attributes["function_type"]).value)
    if len(values) != len(kind.inputs):
        raise OxideError(f"--args: {len(values)} values for the {len(kind.inputs)} arguments of @main")
    for index, (value, type) in enumerate(zip(values, kind.inputs, strict=True)):
        # Through text: some attribute classes of the bindings have no type.
        if not str(value).endswith(f": {type}"):
            raise OxideError(f"--args: argument {index} should be a {type}, not {value}")
    return values
