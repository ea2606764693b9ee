"""What a module's functions are called with: inputs, and weights at their places in `params`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

from jaxlib.mlir import ir

from oxide.backends.jax_source import syntax
from oxide.dialects.attributes import NAME, PARAM
from oxide.dialects.diagnostics import OxideError


@dataclass(frozen=True)
class Signature:
    """A function's inputs, weights (by block argument position) and outputs under the model's names."""

    inputs: list[tuple[int, str]]
    weights: list[tuple[int, str]]
    outputs: list[str]


def symbols_of(module: ir.Module) -> dict[str, ir.OpView]:
    """The functions of a module by name."""
    found: dict[str, ir.OpView] = {}
    for op in module.body.operations:
        if "sym_name" in op.attributes:
            found[cast(ir.StringAttr, op.attributes["sym_name"]).value] = op
    return found


def signature_of(main: ir.OpView) -> Signature:
    """Read a function's signature.  Raises OxideError when two weights have one name."""
    kind = cast(ir.FunctionType, cast(ir.TypeAttr, main.attributes["function_type"]).value)
    arguments = _dictionaries(main, "arg_attrs", len(kind.inputs))
    results = _dictionaries(main, "res_attrs", len(kind.results))
    weights = [(i, _text(a, PARAM)) for i, a in enumerate(arguments) if a and PARAM in a]
    marked = {i for i, _ in weights}
    inputs = [
        (i, _text(a, NAME) if a and NAME in a else f"arg{i}") for i, a in enumerate(arguments) if i not in marked
    ]
    outputs = [_text(a, NAME) if a and NAME in a else f"result{i}" for i, a in enumerate(results)]
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


def weight_paths(names: Sequence[str]) -> dict[str, list[str]]:
    """Where `load_params` puts each weight: at its dotted parts, unless one of its prefixes is a weight."""
    taken = set(names)
    paths: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        inside = any(".".join(parts[:n]) in taken for n in range(1, len(parts)))
        paths[name] = [name] if inside else parts
    return paths


def item(keys: Sequence[str], root: str = "params") -> ast.expr:
    """`params[...][...]`."""
    node: ast.expr = syntax.name(root)
    for key in keys:
        node = syntax.index(node, ast.Constant(key))
    return node


def free_key(wanted: str, taken: Collection[str]) -> str:
    """`wanted` with as many underscores as it takes."""
    while wanted in taken:
        wanted += "_"
    return wanted
