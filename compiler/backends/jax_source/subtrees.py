"""Functions that take weights of one branch of `params`: `layer(params["layers"]["0"], x)`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile

from jaxlib.mlir import ir

from oxide.dialects.attributes import symbol
from oxide.dialects.effects import CALLEE_ATTRIBUTE

Path = tuple[str, ...]
# Where below the branch the weight is that an argument stands for, by the argument's position.
Subtree = Mapping[int, Path]


def call_sites(functions: Mapping[str, ir.OpView]) -> dict[str, list[ir.Operation]]:
    """The operations that run each function."""
    found: dict[str, list[ir.Operation]] = {}

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in CALLEE_ATTRIBUTE:
            found.setdefault(symbol(op, CALLEE_ATTRIBUTE[op.name]), []).append(op)
        return ir.WalkResult.ADVANCE

    for function in functions.values():
        function.operation.walk(visit)
    return found


def weight_path(node: ast.expr | None, roots: Collection[str]) -> Path | None:
    """`("params", "layers", "0")` of `params["layers"]["0"]`, None for what is no item of one of the roots."""
    keys: list[str] = []
    while isinstance(node, ast.Subscript):
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            return None
        keys.append(node.slice.value)
        node = node.value
    return (node.id, *reversed(keys)) if keys and isinstance(node, ast.Name) and node.id in roots else None


def find_subtree(calls: Sequence[Sequence[Path | None]]) -> Subtree:
    """The branch of weights that each call passes most of, at the same places below it.

    `calls` has the paths of each call's operands.  A single call passes a branch where it passes an element of
    stacked weights, whose path does not begin with `params`.  Empty where no two weights come from such a branch.
    """
    by_branches: dict[tuple[Path, ...], dict[int, Path]] = {}
    for position, operands in enumerate(zip(*calls, strict=True)):
        paths = [path for path in operands if path is not None]
        if len(paths) < len(calls):
            continue
        is_element = len(paths) == 1 and paths[0][0] != "params"
        depth = len(paths[0]) - 1 if is_element else _common_end(paths) if len(set(paths)) > 1 else 0
        if depth:
            branches = tuple(path[: len(path) - depth] for path in paths)
            by_branches.setdefault(branches, {})[position] = paths[0][len(paths[0]) - depth :]
    sizes = Counter({branches: len(found) for branches, found in by_branches.items()})
    branches, count = sizes.most_common(1)[0] if sizes else ((), 0)
    return by_branches[branches] if count > 1 else {}


def whole_branch(paths: Sequence[Path], weights: Collection[Path]) -> Path | None:
    """The path of the branch that holds these weights and no other; None where there is none, or only one."""
    common = _common_start([path[:-1] for path in paths]) if len(set(paths)) > 1 else ()
    inside = {path for path in weights if path[: len(common)] == common}
    return common if common and inside == set(paths) else None


def _common_end(paths: Sequence[Path]) -> int:
    """How many of the last keys the paths share."""
    return len(_common_start([path[::-1] for path in paths]))


def _common_start(paths: Sequence[Path]) -> Path:
    """The first keys that the paths share."""
    columns = takewhile(lambda keys: len(set(keys)) == 1, zip(*paths, strict=False))
    return tuple(keys[0] for keys in columns)


def branch(node: ast.expr, path: Path) -> ast.expr:
    """The expression of which `node` is the item at `path`."""
    for _ in path:
        assert isinstance(node, ast.Subscript), "a weight is an item of params"
        node = node.value
    return node
