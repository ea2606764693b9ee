"""A graph module with its arguments becomes a Model: @main, its weights, and results for what it mutates."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.bounded import BOUNDED, to_attribute
from oxide.dialects import composites, dims, hlo
from oxide.dialects.attributes import CHECKS, UPDATES
from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import Diagnostic, OxideError, captured, from_native
from oxide.dialects.dims import Dim, depends_on_data
from oxide.frontends.bounded import Bounded, flatten
from oxide.frontends.torch import ops as _registers_lowerings  # noqa: F401
from oxide.frontends.torch.custom import read_given
from oxide.frontends.torch.data_sizes import DataSizes
from oxide.frontends.torch.diagnostics import NodeErrors
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.effects import Effects
from oxide.frontends.torch.numbers import value_of
from oxide.frontends.torch.sizes import Symbols, named, size, sizes
from oxide.frontends.torch.tensors import Tensor, read
from oxide.frontends.torch.walk import Program
from oxide.frontends.torch.weights import Weights
from oxide.model import Model
from oxide.parameters import ParameterStore
from oxide.passes.base import PassLog
from oxide.passes.dce import DeadCode
from oxide.signature import NAME, PARAM

log = logging.getLogger("oxide.torch")


@dataclass(frozen=True)
class Argument:
    """What a placeholder is bound to.

    `kind` is `input` (value: a tensor, fake or real, of its dtype and shape, or a symbolic number), `weight` (the
    parameter or buffer), `constant` (a tensor the program holds) or `number` (a Python value, fixed at import).
    """

    name: str
    kind: Literal["input", "weight", "constant", "number"]
    value: Any


# Names of the flat outputs, None for one that is no tensor.
OutputNames = Callable[[Sequence[Any]], list[str]]


def lower_graph_module(
    graph_module: torch.fx.GraphModule,
    arguments: Sequence[Argument],
    *,
    name: str = "model",
    output_names: Sequence[str] | None = None,
    random_state: str | None = None,
    mutations: Mapping[int, int] | None = None,
    lowerings: Mapping[str, Callable[..., Any]] | None = None,
    checks: bool = True,
) -> Model:
    """Lower a graph of ATen operators whose placeholders are `arguments`, in order, and whose output is flat.

    Results are the tensors among the outputs, called `output_names` (one for each output, tensor or not); then,
    for each argument the graph mutates, its new value, marked `oxide.updates = "<argument>"`.
    `random_state` names one more input, after the others, that a graph which draws random numbers gets: the state
    of the generator, ui64[2], whose new value is among the results like that of a mutated argument.  Without it
    random operators are refused.  `lowerings` are JAX functions for operators of other libraries.
    With `checks`, a graph that asserts something of values has a last result, marked with the assertions
    (`oxide.checks`): the number of the first that failed, from 1, or 0.
    `mutations` says which outputs of a functional graph are no results but new values of arguments: positions of
    outputs to positions of arguments.
    A result whose size depends on data is a buffer with a count among the last results (`oxide.bounded`).
    A number that depends on the sizes of inputs, or is an input, is a tensor of rank 0: int64, float64 or bool.
    Raises OxideError for everything that cannot be lowered, naming the nodes.
    """
    given = read_given(lowerings)
    context = make_context()
    fakes = [argument.value for argument in arguments if argument.kind == "input"]
    symbols = Symbols([*fakes, *(node.meta.get("val") for node in graph_module.graph.nodes)])
    with context, ir.Location.name(name), captured(context) as seen, named(symbols.names):
        module = ir.Module.create()
        module.operation.attributes["sym_name"] = ir.StringAttr.get(_module_name(name))
        function, block = _entry(module)
        inputs = [argument for argument in arguments if argument.kind == "input"]
        tensors = {argument.name: Tensor(_add_input(block, argument)) for argument in inputs}
        random = _RandomState(block, random_state, tensors) if random_state else None
        weights = Weights(block, taken=[*tensors, *([random.name] if random else [])])
        with ir.InsertionPoint(block), composites.library(module) as library:
            failed = Tensor(hlo.constant(0, np.int32)) if checks else None
            effects = Effects(random.tensor if random else None, failed)
            program = Program(weights, symbols, effects, given)
            known = _symbols_of(inputs)
            symbols.require_ranges(known)
            symbols.require_guards()
            bound = [_bound(a, tensors, weights, known) for a in arguments]
            outputs = program.run(graph_module, bound)
            if program.failures:
                raise NodeErrors(program.failures)
            _refuse_changed_constants(arguments, bound, weights)
            results = _results(program.data, outputs, output_names, mutations or {})
            _mutate(bound, outputs, mutations or {})
            mutable = {**tensors, **weights.tensors, **({random.name: random.tensor} if random else {})}
            results += _updates(mutable, {r.name for r in results})
            results = _counted(results)
            if failed is not None and effects.messages:
                results.append(_checks(failed, effects.messages, {r.name for r in results}))
            hlo.create("func.return", [r.value for r in results], [])
        DeadCode().run(module, PassLog())
        weights.drop_unused()
        drawn = [random.name] if random and not random.drop_unused() else []
        names = [(NAME, name) for name in [*(a.name for a in inputs), *drawn]] + [
            (PARAM, label) for label in weights.arguments
        ]
        function.attributes["arg_attrs"] = _dictionaries([{key: ir.StringAttr.get(x)} for key, x in names])
        function.attributes["res_attrs"] = _dictionaries(
            [{NAME: ir.StringAttr.get(r.name), **r.attributes} for r in results]
        )
        types = ir.FunctionType.get([a.type for a in block.arguments], [r.value.type for r in results])
        function.attributes["function_type"] = ir.TypeAttr.get(types)
        hlo.resolve_sizes(module, library.constraints)
        _verify(module, seen)
    for op, count in program.expansions.counts.most_common():
        log.debug("%s: %s has no lowering of its own and was expanded %d times", name, op, count)
    return Model(module, ParameterStore(weights.entries), name)


class _RandomState:
    """The argument for the state of the random generator, under a name that no input has."""

    def __init__(self, block: ir.Block, name: str, taken: Collection[str]) -> None:
        while name in taken:
            name += "_"
        self.name = name
        self._block = block
        self._argument = block.add_argument(hlo.make_type([2], np.uint64), ir.Location.name(name))
        self.tensor = Tensor(self._argument)

    def drop_unused(self) -> bool:
        """Remove the argument where nothing was drawn."""
        unused = not any(True for _ in self._argument.uses)
        if unused:
            self._block.erase_argument(self._argument.arg_number)
        return unused


def _bound(argument: Argument, inputs: Mapping[str, Tensor], weights: Weights, known: Collection[str]) -> Any:
    if argument.kind == "weight":
        return weights.weight(argument.value, argument.name)
    if argument.kind == "constant":
        return weights.constant(argument.value, argument.name)
    if argument.kind == "number":
        return argument.value
    if isinstance(argument.value, torch.SymInt) and set(dims.symbols(size(argument.value))) <= set(known):
        return size(argument.value)  # the shapes of other inputs tell it
    return inputs[argument.name]


def _symbols_of(inputs: Sequence[Argument]) -> list[str]:
    """The symbols that the shapes of the inputs tell."""
    shapes = [sizes(a.value.shape) for a in inputs if isinstance(a.value, torch.Tensor)]
    return [source.symbol for source in dims.find_sources(shapes)]


def _add_input(block: ir.Block, argument: Argument) -> ir.BlockArgument:
    value = argument.value
    if isinstance(value, torch.Tensor):
        shape = sizes(value.shape)
        if any(map(depends_on_data, shape)):
            raise OxideError(f"input {argument.name} has the shape {list(value.shape)}, which no input can tell")
        kind = hlo.make_type(shape, to_numpy(value.dtype))
    else:
        kind = hlo.make_type([], _NUMBERS[type(value)])
    return block.add_argument(kind, ir.Location.name(argument.name))


# The dtypes of symbolic numbers.
_NUMBERS: dict[type, np.dtype] = {
    torch.SymInt: np.dtype(np.int64),
    torch.SymFloat: np.dtype(np.float64),
    torch.SymBool: np.dtype(np.bool_),
}


@dataclass(frozen=True)
class _Result:
    name: str
    value: ir.Value
    attributes: Mapping[str, ir.Attribute] = field(default_factory=dict)
    # The value with the count of what counts in it, where that depends on data.
    bounded: Bounded | None = None


def _results(
    data: DataSizes, outputs: Any, names: Sequence[str] | None, mutations: Collection[int]
) -> list[_Result]:
    """The tensors among the outputs that are no mutations."""
    flat = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    labels = names or [f"output.{index}" if len(flat) > 1 else "output" for index in range(len(flat))]
    results = [value_of(value) if isinstance(value, Dim) else data.output(value) for value in flat]
    labelled = enumerate(zip(labels, results, strict=True))
    kept = [(label, x) for i, (label, x) in labelled if i not in mutations]
    return [
        _Result(label, x.buffer, bounded=x) if isinstance(x, Bounded) else _Result(label, x)
        for label, x in kept
        if isinstance(x, ir.Value | Bounded)
    ]


def _counted(results: Sequence[_Result]) -> list[_Result]:
    """Buffers marked `oxide.bounded` and, at the end, the counts they have."""
    values, names, bounds = flatten([r.bounded or r.value for r in results], [r.name for r in results])
    marks = [{BOUNDED: to_attribute(bounds[i])} if i in bounds else {} for i in range(len(values))]
    given = [r.attributes for r in results] + [{}] * (len(values) - len(results))
    rows = zip(names, values, given, marks, strict=True)
    return [_Result(name, value, {**attributes, **mark}) for name, value, attributes, mark in rows]


def _mutate(arguments: Sequence[Any], outputs: Any, mutations: Mapping[int, int]) -> None:
    """Give arguments their new values; all are read first, since an output may be a view of an argument."""
    values = {position: read(outputs[index]) for index, position in mutations.items()}
    for position, value in values.items():
        arguments[position].write(value)


def _refuse_changed_constants(arguments: Sequence[Argument], bound: Sequence[Any], weights: Weights) -> None:
    """Raise OxideError for a tensor that the program changes and the module has as a constant."""
    changed = {a.name: x for a, x in zip(arguments, bound, strict=True) if isinstance(x, Tensor) and x.version}
    constants = {a.name for a in arguments if a.kind == "constant"} - set(weights.tensors)
    found = sorted(changed.keys() & constants)
    if found:
        names = ", ".join(found)
        raise OxideError(f"the program changes {names}, which is no buffer; use register_buffer in the module")


def _updates(arguments: Mapping[str, Tensor], taken: Collection[str]) -> list[_Result]:
    """The new value of each argument that was written to."""
    written = {name: tensor for name, tensor in arguments.items() if tensor.version}
    return [
        _Result(_fresh(name, ".new", taken), tensor.read(), {UPDATES: ir.StringAttr.get(name)})
        for name, tensor in written.items()
    ]


def _checks(failed: Tensor, messages: Sequence[str], taken: Collection[str]) -> _Result:
    texts = ir.ArrayAttr.get([ir.StringAttr.get(message) for message in messages])
    return _Result(_fresh("failed_check", "_", taken), failed.read(), {CHECKS: texts})


def _fresh(name: str, suffix: str, taken: Collection[str]) -> str:
    while name in taken:
        name += suffix
    return name


def _entry(module: ir.Module) -> tuple[ir.Operation, ir.Block]:
    """A public @main without arguments; its type is set when they are known."""
    attributes: dict[str, ir.Attribute] = {
        "sym_name": ir.StringAttr.get("main"),
        "sym_visibility": ir.StringAttr.get("public"),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get([], [])),
    }
    with ir.InsertionPoint(module.body):
        function = hlo.create("func.func", [], [], attributes, regions=1)
    return function, function.regions[0].blocks.append()


def _module_name(name: str) -> str:
    """XLA names its dumps after the module, so only plain names are passed on."""
    return name if re.fullmatch(r"[A-Za-z_][\w.-]{0,99}", name, re.ASCII) else "model"


def _dictionaries(items: Sequence[dict[str, ir.Attribute]]) -> ir.ArrayAttr:
    return ir.ArrayAttr.get([ir.DictAttr.get(item) for item in items])


def _verify(module: ir.Module, seen: list[Diagnostic]) -> None:
    """MLIR's verifier must accept what the lowerings built; if it does not, its diagnostics name the nodes."""
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        details = seen + [from_native(info) for info in error.error_diagnostics]
        raise OxideError("internal error: a lowering built invalid StableHLO; please report it", details) from error
