"""`prepare(params)`: from the weights that a model is given to those that `forward` takes."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.entry import item
from oxide.backends.jax_source.subtrees import Path

# A leaf is what is computed, or None for a weight that stays what and where it is.
Tree: TypeAlias = "dict[str, Tree] | ast.expr | None"

_DOCUMENTATION = """What `forward` takes: of the weights those it reads, and what depends on weights alone.

Weights that are not returned can be freed.  Gradients flow through: `loss(forward(prepare(params), x))` is a
function of the weights as they are."""


def prepare_function(
    statements: Sequence[ast.stmt], values: Mapping[Path, ast.expr | None], given: Collection[Path]
) -> ast.FunctionDef:
    """The function that computes `values`, by their paths in what it returns; None is the weight that `params` has
    there.  `given` are the paths of all weights of `params`."""
    tree, whole = _tree(values), _tree(dict.fromkeys(given))
    documentation = ast.Expr(ast.Constant(_DOCUMENTATION))
    return syntax.function(
        "prepare", ["params"], [documentation, *statements, ast.Return(_written(tree, whole, ()))]
    )


def _tree(values: Mapping[Path, ast.expr | None]) -> Tree:
    root: dict[str, Tree] = {}
    for (*parents, last), value in values.items():
        branch = root
        for key in parents:
            below = branch.setdefault(key, {})
            assert isinstance(below, dict), "no path begins with another"
            branch = below
        branch[last] = value
    return root


def _written(tree: Tree, given: Tree, at: Path) -> ast.expr:
    """A dict of what is at these keys; `params[...]` for a weight, and for a branch that stays as it is given."""
    if tree is None or (at and tree == given):
        return item(at)
    if isinstance(tree, ast.expr):
        return tree
    below = given if isinstance(given, dict) else {}
    return ast.Dict(
        [ast.Constant(key) for key in tree],
        [_written(branch, below.get(key), (*at, key)) for key, branch in tree.items()],
    )
