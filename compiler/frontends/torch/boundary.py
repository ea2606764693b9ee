"""Names of a program's inputs and outputs: `x`, `past.0.key`, from the pytrees of its signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind
from torch.utils import _pytree as pytree


def input_names(program: ExportedProgram, taken: Iterable[str] = ()) -> list[str]:
    """A name for each leaf of the arguments: the parameter's, then the path inside its value.

    None is one of `taken`, the names of the weights.
    """
    spec = program.call_spec.in_spec
    if spec is None:
        return [s.arg.name for s in program.graph_signature.input_specs if s.target is None]
    args, kwargs = pytree.tree_unflatten([0] * spec.num_leaves, spec)
    parameters = _parameter_names(program, len(args))
    named = {**dict(zip(parameters, args, strict=True)), **kwargs}
    # The tree's own order is kept: positional arguments, then keywords.
    return _unique([name for key, value in named.items() for name in _leaf_names(value, key)], set(taken))


def _parameter_names(program: ExportedProgram, count: int) -> list[str]:
    for entry in program.module_call_graph:
        if entry.fqn == "" and entry.signature is not None and entry.signature.forward_arg_names:
            names = list(entry.signature.forward_arg_names)
            if len(names) >= count:
                return names[:count]
    return [f"arg{index}" for index in range(count)]


def output_names(program: ExportedProgram) -> list[str]:
    """A name for each output of the graph: `output`, or its path (`output.0`, `logits`)."""
    signature = program.graph_signature
    spec = program.call_spec.out_spec
    users = sum(s.kind in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT) for s in signature.output_specs)
    names = iter([])
    if spec is not None and spec.num_leaves == users:
        tree = pytree.tree_unflatten([0] * users, spec)
        names = iter(_leaf_names(tree, "" if _has_keys(tree) else "output"))
    labels = [
        next(names, s.arg.name)
        if s.kind in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)
        else str(s.target or s.arg.name)
        for s in signature.output_specs
        if not (isinstance(s.arg, ConstantArgument) and s.kind not in (OutputKind.USER_OUTPUT,))
    ]
    return _unique(labels, set())


def _has_keys(tree: Any) -> bool:
    """Whether the outputs have names: a dict or a dataclass, not a tuple or a lone tensor."""
    starts = [path[0] for path, _ in _paths(tree) if path]
    return bool(starts) and all(isinstance(key, pytree.MappingKey | pytree.GetAttrKey) for key in starts)


def _leaf_names(tree: Any, prefix: str) -> list[str]:
    return [".".join(filter(None, (prefix, *map(_key_text, path)))) for path, _ in _paths(tree)]


def _paths(tree: Any) -> list[tuple[tuple[Any, ...], Any]]:
    return pytree.tree_flatten_with_path(tree)[0]


def _key_text(key: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _unique(names: Iterable[str], taken: set[str]) -> list[str]:
    result = []
    for name in names:
        while name in taken:
            name += "_"
        taken.add(name)
        result.append(name)
    return result
