"""JAX front end: a function that JAX can trace becomes a Model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.tree_util import tree_leaves, tree_structure
from jaxlib.mlir import ir

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.frontends.jax.names import argument_names, leaf_names, output_names, unique
from oxide.frontends.jax.open_shapes import label_shapes, without_wrapper
from oxide.frontends.jax.weights import constants_to_weights
from oxide.model import Model
from oxide.parameters import ParameterStore
from oxide.signature import NAME, PARAM, entry_function, read_signature


def import_jax(
    function: Callable[..., Any],
    *example_arguments: Any,
    params: str | Sequence[str] = (),
    name: str | None = None,
    **example_keywords: Any,
) -> Model:
    """Trace `function` on example arguments (arrays or jax.ShapeDtypeStruct, in any pytrees).

    Inputs are called as the function calls its arguments, leaves of pytrees by their path: `x`, `cache.0.k`.  The
    arguments named in `params` are weights: their values are kept, under their paths alone (`layer.0.w`).
    Arrays the function closes over become weights too, `constant.0` and on, when they are not small.
    `jax.export.symbolic_shape` makes dimensions dynamic.  64-bit types follow JAX's x64 setting.

    Raises OxideError when JAX cannot trace the function, or when it calls back into Python.
    """
    params = [params] if isinstance(params, str) else list(params)
    names = argument_names(function, len(example_arguments))
    arguments = dict(zip(names, example_arguments, strict=True)) | example_keywords
    unknown = [param for param in params if param not in arguments]
    if unknown:
        raise OxideError(f"no argument is called {unknown[0]!r}; there are {', '.join(arguments)}")
    inputs = [key for key in arguments if key not in params]
    model_name = name or getattr(function, "__name__", "model").strip("<>")

    # Inputs first, then weights, whatever the function's own order.
    def ordered(*values: Any) -> Any:
        by_name = dict(zip([*inputs, *params], values, strict=True))
        return function(*(by_name[key] for key in names), **{key: by_name[key] for key in example_keywords})

    in_order = [arguments[key] for key in (*inputs, *params)]
    module, result, shapes = _trace(functools.wraps(function)(ordered), *in_order)
    input_leaves = unique([leaf for key in inputs for leaf in leaf_names(arguments[key], key)])
    weight_leaves = unique([leaf for key in params for leaf in _weight_names(key, arguments[key], params)])
    with module.context, ir.Location.unknown():
        _label(module, model_name, input_leaves, weight_leaves, unique(output_names(result)))
        label_shapes(module, *shapes)
        module, hoisted = constants_to_weights(module, taken=set(weight_leaves))
    read_signature(module)
    values = zip(weight_leaves, tree_leaves([arguments[key] for key in params]), strict=True)
    stored = {key: _value(leaf) for key, leaf in values if not isinstance(leaf, jax.ShapeDtypeStruct)}
    return Model(module, ParameterStore(stored | hoisted), model_name)


# Shapes of the arguments and of the results, in the order of the module's.
Shapes = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


def _trace(function: Callable[..., Any], *arguments: Any) -> tuple[ir.Module, Any, Shapes]:
    """The StableHLO module of a function, in a context of ours, the pytree of its results, and the open shapes."""
    # Unused arguments are kept: the model's signature is the function's.
    jitted = jax.jit(function, keep_unused=True)
    try:
        if any(not isinstance(size, int) for leaf in tree_leaves(arguments) for size in np.shape(leaf)):
            exported = jax.export.export(jitted)(*arguments)
            shapes = [a.shape for a in exported.in_avals], [a.shape for a in exported.out_avals]
            result = exported.out_tree.unflatten(exported.out_avals)
            return without_wrapper(parse_module(exported.mlir_module_serialized)), result, shapes
        lowered = jitted.lower(*arguments)
        native = lowered.compiler_ir("stablehlo")
    except Exception as error:  # the function is the user's: it can raise anything
        raise OxideError(f"JAX cannot trace the function: {type(error).__name__}: {error}") from error
    assert native is not None, "lowered for another dialect"
    _refuse_callbacks(native)
    # As text: the bytecode of some dialects JAX uses (sdy) cannot be read back.
    return parse_module(lowered.as_text(debug_info=True)), lowered.out_info, ([], [])


def _weight_names(key: str, tree: Any, params: Sequence[str]) -> list[str]:
    """The path alone where that says enough: one tree of weights that is not itself a leaf."""
    is_leaf = tree_structure(tree) == tree_structure(0)
    return leaf_names(tree, key if is_leaf or len(params) > 1 else "")


def _value(leaf: Any) -> np.ndarray:
    """The array JAX would make of a leaf (of its canonical dtype), without a copy where possible."""
    return np.asarray(jax.numpy.asarray(leaf))


def _label(
    module: ir.Module, name: str, inputs: Sequence[str], weights: Sequence[str], outputs: Sequence[str]
) -> None:
    """Name the module, its arguments and its results."""
    top = module.operation.attributes
    top["sym_name"] = ir.StringAttr.get(name)
    for key in ("mhlo.num_partitions", "mhlo.num_replicas"):
        if key in top:
            del top[key]
    function = entry_function(module)
    labels = [{NAME: key} for key in inputs] + [{PARAM: key} for key in weights]
    function.attributes["arg_attrs"] = _dictionaries(labels)
    function.attributes["res_attrs"] = _dictionaries([{NAME: key} for key in outputs])


def _dictionaries(items: Sequence[dict[str, str]]) -> ir.ArrayAttr:
    return ir.ArrayAttr.get(
        [ir.DictAttr.get({key: ir.StringAttr.get(value) for key, value in item.items()}) for item in items]
    )


def _refuse_callbacks(module: ir.Module) -> None:
    """A callback is an address in this very process: it cannot be saved, nor called from anywhere else."""
    found: list[Diagnostic] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.custom_call":
            target = ir.StringAttr(op.attributes["call_target_name"]).value
            if "callback" in target:
                found.append(Diagnostic("error", f"custom call @{target}", location_text(op.location)))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if found:
        raise OxideError("the function calls back into Python (jax.pure_callback, jax.debug.print, ...)", found)
