"""StableHLO's reference interpreter in a process of its own: slow, and independent of XLA.

The interpreter ends its process at an operation it does not know, so a child runs it: modules and arrays go there
and back in files.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func, stablehlo

from oxide.dialects.constants import dense, read_constant
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.manager import run_pipeline
from oxide.safetensors import open_safetensors, write_safetensors
from oxide.sandbox import check_module_bytes
from oxide.signature import entry_function, read_signature

_LOWERING = "func.func(chlo-legalize-to-stablehlo,stablehlo-legalize-composite-to-call)"
_MODULE = "module"


def interpret(module: ir.Module, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Run `@main`; every array comes back with the dtype of its result.

    CHLO is legalised and composites are replaced by their decompositions first.  Raises OxideError when the
    arguments do not fit `@main` or the interpreter does not know an operation.
    """
    _check_arguments(module, arguments)
    stream = io.BytesIO()
    run_pipeline(module, _LOWERING).operation.write_bytecode(stream)
    request = {_MODULE: np.frombuffer(stream.getvalue(), np.uint8)}
    request |= {str(index): np.asarray(array) for index, array in enumerate(arguments)}
    with tempfile.TemporaryDirectory(prefix="oxide-") as folder:
        asked, answered = Path(folder, "request"), Path(folder, "answer")
        write_safetensors(asked, request)
        # -P: a file named jaxlib.py in the current folder must not be imported.
        command = [sys.executable, "-P", "-m", "oxide.interpreter", str(asked), str(answered)]
        child = subprocess.run(command, capture_output=True, check=False)
        if child.returncode != 0:
            raise OxideError(f"the StableHLO interpreter cannot run this module: {_complaint(child.stderr)}")
        answer = open_safetensors(answered)
        return [np.array(answer[str(index)]) for index in range(len(answer))]


def parse_arguments(text: str) -> list[np.ndarray]:
    """The arrays of `[dense<1.0> : tensor<2xf32>, ...]`, MLIR's way to write them; none for an empty text."""
    text = text.strip() or "[]"
    if not (text.startswith("[") and text.endswith("]")):
        raise OxideError("--args: not a list of dense attributes: it is not in brackets")
    inside = text[1:-1]
    if not inside.strip():
        return []
    # As constants of a module: the bindings have no class for some attributes that stand alone.
    constants = "\n".join(f"%{n} = stablehlo.constant {item}" for n, item in enumerate(_elements(inside)))
    source = f"func.func @arguments() {{\n{constants}\nreturn\n}}".encode()
    check_module_bytes(source, "--args")
    try:
        module = parse_module(source, name="--args")
    except OxideError as error:
        raise OxideError("--args: not a list of dense attributes", error.diagnostics) from error
    block = module.body.operations[0].regions[0].blocks[0]
    with module.context:
        return [np.array(read_constant(op.operation)) for op in list(block.operations)[:-1]]


def _elements(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{<") - (character in ")]}>")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _check_arguments(module: ir.Module, arguments: Sequence[np.ndarray]) -> None:
    specs = read_signature(module)
    wanted = (*specs.inputs, *specs.parameters)
    if len(arguments) != len(wanted):
        raise OxideError(f"{len(arguments)} values for the {len(wanted)} arguments of @main")
    for spec, array in zip(wanted, arguments, strict=True):
        if array.dtype != spec.dtype or array.shape != spec.shape:
            shape = "x".join(map(str, array.shape)) or "scalar"
            raise OxideError(f"argument {spec} of @main got a value of shape {shape} and dtype {array.dtype}")


def _complaint(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    fatal = [line.removeprefix("LLVM ERROR: ") for line in lines if line.startswith("LLVM ERROR: ")]
    return (fatal or lines[-1:] or ["it ended without a message"])[0]


def _child(asked: str, answered: str) -> int:
    request = open_safetensors(asked)
    module = parse_module(request[_MODULE].tobytes())
    with module.context, ir.Location.unknown():
        complex_results = _split_complex_results(module)
        arguments = [dense(request[str(index)]) for index in range(len(request) - 1)]
        values = [_array_of(attribute) for attribute in stablehlo.eval_module(module, arguments)]
    results: dict[str, np.ndarray] = {}
    for index, is_complex in enumerate(complex_results):
        value = values.pop(0)
        if is_complex:
            real, value = value, np.empty(value.shape, np.result_type(value.dtype, np.complex64))
            value.real, value.imag = real, values.pop(0)
        results[str(index)] = value
    write_safetensors(answered, results)
    return 0


def _split_complex_results(module: ir.Module) -> list[bool]:
    """Make `@main` return real and imaginary parts: the bindings cannot return a complex attribute."""
    function = entry_function(module)
    terminator = list(function.regions[0].blocks[0].operations)[-1].operation
    is_complex: list[bool] = []
    parts: list[ir.Value] = []
    with ir.InsertionPoint(terminator):
        for value in terminator.operands:
            element = ir.RankedTensorType(value.type).element_type
            is_complex.append(isinstance(element, ir.ComplexType))
            parts += [stablehlo.real(value), stablehlo.imag(value)] if is_complex[-1] else [value]
        func.ReturnOp(parts)
    terminator.erase()
    inputs = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value).inputs
    kind = ir.FunctionType.get(list(inputs), [part.type for part in parts])
    function.attributes["function_type"] = ir.TypeAttr.get(kind)
    if "res_attrs" in function.attributes:
        del function.attributes["res_attrs"]
    return is_complex


def _array_of(attribute: ir.Attribute) -> np.ndarray:
    holder = ir.Module.create()
    with ir.InsertionPoint(holder.body):
        return np.array(read_constant(stablehlo.ConstantOp(attribute).operation))


if __name__ == "__main__":
    sys.exit(_child(*sys.argv[1:]))
