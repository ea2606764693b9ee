"""`import_torch`: a module or an exported program becomes a Model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    InputSpec,
    SymBoolArgument,
    SymFloatArgument,
    SymIntArgument,
    TensorArgument,
)

from oxide.dialects.diagnostics import OxideError
from oxide.effects import read_updates
from oxide.frontends.torch.archive import read_archive
from oxide.frontends.torch.boundary import input_names, mutations, output_names
from oxide.frontends.torch.calling import Leaf, calling_of
from oxide.frontends.torch.diagnostics import export_failure
from oxide.frontends.torch.dtypes import to_torch
from oxide.frontends.torch.lower import Argument, lower_graph_module
from oxide.model import Model

# The input that a program which draws random numbers gets: the generator's state, ui64[2].
RANDOM_STATE = "random_state"
# Where the functions live that torch.func's transforms leave in an exported program.
_TRANSFORMS = "torch._functorch.predispatch"
_SHAPED = TensorArgument | SymIntArgument | SymFloatArgument | SymBoolArgument
_WEIGHTS = {InputKind.PARAMETER, InputKind.BUFFER}


def import_torch(
    module_or_program: torch.nn.Module | ExportedProgram,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    name: str | None = None,
    lowerings: Mapping[str, Callable[..., Any]] | None = None,
    checks: bool = True,
) -> Model:
    """Import an exported program, or a module through `torch.export.export` on example arguments.

    Inputs are called as `forward` calls its parameters, tensors in pytrees by their path (`past.0.key`); weights
    and buffers by their names in the module, whose memory they share.  A buffer or input that the program
    changes has its new value as a further result.  A program that draws random numbers (dropout in training) takes
    the generator's state as a last input, `random_state` (ui64[2], any bits), and returns the next one likewise.

    `lowerings` are JAX functions for operators that other libraries define: `{"mylib::scale": scale}` is called
    with the operator's arguments by name, tensors as JAX arrays, and returns its result or a tuple of them.

    What the program asserts of values (torch._assert_async, that a matrix is not singular) is checked in each call
    of an executable, which raises OxideError; without `checks` it is left out.

    Raises OxideError when torch.export refuses the module, and for everything that cannot be lowered.
    """
    if isinstance(module_or_program, ExportedProgram):
        if args or kwargs or dynamic_shapes:
            raise OxideError("an exported program has its arguments and shapes already; give the program alone")
        return _import(module_or_program, name or "model", lowerings, checks)
    if not isinstance(module_or_program, torch.nn.Module):
        raise OxideError(
            f"a torch.nn.Module or an ExportedProgram is needed, not {type(module_or_program).__name__}"
        )
    program = _export(module_or_program, tuple(args), dict(kwargs or {}), dynamic_shapes)
    return _import(program, name or type(module_or_program).__name__, lowerings, checks)


def load_exported(source: str | os.PathLike[str] | bytes, *, name: str = "model", label: str = "") -> Model:
    """Import a `.pt2` file that torch.export.save wrote, or its bytes; `label` is what errors call it.

    Raises OxideError when it is none, is damaged, or holds what could run code (`archive.read_archive`).
    """
    label = label or ("<bytes>" if isinstance(source, bytes) else os.fspath(source))
    return _import(read_archive(source, label), name)


def example_tensor(shape: Sequence[int], dtype: np.dtype) -> torch.Tensor:
    """Zeros of a shape and a numpy dtype, to export a module with."""
    return torch.zeros(tuple(shape), dtype=to_torch(dtype))


def _export(
    module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Any
) -> ExportedProgram:
    try:
        with torch.no_grad():
            return torch.export.export(module, args, kwargs, dynamic_shapes=dynamic, strict=False)
    except Exception as error:  # the module is the user's: it can raise anything
        raise export_failure(module, error) from error


def _import(
    program: ExportedProgram,
    name: str,
    lowerings: Mapping[str, Callable[..., Any]] | None = None,
    checks: bool = True,
) -> Model:
    _refuse_lost_gradients(program)
    if any(getattr(n.target, "__module__", "") == _TRANSFORMS for n in program.graph.nodes if n.op != "output"):
        program = _without_transforms(program)
    specs = program.graph_signature.input_specs
    placeholders = {node.name: node for node in program.graph.find_nodes(op="placeholder")}
    users = iter(input_names(program, taken=[str(spec.target) for spec in specs if spec.target is not None]))
    arguments = [
        _argument(program, spec, placeholders, next(users) if spec.kind is InputKind.USER_INPUT else "")
        for spec in specs
    ]
    model = lower_graph_module(
        program.graph_module,
        arguments,
        name=name,
        output_names=output_names(program),
        random_state=RANDOM_STATE,
        mutations=mutations(program),
        lowerings=lowerings,
        checks=checks,
    )
    given = [a for a, spec in zip(arguments, specs, strict=True) if spec.kind is InputKind.USER_INPUT]
    leaves = [Leaf(None, a.value) if a.kind == "number" else Leaf(a.name) for a in given]
    updated = read_updates(model.module).values()
    model.calling = calling_of(program, leaves, [spec.name for spec in model.outputs], updated)
    return model


def _refuse_lost_gradients(program: ExportedProgram) -> None:
    """Raise OxideError for torch.func.grad in a program, which as exported lacks the arguments it is of."""
    if any(isinstance(v, torch.Tensor) and is_functorch_wrapped_tensor(v) for v in program.constants.values()):
        raise OxideError(
            "torch.export loses the arguments of torch.func.grad; trace the function instead, and import what "
            "comes out: import_torch(torch.fx.experimental.proxy_tensor.make_fx(function)(*args), args)"
        )


def _without_transforms(program: ExportedProgram) -> ExportedProgram:
    """torch.func's transforms are calls in the program as exported; running it resolves them.

    Raises OxideError when PyTorch cannot.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # about its own use of itself
            return program.run_decompositions({})
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise OxideError(f"torch.export cannot resolve the transforms in the program: {reason}") from error


def _argument(
    program: ExportedProgram, spec: InputSpec, placeholders: Mapping[str, torch.fx.Node], name: str
) -> Argument:
    target = spec.target
    if spec.kind in _WEIGHTS and target is not None:
        values: Mapping[str, Any] = program.constants if spec.persistent is False else program.state_dict
        return Argument(target, "weight", values[target])
    if spec.kind is InputKind.CONSTANT_TENSOR and target is not None:
        return Argument(target, "constant", program.constants[target])
    if spec.kind is InputKind.USER_INPUT and isinstance(spec.arg, _SHAPED):
        return Argument(name, "input", placeholders[spec.arg.name].meta["val"])
    if spec.kind is InputKind.USER_INPUT and isinstance(spec.arg, ConstantArgument):
        return Argument(name, "number", spec.arg.value)
    raise OxideError(
        f"input {name or target or spec.arg.name} is a {type(spec.arg).__name__}, which is not supported"
    )
