"""Adapters for suites of exported PyTorch programs: `torch_adapter:run`.

A suite hands over the program, positional and keyword arguments; it gets the tensors among the outputs, and the
buffers that the program changed, as numpy arrays in the program's dtypes.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from jaxlib.mlir import ir
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument
from torch.utils import _pytree as pytree

import oxide
from oxide.dialects.attributes import UPDATES
from oxide.frontends.torch.boundary import keywords
from oxide.signature import entry_function

# A program may be called again with other shapes.
_COMPILED: WeakKeyDictionary[ExportedProgram, tuple[oxide.Executable, list[str]]] = WeakKeyDictionary()


def import_only(program: ExportedProgram) -> oxide.Model:
    return oxide.import_torch(program)


def run(program: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Import, compile for the CPU and execute."""
    if program not in _COMPILED:
        model = oxide.import_torch(program)
        _COMPILED[program] = model.compile(cache=False), updated_arguments(model)
    executable, updated = _COMPILED[program]
    ordered = {name: kwargs[name] for name in keywords(program) or kwargs}
    given = _given(program, pytree.tree_leaves((args, ordered)))
    results = [np.asarray(result) for result in executable.run(_named(executable, given)).values()]
    buffers = {name: value for name, value in zip(updated, results, strict=True) if name}
    outputs = [value for name, value in zip(updated, results, strict=True) if not name]
    return {"outputs": _tensors(program, outputs), "buffers": buffers or None}


def _given(program: ExportedProgram, leaves: list[Any]) -> list[Any]:
    """The arguments that are inputs of the model: tensors, and numbers that are open."""
    specs = [s for s in program.graph_signature.input_specs if s.kind is InputKind.USER_INPUT]
    pairs = zip(specs, leaves, strict=True)
    return [np.asarray(leaf) if isinstance(leaf, int | float) else leaf for spec, leaf in pairs if _is_open(spec)]


def _is_open(spec: Any) -> bool:
    return not isinstance(spec.arg, ConstantArgument)


def _tensors(program: ExportedProgram, outputs: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs without the numbers that depend on sizes, which are tensors only here."""
    specs = [s for s in program.graph_signature.output_specs if s.kind is OutputKind.USER_OUTPUT and _is_open(s)]
    pairs = zip(specs, outputs, strict=True)
    return [output for spec, output in pairs if isinstance(spec.arg, TensorArgument)]


def _named(executable: oxide.Executable, given: list[Any]) -> dict[str, Any]:
    names = [spec.name for spec in executable.inputs]
    if len(names) == len(given) + 1:  # a program that draws random numbers
        given = [*given, np.zeros(2, np.uint64)]
    return dict(zip(names, given, strict=True))


def updated_arguments(model: oxide.Model) -> list[str]:
    """For each result the argument whose new value it is, empty for an output."""
    attributes = ir.ArrayAttr(entry_function(model.module).attributes["res_attrs"])
    entries = [ir.DictAttr(entry) for entry in attributes]
    return [ir.StringAttr(entry[UPDATES]).value if UPDATES in entry else "" for entry in entries]
