"""`import_onnx`: a model file, its bytes or a ModelProto becomes a Model."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from jaxlib.mlir import ir
from onnx import ModelProto

from oxide.dialects import composites, hlo
from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import Diagnostic, OxideError, captured, from_native
from oxide.frontends import bounded
from oxide.frontends.onnx import ops as _registers_lowerings  # noqa: F401
from oxide.frontends.onnx.boundary import Leaf, Shape, expand_inputs, output_leaves
from oxide.frontends.onnx.custom import Given, read_given
from oxide.frontends.onnx.diagnostics import SHOWN_NAMES, node_location, quoted
from oxide.frontends.onnx.functions import local_functions
from oxide.frontends.onnx.given_values import check_values
from oxide.frontends.onnx.graph import Graph, refuse_repeated, require_text
from oxide.frontends.onnx.model_file import ModelFile, open_model
from oxide.frontends.onnx.operators import Library, model_opsets
from oxide.frontends.onnx.registry import Table
from oxide.frontends.onnx.scope import Scope
from oxide.frontends.onnx.survey import check_supported
from oxide.frontends.onnx.types import Dimensions, InputType, input_types, output_mismatch, size_mismatch
from oxide.frontends.onnx.weights import Weights
from oxide.model import Model
from oxide.nesting import nest, set_nesting, structure_of
from oxide.parameters import ParameterStore
from oxide.passes.base import PassLog
from oxide.passes.dce import DeadCode

log = logging.getLogger("oxide.onnx")

Source = str | os.PathLike[str] | bytes | ModelProto


def import_onnx(
    source: Source,
    *,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    values: Mapping[str, Any] | None = None,
    lowerings: Given | None = None,
    base_dir: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Model:
    """Import an ONNX model: a path, the bytes of a file, or a ModelProto.

    `dims` gives sizes to named dimensions (`{"batch": 1}`), `shapes` whole shapes to inputs: for a sequence a
    list of them, for an absent optional None (`oxide.nesting` says what becomes of both).  Other dimensions
    without a size stay open: the model takes every size that fits.  `values` gives arrays
    to inputs whose values must be known, such as a target shape: they become weights and are inputs no more.
    `lowerings` are for operators that Oxide does not know: JAX functions by name
    (`{"my.domain.Swish": swish}`) or an `OnnxLowerings`.  `base_dir` is where external data lies when it is not
    the file's own folder.  The model's inputs come first among the arguments of `@main`, its weights follow; a
    weight that nothing uses is left out.

    Raises OxideError for anything in the file that is malformed or cannot be lowered, naming the nodes.
    """
    given = read_given(lowerings)
    opened = open_model(source, base_dir, name)
    with _errors_about(opened):
        library, graph = _survey(opened, given)
        return _import(opened, library, graph, dims, shapes or {}, values or {})


def check_operators(source: Source, lowerings: Given | None = None) -> None:
    """Raise OxideError when the model uses an operator that has no lowering, or its graph is malformed."""
    given = read_given(lowerings)
    opened = open_model(source, None, None)
    with _errors_about(opened):
        _survey(opened, given)


@contextmanager
def _errors_about(opened: ModelFile) -> Iterator[None]:
    try:
        yield
    except OxideError as error:
        raise OxideError(f"{opened.label}: {error.message}", error.diagnostics) from error
    except RecursionError as error:
        raise OxideError(f"{opened.label}: the model is nested too deeply") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise OxideError(f"{opened.label}: internal error: {reason}; please report it with the model") from error


def _import(
    opened: ModelFile,
    library: Library,
    graph: Graph,
    sizes: Mapping[str, int] | None,
    shapes: Mapping[str, Shape],
    values: Mapping[str, Any],
) -> Model:
    known = check_values(values, graph.inputs, graph.types)
    asked = [value for value in graph.inputs if value not in known]
    inputs = expand_inputs({value: graph.types[value] for value in asked}, shapes)
    dims = Dimensions.of(sizes, inputs.shapes)
    types = input_types(inputs.types, dims)

    context = make_context()
    with context, ir.Location.name(graph.name or opened.name), captured(context) as seen:
        module = ir.Module.create()
        module.operation.attributes["sym_name"] = ir.StringAttr.get(_module_name(opened.name))
        function, block = _entry(module)
        for kind in types:
            block.add_argument(_argument_type(kind), ir.Location.name(kind.name))
        weights = Weights(block, opened.reader, list(inputs.types), taken=graph.inputs)
        scope = Scope(library, weights)
        scope.values.update(zip(asked, nest(block.arguments, inputs.structures), strict=True))
        with ir.InsertionPoint(block), composites.library(module) as decompositions:
            scope.values.update({value: weights.array(array, value) for value, array in known.items()})
            results = scope.run(graph)
            checked = _check_outputs(graph, results, dims)
            outputs, names, bounds = bounded.flatten(
                [leaf.value for leaf in checked], [leaf.name for leaf in checked]
            )
            hlo.create("func.return", outputs, [])
        # What was only needed during import, such as target shapes, goes.
        DeadCode().run(module, PassLog())
        unused = weights.drop_unused()
        if unused:
            log.debug("%s: %d initializers are not used: %s", opened.label, len(unused), ", ".join(unused))
        function.attributes["res_attrs"] = bounded.result_attributes(names, bounds)
        set_nesting(function, inputs.structures, [structure_of(value) for value in results])
        _finish(function, block, list(inputs.types), weights, outputs)
        hlo.resolve_sizes(module, decompositions.constraints)
        _verify(module, seen)
    return Model(module, ParameterStore(weights.arrays), opened.name)


def _survey(opened: ModelFile, given: Table) -> tuple[Library, Graph]:
    """The model's operators and graph; its inputs are those that no initializer gives a value."""
    proto = opened.proto
    require_text(*(entry.domain for entry in proto.opset_import), *(f.name for f in proto.functions))
    graph = Graph.of_proto(proto.graph)
    library = Library(_opsets(proto, graph), local_functions(proto.functions), given)
    weight_names = set(graph.initializer_names())
    graph.inputs = [value for value in graph.inputs if value not in weight_names]
    refuse_repeated("input", graph.inputs, graph.nodes)
    refuse_repeated("output", graph.outputs, graph.nodes)
    check_supported(graph.nodes, library)
    return library, graph


def _opsets(proto: ModelProto, graph: Graph) -> dict[str, int]:
    try:
        return model_opsets(proto.ir_version, proto.opset_import)
    except OxideError as error:
        nodes = [
            Diagnostic("note", f"{node.op_type}: its opset is not known", node_location(node.name))
            for node in graph.nodes[:SHOWN_NAMES]
        ]
        raise OxideError(error.message, [*error.diagnostics, *nodes]) from error


def _argument_type(kind: InputType) -> ir.RankedTensorType:
    try:
        return hlo.make_type(kind.shape, kind.dtype)
    except OxideError as error:
        raise OxideError(f"input {quoted(kind.name)}: {error.message}") from error


def _module_name(name: str) -> str:
    """XLA names its dumps after the module, so only plain names are passed on."""
    return name if re.fullmatch(r"[A-Za-z_][\w.-]{0,99}", name, re.ASCII) else "model"


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


def _check_outputs(graph: Graph, outputs: Sequence[Any], dims: Dimensions) -> list[Leaf]:
    """The tensors in the outputs, which must be what the model declares."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    taken = set(graph.outputs)
    checked: list[Leaf] = []
    wrong: list[Diagnostic] = []
    for name, value in zip(graph.outputs, outputs, strict=True):
        try:
            found = output_leaves(name, value, graph.types[name], taken)
            messages = [output_mismatch(leaf.type, bounded.buffer_of(leaf.value)[0]) for leaf in found]
            if not any(messages):
                _warn_of_sizes(name, found, dims)
            checked += found
        except OxideError as error:
            messages = [error.message]
        for message in filter(None, messages):
            node = producers[name].name if name in producers else name
            wrong.append(Diagnostic("error", f"output {quoted(name)}: {message}", node_location(node)))
    if wrong:
        raise OxideError(
            "the model's outputs are not what it declares; correct the declarations in the file, or take the "
            "shapes out of them (ClearField('shape'))",
            wrong,
        )
    return checked


def _warn_of_sizes(name: str, leaves: Sequence[Leaf], dims: Dimensions) -> None:
    """Declared sizes that are wrong harm nobody: the computed shape is taken, and said to be."""
    for leaf in leaves:
        message = size_mismatch(leaf.type, *bounded.buffer_of(leaf.value), dims)
        if message:
            warnings.warn(f"output {quoted(name)}: {message}; the former is taken", stacklevel=2)


def _finish(
    function: ir.Operation, block: ir.Block, inputs: Sequence[str], weights: Weights, outputs: Sequence[ir.Value]
) -> None:
    """Set the type of @main and the names of its arguments."""
    types = ir.FunctionType.get([a.type for a in block.arguments], [v.type for v in outputs])
    function.attributes["function_type"] = ir.TypeAttr.get(types)
    names = [("oxide.name", name) for name in inputs]
    names += [("oxide.param", name) for name in weights.arguments]
    function.attributes["arg_attrs"] = _name_attributes(names)


def _name_attributes(names: Sequence[tuple[str, str]]) -> ir.ArrayAttr:
    return ir.ArrayAttr.get([ir.DictAttr.get({key: ir.StringAttr.get(name)}) for key, name in names])


def _verify(module: ir.Module, seen: list[Diagnostic]) -> None:
    """MLIR's verifier must accept what the lowerings built; if it does not, its diagnostics name the nodes."""
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        details = seen + [from_native(info) for info in error.error_diagnostics]
        raise OxideError("internal error: a lowering built invalid StableHLO; please report it", details) from error
