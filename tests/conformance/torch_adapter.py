"""Adapters for suites of exported PyTorch programs: `torch_adapter:run`.

A suite hands over the program, positional and keyword arguments; it gets the tensors among the results, and the
buffers that the program changed, as numpy arrays in the program's dtypes.
"""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

import oxide
from oxide.backends.pjrt import StatefulExecutable
from oxide.parameters import torch_array

# A program without state may be called again, with other shapes.
_COMPILED: WeakKeyDictionary[ExportedProgram, StatefulExecutable] = WeakKeyDictionary()


def import_only(program: ExportedProgram) -> oxide.Model:
    return oxide.import_torch(program)


def run(program: ExportedProgram, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Import, compile for the CPU and call with copies of the arguments, which the program may change."""
    net = _COMPILED.get(program) or oxide.import_torch(program).stateful(cache=False)
    if not net.state:
        _COMPILED[program] = net
    args, kwargs = copy.deepcopy((args, kwargs))
    results = pytree.tree_leaves(net(*args, **kwargs))
    buffers = {name: np.asarray(value) for name, value in net.state.items()}
    return {"outputs": [torch_array(x) for x in results if isinstance(x, torch.Tensor)], "buffers": buffers or None}
