"""`prepare(params)`: from the weights that a model is given to those that `forward` takes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
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
    statements: Sequence[ast.stmt],
    values: Mapping[Path, ast.expr | None],
    given: Collection[Path],
    helper: Callable[[str], ast.expr],
) -> ast.FunctionDef:
    """The function that computes `values`, by their paths in what it returns; None is the weight that `params` has
    there.  `given` are the paths of all weights of `params`; `helper` gives a function of `helpers.py`."""
    definitions = {
        statement.targets[0].id: statement
        for statement in statements
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }
    tree, whole = _tree(values), _tree(dict.fromkeys(given))
    stacked: set[str] = set()

    def written(tree: Tree, given: Tree, at: Path) -> ast.expr:
        """A dict of what is at these keys; `params[...]` for a weight and for a branch that stays as it is."""
        if tree is None or (at and tree == given):
            return item(at)
        if isinstance(tree, ast.expr):
            return tree
        below = given if isinstance(given, dict) else {}
        names = _stacks(tree, below, at, definitions)
        if names:
            stacked.update(names)
            return syntax.call(helper("stack_layers"), item(at))
        return ast.Dict(
            [ast.Constant(key) for key in tree],
            [written(branch, below.get(key), (*at, key)) for key, branch in tree.items()],
        )

    returned = written(tree, whole, ())
    loaded = {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    gone = {id(definitions[name]) for name in stacked - loaded}
    kept = [statement for statement in statements if id(statement) not in gone]
    documentation = ast.Expr(ast.Constant(_DOCUMENTATION))
    return syntax.function("prepare", ["params"], [documentation, *kept, ast.Return(returned)])


def _stacks(
    tree: dict[str, Tree], given: dict[str, Tree], at: Path, definitions: Mapping[str, ast.Assign]
) -> list[str]:
    """The variables of a branch whose leaves are the stacks of what the layers "0", "1", ... have there; none of
    another branch."""
    layers = [str(number) for number in range(len(given))]
    found: list[str] = []
    pending: list[tuple[Path, Tree, list[Tree]]] = [((), tree, [given.get(layer) for layer in layers])]
    while pending:
        path, branch, parts = pending.pop()
        if isinstance(branch, dict):
            if not all(isinstance(part, dict) and part.keys() == branch.keys() for part in parts):
                return []
            pending += [
                ((*path, key), leaf, [part[key] for part in parts if isinstance(part, dict)])
                for key, leaf in branch.items()
            ]
            continue
        rows = [item((*at, layer, *path)) for layer in layers]
        stack = syntax.call("jnp.stack", syntax.list_(rows))
        name = branch.id if isinstance(branch, ast.Name) else ""
        if name not in definitions or ast.dump(definitions[name].value) != ast.dump(stack):
            return []
        found.append(name)
    return found


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
