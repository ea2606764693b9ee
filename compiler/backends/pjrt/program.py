"""Modules as XLA takes them: bytecode with fixed shapes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import PREPARE
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.passes.manager import clone_module, run_pipeline, verify_module
from oxide.signature import ENTRY, Signature, TensorSpec, entry_function, read_signature


def bytecode(module: ir.Module) -> bytes:
    """MLIR bytecode, which keeps locations; XLA writes them into the HLO's metadata."""
    stream = io.BytesIO()
    module.operation.write_bytecode(stream)
    return stream.getvalue()


def separate(module: ir.Module, signature: Signature) -> tuple[ir.Module, ir.Module | None]:
    """`@main` alone, and a module whose `@main` is the function that prepares its weights, if there is one."""
    if signature.preparation is None:
        return module, None
    main, prepare = clone_module(module), clone_module(module)
    with module.context:
        function = entry_function(main)
        del function.attributes[PREPARE]
        ir.SymbolTable(main.operation)[signature.preparation.function].erase()
        entry_function(prepare).erase()
        function = ir.SymbolTable(prepare.operation)[signature.preparation.function]
        function.attributes["sym_name"] = ir.StringAttr.get(ENTRY)
    return main, prepare


def specialize(
    module: ir.Module, inputs: Sequence[TensorSpec], parameters: Sequence[TensorSpec]
) -> tuple[ir.Module, Signature]:
    """A copy of the module for inputs of exactly these shapes, in which every shape is fixed.

    Raises OxideError when the shapes do not fit together, and locates the operations whose shape depends on more
    than the shapes of the arguments.
    """
    with module.context, ir.Location.unknown():
        types = ",".join(str(hlo.make_type(spec.sizes, spec.dtype)) for spec in (*inputs, *parameters))
    pipeline = (
        # Refinement does not look into composites, and gives a function one set of shapes for all its calls.
        "decompose-composites,inline,symbol-dce,"
        f"stablehlo-refine-arguments{{types={types}}},"
        "stablehlo-refine-shapes,"
        "func.func(stablehlo-canonicalize-dynamism,stablehlo-check-shape-assertions)"
    )
    misfit = f"the model does not work for inputs of these shapes: {', '.join(map(str, inputs))}"
    try:
        fixed = run_pipeline(module, pipeline, verify_each=False)
    except OxideError as error:  # an assertion on shapes that the module carries does not hold
        raise OxideError(misfit, [replace(item, notes=()) for item in error.diagnostics[:5]]) from error
    wrong = verify_module(fixed)
    if wrong:
        raise OxideError(misfit, wrong[:5])
    _refuse_dynamic(fixed)
    return fixed, read_signature(fixed)


def _refuse_dynamic(module: ir.Module) -> None:
    dynamic: list[Diagnostic] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        for result in op.results:
            type = result.type
            if isinstance(type, ir.ShapedType) and type.has_rank and not type.has_static_shape:
                dynamic.append(Diagnostic("error", f"{op.name} gives {type}", location_text(op.location)))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if dynamic:
        raise OxideError(
            "some shapes depend on the values of the inputs, which XLA cannot compile; "
            "fix the sizes when importing the model",
            dynamic[:20],
        )
