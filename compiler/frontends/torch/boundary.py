"""Names of a program's inputs and outputs: `x`, `past.0.key`, from the pytrees of its signature."""

from __future__ import annotations

from collections.abc import Iterable

from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind
from torch.utils import _pytree as pytree

_MUTATIONS = {OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION, OutputKind.USER_INPUT_MUTATION}


def input_names(program: ExportedProgram, taken: Iterable[str] = ()) -> list[str]:
    """A name for each leaf of the arguments: the parameter's, then the path inside its value.

    None is one of `taken`, the names of the weights.
    """
    spec = program.call_spec.in_spec
    if spec is None:
        return [s.arg.name for s in program.graph_signature.input_specs if s.target is None]
    args, kwargs = (child.children() for child in spec.children())
    # The tree's own order is kept: positional arguments, then keywords.
    labels = [*_parameter_names(program, len(args)), *keywords(program)]
    named = zip(labels, [*args, *kwargs], strict=True)
    return _unique([name for label, value in named for name in _leaf_names(value, label)], set(taken))


def keywords(program: ExportedProgram) -> list[str]:
    """The keyword arguments, in the order the program was exported with."""
    spec = program.call_spec.in_spec
    return [] if spec is None else _keys(spec.children()[1])


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
        names = iter(_leaf_names(spec, "" if not spec.is_leaf() and _field_names(spec) else "output"))
    labels = [
        next(names, s.arg.name)
        if s.kind in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)
        else str(s.target or s.arg.name)
        for s in signature.output_specs
        if not (isinstance(s.arg, ConstantArgument) and s.kind not in (OutputKind.USER_OUTPUT,))
    ]
    return _unique(labels, set())


def mutations(program: ExportedProgram) -> dict[int, int]:
    """Which outputs are new values of which inputs, by position: what decomposed programs return for each mutation.

    Programs as torch.export leaves them have none: they change their inputs in place.
    """
    specs = program.graph_signature.input_specs
    positions = {spec.target: index for index, spec in enumerate(specs) if spec.target is not None}
    inputs = {spec.arg.name: index for index, spec in enumerate(specs)}
    outputs = enumerate(program.graph_signature.output_specs)
    return {
        index: (inputs if spec.kind is OutputKind.USER_INPUT_MUTATION else positions)[spec.target]
        for index, spec in outputs
        if spec.kind in _MUTATIONS and spec.target is not None
    }


def _leaf_names(spec: pytree.TreeSpec, prefix: str) -> list[str]:
    if spec.is_leaf():
        return [prefix]
    named = zip(_keys(spec), spec.children(), strict=True)
    return [name for key, child in named for name in _leaf_names(child, f"{prefix}.{key}" if prefix else key)]


def _keys(spec: pytree.TreeSpec) -> list[str]:
    """The children's names, or their positions where they have none (tuples, lists)."""
    return _field_names(spec) or [str(index) for index in range(spec.num_children)]


def _field_names(spec: pytree.TreeSpec) -> list[str]:
    """Keys of a dictionary, fields of a dataclass or a named tuple, of whatever classes the user registered.

    They are read off the context that the node was flattened with, since a class (a cache, say) may not let itself
    be made of anything but tensors.
    """
    context = getattr(spec.context, "_fields", spec.context)
    candidates = [context, *context] if isinstance(context, list | tuple) else []
    found = (names for names in candidates if isinstance(names, list | tuple) and len(names) == spec.num_children)
    return next(([str(n) for n in names] for names in found if all(isinstance(n, str | int) for n in names)), [])


def _unique(names: Iterable[str], taken: set[str]) -> list[str]:
    result = []
    for name in names:
        while name in taken:
            name += "_"
        taken.add(name)
        result.append(name)
    return result
