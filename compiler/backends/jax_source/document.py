"""The generated file: imports, parameters, helpers, functions, `prepare`, `forward`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

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
from oxide.backends.jax_source.entry import Signature, free_key, item, signature_of, symbols_of, weight_paths
from oxide.backends.jax_source.names import RESERVED, Namespace, identifier, printable
from oxide.backends.jax_source.preparation import prepare_function
from oxide.backends.jax_source.registry import Unsupported
from oxide.backends.jax_source.size_header import (
    SizedArray,
    relation_check,
    shape_checks,
    size_definitions,
    used_sizes,
)
from oxide.backends.jax_source.terms import WIDE, Bound, TensorType, Term
from oxide.dialects.attributes import PREPARE, string
from oxide.dialects.diagnostics import Diagnostic, OxideError, location_text
from oxide.dialects.shapes import Symbolic, UnknownShapes, open_sizes
from oxide.effects import read_checks, read_updates


@dataclass(frozen=True)
class JaxSource:
    """A generated Python file.

    `constants` are arrays too long to read in a program; the caller stores them in the parameters file with
    the weights, under these names.
    """

    text: str
    constants: dict[str, np.ndarray] = field(default_factory=dict)


def emit_jax_source(module: ir.Module, *, model_name: str, parameters_file: str | None) -> JaxSource:
    """One self-contained Python file for a StableHLO module, whose function `forward` computes `@main`.

    `forward(params, x, ...)` takes the weights as nested dicts (what `load_params` in the file returns, from
    `parameters_file` beside it) and the inputs in the model's order; it returns the output, or a tuple of
    all outputs in the model's order.  Where `hoist-params` has made a function of the weights, the file has
    `prepare(params)`, and `forward` takes what that returns.  The same module gives the same text.
    Raises OxideError that names every operation which cannot be written as JAX, with its location.
    """
    symbols = symbols_of(module)
    main = symbols.get("main")
    if main is None:
        raise OxideError("the module has no function @main")
    signature = signature_of(main)
    block = main.regions[0].blocks[0]
    given, prepare = _given(main, signature, symbols)
    raw, paths = weight_paths(list(given)), weight_paths([name for _, name in signature.weights])
    module_names = Namespace(_reserved())
    prefix = free_key("constants", {path[0] for path in (*raw.values(), *paths.values())})
    emitter = Emitter(
        lambda name: item([prefix, name]),
        symbolic=_symbolic(module, symbols, module_names, signature),
        symbols=symbols,
        module_names=module_names,
        weight_paths=[("params", *path) for path in paths.values()],
    )
    names = module_names.inner()
    terms, parameters = _arguments(emitter, block, signature, paths, names)
    try:
        prepared = None if prepare is None else _prepared(emitter, prepare, raw)
        before = set(emitter.constants)
        body = emitter.main(main, terms, names)
        body = [*_header(emitter, block, terms, signature, body), *body]
        results = [emitter.type(t) for t in block.operations[len(block.operations) - 1].operands]
    except (Unsupported, UnknownShapes) as reason:
        emitter.errors.append(Diagnostic("error", str(reason), location_text(main.location)))
        prepared, before, body, results = None, set(), [], []
    except RecursionError as error:
        raise OxideError("calls are nested too deeply to write as Python") from error
    if emitter.errors:
        raise OxideError("cannot write this module as JAX source", emitter.errors)
    inputs = [(n, emitter.type(block.arguments[i])) for i, n in signature.inputs]
    constants = {f"{prefix}.{name}": value for name, value in emitter.constants.items()}
    stored = {name: emitter.type(value).dtype for name, value in given.items()}
    stored |= {name: value.dtype for name, value in constants.items()}
    forward = _forward(parameters, inputs, list(zip(signature.outputs, results, strict=True)), body)
    functions = [forward]
    if prepared is not None:
        statements, made = prepared
        values = {tuple(path): made.get(name) or _moved(raw[name], path) for name, path in paths.items()}
        values |= {(prefix, name): None for name in emitter.constants if name not in before}
        own = [*map(tuple, raw.values()), *((prefix, name) for name in emitter.constants)]
        functions = [prepare_function(statements, values, own, emitter.helper), forward]
    effects = _effects(module, signature)
    text = _assemble(emitter, model_name, parameters_file, stored, signature, effects, functions, raw)
    return JaxSource(text, constants)


def _given(
    main: ir.OpView, signature: Signature, symbols: Mapping[str, ir.OpView]
) -> tuple[dict[str, ir.Value], ir.OpView | None]:
    """The weights that the file's `load_params` gives, as arguments of the function that takes them; and the
    function that prepares others of `@main`'s from them, if there is one."""
    arguments = main.regions[0].blocks[0].arguments
    if PREPARE not in main.attributes:
        return {name: arguments[i] for i, name in signature.weights}, None
    prepare = symbols.get(string(main.operation, PREPARE))
    if prepare is None or prepare == main:
        raise OxideError(
            f"@main has weights from {main.attributes[PREPARE]}, which is no other function of the module"
        )
    own = signature_of(prepare)
    given = {name: prepare.regions[0].blocks[0].arguments[i] for i, name in own.weights}
    return given | {name: arguments[i] for i, name in signature.weights if name not in own.outputs}, prepare


def _prepared(
    emitter: Emitter, function: ir.OpView, paths: dict[str, list[str]]
) -> tuple[list[ast.stmt], dict[str, ast.expr]]:
    """The statements of a function that prepares weights, and what it returns by name."""
    signature, names = signature_of(function), Namespace(_reserved())
    terms, _ = _arguments(emitter, function.regions[0].blocks[0], signature, paths, names)
    *statements, returned = emitter.main(function, terms, names)
    assert isinstance(returned, ast.Return)
    assert returned.value is not None
    values = returned.value.elts if isinstance(returned.value, ast.Tuple) else [returned.value]
    return statements, dict(zip(signature.outputs, values, strict=True))


def _moved(source: Sequence[str], target: Sequence[str]) -> ast.expr | None:
    """A weight that is given at one path and taken at another; None where these are one."""
    return None if list(source) == list(target) else item(source)


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


def _arguments(
    emitter: Emitter, block: ir.Block, signature: Signature, paths: dict[str, list[str]], names: Namespace
) -> tuple[list[Term], list[str]]:
    """The terms of the block's arguments, and the Python parameters for the inputs among them."""
    at: dict[int, ast.expr] = {position: item(paths[name]) for position, name in signature.weights}
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


def _effects(module: ir.Module, signature: Signature) -> list[ast.stmt]:
    """UPDATES: which outputs are new values of which inputs or weights.  CHECKS: what the model asserts, by the
    output that has the number of the first failure.  Neither where there is none."""
    updates, checks = read_updates(module), read_checks(module)
    facts: list[ast.stmt] = []
    if updates:
        outputs = [syntax.literal(signature.outputs[number]) for number in updates]
        facts.append(
            syntax.assign(["UPDATES"], ast.Dict(list(outputs), list(map(syntax.literal, updates.values()))))
        )
    if checks is not None:
        facts.append(
            syntax.assign(["CHECKS"], ast.Dict([syntax.literal(checks.output)], [syntax.literal(checks.messages)]))
        )
    return facts


def _assemble(
    emitter: Emitter,
    model_name: str,
    parameters_file: str | None,
    stored: Mapping[str, np.dtype],
    signature: Signature,
    effects: Sequence[ast.stmt],
    entries: Sequence[ast.FunctionDef],
    paths: dict[str, list[str]],
) -> str:
    """The text of the file."""
    functions = ["\n".join(_noted(f)) for f in emitter.functions.values()]
    functions += ["\n".join(printer.statements([entry])) for entry in entries]
    helpers = library.texts(emitter.helpers)
    loader = _loader(stored, parameters_file, paths)
    code = "\n\n\n".join([*helpers, *loader, *functions])
    facts = [
        syntax.assign(["INPUT_NAMES"], syntax.literal(tuple(n for _, n in signature.inputs))),
        syntax.assign(["OUTPUT_NAMES"], syntax.literal(tuple(signature.outputs))),
        *effects,
    ]
    if stored and parameters_file is not None:
        facts.append(syntax.assign(["PARAMETERS_FILE"], syntax.literal(parameters_file)))
        if len(loader) > 1:
            names, types = map(syntax.literal, stored), (syntax.literal(d.name) for d in stored.values())
            facts.append(syntax.assign(["PARAMETER_DTYPES"], ast.Dict(list(names), list(types))))
    usage = _USAGE.replace("load_params()", "prepare(load_params())") if len(entries) > 1 else _USAGE
    head = [
        printer.docstring(f"{printable(model_name)} as JAX source, written by Oxide.\n\n{usage}"),
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
