"""Names of the leaves of JAX pytrees: `layer.0.w` for `tree["layer"][0]["w"]`."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from jax.tree_util import keystr, tree_flatten_with_path


def leaf_names(tree: Any, prefix: str = "") -> list[str]:
    """One name a leaf, in JAX's order: the path to it with dots, after `prefix`.

    Where a key has a dot in it and two paths would read the same, these are spelled out: `x['a.b']`.
    """
    paths = [path for path, _ in tree_flatten_with_path(tree)[0]]
    plain = [".".join(filter(None, (prefix, keystr(path, simple=True, separator=".")))) for path in paths]
    counts = Counter(plain)
    return [name if counts[name] == 1 else prefix + keystr(path) for name, path in zip(plain, paths, strict=True)]


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its positional arguments; `arg0`... where that cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [f"arg{index}" for index in range(count)]
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}.{index}" for index in range(count - len(names))]
    return names[:count] + [f"arg{index}" for index in range(len(names), count)]


def output_names(tree: Any) -> list[str]:
    """Names of outputs: the path of each leaf; `result`, `result.0`... for what has no name of its own."""
    prefix = "" if isinstance(tree, dict) else "result"
    return leaf_names(tree, prefix)


def unique(names: Sequence[str]) -> list[str]:
    """The same names, later duplicates with a number after them."""
    taken = set(names)
    seen: set[str] = set()
    result: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in seen or (candidate != name and candidate in taken):
            number += 1
            candidate = f"{name}.{number}"
        seen.add(candidate)
        result.append(candidate)
    return result
