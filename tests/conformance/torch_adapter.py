"""Adapters for suites of exported PyTorch programs: `torch_adapter:run`.

A suite hands over the program, positional and keyword arguments; it gets the tensors among the outputs, and the
buffers that the program changed, as numpy arrays in the program's dtypes.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxlib.mlir import ir
from torch.export import ExportedProgram
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
    tensors = [leaf for leaf in pytree.tree_leaves((args, ordered)) if isinstance(leaf, torch.Tensor)]
    results = [np.asarray(result) for result in executable.run(_named(executable, tensors)).values()]
    buffers = {name: value for name, value in zip(updated, results, strict=True) if name}
    return {
        "outputs": [value for name, value in zip(updated, results, strict=True) if not name],
        "buffers": buffers or None,
    }


def _named(executable: oxide.Executable, tensors: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(zip((spec.name for spec in executable.inputs), tensors, strict=True))


def updated_arguments(model: oxide.Model) -> list[str]:
    """For each result the argument whose new value it is, empty for an output."""
    attributes = ir.ArrayAttr(entry_function(model.module).attributes["res_attrs"])
    entries = [ir.DictAttr(entry) for entry in attributes]
    return [ir.StringAttr(entry[UPDATES]).value if UPDATES in entry else "" for entry in entries]
