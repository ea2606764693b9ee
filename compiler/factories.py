"""Models from Python code: `package.module:factory` names a function that makes one.

# nets.py
def tiny():
    return TinyNet(), (torch.zeros(1, 3, 32, 32),)

oxide compile nets:tiny -o tiny.mlirbc
oxide compile nets:TinyNet --args 1x3x32x32xf32 -o tiny.py
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oxide.dialects import dtypes
from oxide.dialects.diagnostics import OxideError
from oxide.model import Model

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def is_reference(text: str) -> bool:
    """Whether this is `package.module:factory` and no file of that name."""
    return bool(_REFERENCE.fullmatch(text)) and not os.path.exists(text)


def import_factory(reference: str, arguments: Sequence[str] = ()) -> Model:
    """Call the factory and import what it makes.

    A factory is called without arguments and returns a torch.nn.Module, a torch.export.ExportedProgram or a JAX
    function, alone or as (it, positional arguments[, keyword arguments]) with example arguments.  `arguments` say
    their dtypes and shapes instead: `1x3x224x224xf32`, `name=8xi64`; tensors are then zeros.  Modules are looked
    for where Python finds them and in the working folder.  Raises OxideError when something is not found or of
    another kind, or when the code fails.
    """
    made, example, keywords = _parts(_made_by(reference))
    specs = [_spec(text) for text in arguments]
    name = reference.rpartition(":")[2]
    if _is_torch(made):
        from oxide.frontends.torch import example_tensor, import_torch

        example, keywords = _examples(specs, example_tensor) if specs else (example, keywords)
        return import_torch(made, example, keywords, name=name)
    if callable(made):
        from jax import ShapeDtypeStruct

        from oxide.frontends.jax import import_jax

        example, keywords = _examples(specs, ShapeDtypeStruct) if specs else (example, keywords)
        return import_jax(made, *example, name=name, **keywords)
    raise OxideError(
        f"{reference} gives a {type(made).__name__}; a torch.nn.Module, an ExportedProgram, a JAX function, or one "
        "of them in a tuple with its example arguments is needed"
    )


# Name (empty for a positional argument), shape and dtype.
Spec = tuple[str, tuple[int, ...], np.dtype]


def _spec(text: str) -> Spec:
    """`1x3x224x224xf32`, `mask=1x128xi1`, `f32`."""
    name, _, kind = text.rpartition("=")
    *sizes, element = kind.split("x")
    if (name and not name.isidentifier()) or not all(re.fullmatch("[0-9]+", size, re.ASCII) for size in sizes):
        raise OxideError(f"argument {text!r} is not of the form 1x3x224xf32 or name=1x3x224xf32")
    return name, tuple(map(int, sizes)), dtypes.from_spelling(element)


def _examples(
    specs: Sequence[Spec], make: Callable[[tuple[int, ...], np.dtype], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    positional = tuple(make(shape, dtype) for name, shape, dtype in specs if not name)
    return positional, {name: make(shape, dtype) for name, shape, dtype in specs if name}


def _made_by(reference: str) -> Any:
    """What the factory returns; a name that is no function or class is taken as it is."""
    module_name, _, path = reference.partition(":")
    folder = os.getcwd()
    if folder not in sys.path:  # as `python -m` does
        sys.path.insert(0, folder)
    try:
        found = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
        made: Any = found
        return made() if inspect.isfunction(made) or inspect.isclass(made) else made
    except Exception as error:  # the code is the user's: it can raise anything
        raise OxideError(f"{reference}: {type(error).__name__}: {error}") from error


def _parts(made: Any) -> tuple[Any, Any, Any]:
    """What a factory made, with its example arguments."""
    if isinstance(made, tuple) and 2 <= len(made) <= 3:
        source, positional, keywords = (*made, {})[:3]
        return source, positional, keywords
    return made, (), {}


def _is_torch(made: Any) -> bool:
    """Whether this is for the PyTorch front end; PyTorch is not imported to find out."""
    return any(kind.__module__.partition(".")[0] == "torch" for kind in type(made).__mro__)
