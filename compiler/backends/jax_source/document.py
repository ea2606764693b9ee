"""The generated file: imports, parameters, helpers, functions, `forward`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import cast

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import (  # noqa: F401  (the tables register themselves)
    chlo,
    composites,
    control_flow,
    dots,
    elementwise,
    indexing,
    library,
    linalg,
    printer,
    reductions,
    shape_ops,
    syntax,
)
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.names import RESERVED, Namespace, identifier, printable
from oxide.backends.jax_source.registry import Unsupported
from oxide.backends.jax_source.size_header import (
    SizedArray,
    relation_check,
    shape_checks,
    size_definitions,
    used_sizes,
)
from oxide.backends.jax_source.terms import WIDE, Bound, TensorType, Term
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.shapes import Symbolic, UnknownShapes, open_sizes


@dataclass(frozen=True)
class JaxSource:
    """A generated Python file.

    `constants` are arrays too long to read in a program; the caller stores them in the parameters file with
    the weights, under these names.
    """

    text: str
    constants: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Signature:
    """The entry function's inputs, weights (by block argument position) and outputs under the model's names."""

    inputs: list[tuple[int, str]]
    weights: list[tuple[int, str]]
    outputs: list[str]


def emit_jax_source(module: ir.Module, *, model_name: str, parameters_file: str | None) -> JaxSource:
    """One self-contained Python file for a StableHLO module, whose function `forward` computes `@main`.

    `forward(params, x, ...)` takes the weights as nested dicts (what `load_params` in the file returns, from
    `parameters_file` beside it) and the inputs in the model's order; it returns the output, or a tuple of
    all outputs in the model's order.  The same module gives the same text.
    Raises OxideError that names every operation which cannot be written as JAX, with its location.
    """
    symbols = _symbols(module)
    main = symbols.get("main")
    if main is None:
        raise OxideError("the module has no function @main")
    signature = _signature(main)
    block = main.regions[0].blocks[0]
    paths = weight_paths([name for _, name in signature.weights])
    module_names = Namespace(_reserved())
    prefix = _constants_key({path[0] for path in paths.values()})
    emitter = Emitter(
        lambda name: _item([prefix, name]),
        symbolic=_symbolic(module, symbols, module_names, signature),
        symbols=symbols,
        module_names=module_names,
    )
    names = module_names.inner()
    terms, parameters = _arguments(emitter, block, signature, paths, names)
    try:
        body = emitter.main(main, terms, names)
        body = [*_header(emitter, block, terms, signature, body), *body]
        results = [emitter.type(t) for t in block.operations[len(block.operations) - 1].operands]
    except (Unsupported, UnknownShapes) as reason:
        emitter.errors.append(Diagnostic("error", str(reason), location_text(main.location)))
        body, results = [], []
    except RecursionError as error:
        raise OxideError("calls are nested too deeply to write as Python") from error
    if emitter.errors:
        raise OxideError("cannot write this module as JAX source", emitter.errors)
    inputs = [(n, emitter.type(block.arguments[i])) for i, n in signature.inputs]
    constants = {f"{prefix}.{name}": value for name, value in emitter.constants.items()}
    stored = {n: emitter.type(block.arguments[i]).dtype for i, n in signature.weights}
    stored |= {name: value.dtype for name, value in constants.items()}
    forward = _forward(parameters, inputs, list(zip(signature.outputs, results, strict=True)), body)
    text = _assemble(emitter, model_name, parameters_file, stored, signature, forward, paths)
    return JaxSource(text, constants)


def _symbolic(
    module: ir.Module, symbols: Mapping[str, ir.OpView], names: Namespace, signature: Signature
) -> Symbolic:
    inputs = {identifier(name) for _, name in signature.inputs}

    def fresh(wanted: str) -> str:
        name = identifier(wanted) or "n"
        return names.fresh(f"{name}_size" if name in inputs else name)

    try:
        return open_sizes(module, symbols, fresh)
    except UnknownShapes as reason:
        error = Diagnostic("error", str(reason), location_text(symbols["main"].location))
        raise OxideError("cannot write this module as JAX source", [error]) from reason


@cache
def _reserved() -> frozenset[str]:
    return RESERVED | library.helpers().keys()


def weight_paths(names: Sequence[str]) -> dict[str, list[str]]:
    """Where `load_params` puts each weight: at its dotted parts, unless one of its prefixes is a weight."""
    taken = set(names)
    paths: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        inside = any(".".join(parts[:n]) in taken for n in range(1, len(parts)))
        paths[name] = [name] if inside else parts
    return paths


def _item(keys: Sequence[str]) -> ast.expr:
    node: ast.expr = syntax.name("params")
    for key in keys:
        node = syntax.index(node, ast.Constant(key))
    return node


def _constants_key(taken: set[str]) -> str:
    key = "constants"
    while key in taken:
        key += "_"
    return key


def _symbols(module: ir.Module) -> dict[str, ir.OpView]:
    found: dict[str, ir.OpView] = {}
    for op in module.body.operations:
        if "sym_name" in op.attributes:
            found[cast(ir.StringAttr, op.attributes["sym_name"]).value] = op
    return found


def _signature(main: ir.OpView) -> Signature:
    kind = cast(ir.FunctionType, cast(ir.TypeAttr, main.attributes["function_type"]).value)
    arguments = _dictionaries(main, "arg_attrs", len(kind.inputs))
    results = _dictionaries(main, "res_attrs", len(kind.results))
    weights = [(i, _text(a, "oxide.param")) for i, a in enumerate(arguments) if a and "oxide.param" in a]
    marked = {i for i, _ in weights}
    inputs = [
        (i, _text(a, "oxide.name") if a and "oxide.name" in a else f"arg{i}")
        for i, a in enumerate(arguments)
        if i not in marked
    ]
    outputs = [_text(a, "oxide.name") if a and "oxide.name" in a else f"result{i}" for i, a in enumerate(results)]
    repeated = sorted(name for name, count in Counter(n for _, n in weights).items() if count > 1)
    if repeated:
        raise OxideError(f"two weights of one name: {', '.join(map(repr, repeated))}")
    return Signature(inputs, weights, outputs)


def _dictionaries(main: ir.OpView, name: str, count: int) -> Sequence[ir.DictAttr | None]:
    if name not in main.attributes:
        return [None] * count
    return cast(list[ir.DictAttr], list(cast(ir.ArrayAttr, main.attributes[name])))


def _text(attributes: ir.DictAttr, name: str) -> str:
    try:
        return cast(ir.StringAttr, attributes[name]).value
    except UnicodeDecodeError as error:
        raise OxideError(f"{name} {attributes[name]} is not UTF-8") from error


def _arguments(
    emitter: Emitter, block: ir.Block, signature: Signature, paths: dict[str, list[str]], names: Namespace
) -> tuple[list[Term], list[str]]:
    """The terms of the block's arguments, and the Python parameters for the inputs among them."""
    at: dict[int, ast.expr] = {position: _item(paths[name]) for position, name in signature.weights}
    parameters: list[str] = []
    for position, name in signature.inputs:
        parameters.append(names.fresh(identifier(name)))
        at[position] = syntax.name(parameters[-1])
    terms: list[Term] = []
    for position, argument in enumerate(block.arguments):
        try:
            type_ = emitter.type(argument)
        except Unsupported as reason:
            emitter.errors.append(
                Diagnostic("error", f"argument {position}: {reason}", location_text(argument.location))
            )
            type_ = TensorType((), "f32")
        emitter.uses_wide |= type_.element in WIDE
        terms.append(Bound(type_, at[position]))
    return terms, parameters


def _open_dimensions(argument: ir.Value) -> int:
    type_ = ir.RankedTensorType(argument.type)
    return sum(type_.is_dynamic_dim(axis) for axis in range(type_.rank))


def _header(
    emitter: Emitter, block: ir.Block, terms: Sequence[Term], signature: Signature, body: list[ast.stmt]
) -> list[ast.stmt]:
    """The sizes that the body uses, and the checks of what it relies on."""
    if not emitter.symbolic.active:
        return []
    names = dict([*signature.inputs, *signature.weights])
    arrays = [
        SizedArray(names[i], t.node, t.type, _open_dimensions(block.arguments[i]))
        for i, t in enumerate(terms)
        if isinstance(t, Bound)
    ]
    checks = shape_checks(syntax.name("require"), arrays)
    checks += [relation_check(syntax.name("require"), *relation) for relation in emitter.symbolic.relations]
    if checks:
        emitter.helper("require")
    used = used_sizes([*checks, *body], emitter.symbolic.symbols)
    definitions, unknown = size_definitions(arrays, used)
    if unknown:
        raise Unsupported(f"no shape of an input tells the size {unknown[0]!r}")
    return [*definitions, *checks]


def _forward(
    parameters: Sequence[str],
    inputs: Sequence[tuple[str, TensorType]],
    outputs: Sequence[tuple[str, TensorType]],
    body: list[ast.stmt],
) -> ast.FunctionDef:
    def listed(items: Sequence[tuple[str, TensorType]]) -> str:
        return ", ".join(f"{printable(name)} {type_}" for name, type_ in items) or "nothing"

    lines = [f"{listed(inputs)} -> {listed(outputs)}"]
    if len(lines[0]) > 90:
        rows = [
            f"{word} {printable(n)} {t}"
            for word, items in (("takes", inputs), ("gives", outputs))
            for n, t in items
        ]
        lines = ["The model.", "", *rows]
    documentation = ast.Expr(ast.Constant("\n".join(lines)))
    return syntax.function("forward", ["params", *parameters], [documentation, *body])


def _assemble(
    emitter: Emitter,
    model_name: str,
    parameters_file: str | None,
    stored: Mapping[str, np.dtype],
    signature: Signature,
    forward: ast.FunctionDef,
    paths: dict[str, list[str]],
) -> str:
    """The text of the file."""
    functions = ["\n".join(_noted(f)) for f in emitter.functions.values()]
    functions += ["\n".join(printer.statements([forward]))]
    helpers = library.texts(emitter.helpers)
    loader = _loader(stored, parameters_file, paths)
    code = "\n\n\n".join([*helpers, *loader, *functions])
    facts = [
        syntax.assign(["INPUT_NAMES"], syntax.literal(tuple(n for _, n in signature.inputs))),
        syntax.assign(["OUTPUT_NAMES"], syntax.literal(tuple(signature.outputs))),
    ]
    if stored and parameters_file is not None:
        facts.append(syntax.assign(["PARAMETERS_FILE"], syntax.literal(parameters_file)))
        if len(loader) > 1:
            names, types = map(syntax.literal, stored), (syntax.literal(d.name) for d in stored.values())
            facts.append(syntax.assign(["PARAMETER_DTYPES"], ast.Dict(list(names), list(types))))
    head = [
        printer.docstring(f"{printable(model_name)} as JAX source, written by Oxide.\n\n{_USAGE}"),
        "",
        *_imports(code, loader, emitter.uses_wide),
        "",
        *printer.statements(facts),
    ]
    return "\n".join(head) + "\n\n\n" + code + "\n"


_USAGE = """    outputs = jax.jit(forward)(load_params(), *inputs)

`forward` is pure.  Several outputs come as a tuple, in the order of OUTPUT_NAMES."""


def _noted(function: ast.FunctionDef) -> list[str]:
    lines = printer.statements([function])
    note = function.__dict__.get("note")
    return [lines[0], f"    # {note}", *lines[1:]] if note and len(note) < 94 and lines[0].endswith(":") else lines


# What safetensors' own reader gives to JAX as it is.
_READABLE = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64".split()  # noqa: SIM905
)


def _loader(stored: Mapping[str, np.dtype], parameters_file: str | None, paths: dict[str, list[str]]) -> list[str]:
    """The text of load_params, after that of what reads the file where safetensors' reader does not do."""
    if not stored:
        return ['def load_params():\n    """This model has no weights."""\n    return {}']
    if parameters_file is None:
        return []
    whole = any(len(path) == 1 and "." in path[0] for path in paths.values())
    load_params = library.variant("load_params_with_whole_names" if whole else "load_params", "load_params")
    if _READABLE.issuperset(d.name for d in stored.values()):
        return [load_params]
    return [library.variant("load_file_with_dtypes", "load_file"), load_params]


def _imports(code: str, loader: Sequence[str], uses_wide: bool) -> list[str]:
    """Only what the code uses, in isort's order; 64-bit types need JAX told before anything runs."""
    used = {name for name in ("jax", "jnp", "lax") if f"{name}." in code}
    if code.count("np.") > code.count("jnp."):
        used.add("np")
    reads = bool(loader) and "load_file(" in loader[-1]
    lines: list[str] = []
    if reads:
        lines += ["from pathlib import Path", ""]
    if uses_wide or "jax" in used:
        lines.append("import jax")
    if "jnp" in used:
        lines.append("import jax.numpy as jnp")
    if "np" in used:
        lines.append("import numpy as np")
    if "lax" in used:
        lines.append("from jax import lax")
    if reads:
        lines.append(
            "from safetensors.flax import load_file" if len(loader) == 1 else "from safetensors import deserialize"
        )
    if uses_wide:
        lines += [
            "",
            "# The model computes with 64-bit types, which JAX leaves out unless asked.",
            'jax.config.update("jax_enable_x64", True)',
        ]
    return lines
