"""Functions that take weights of one branch of `params`: `layer(params["layers"]["0"], x)`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence

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


def weight_path(node: ast.expr | None) -> Path | None:
    """`("layers", "0")` of `params["layers"]["0"]`, None for any other expression."""
    keys: list[str] = []
    while isinstance(node, ast.Subscript):
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            return None
        keys.append(node.slice.value)
        node = node.value
    return tuple(reversed(keys)) if keys and isinstance(node, ast.Name) and node.id == "params" else None


def find_subtree(calls: Sequence[Sequence[Path | None]]) -> Subtree:
    """The branch of `params` that each call passes most weights of, at the same places below it.

    `calls` has the paths of each call's operands.  Empty where no two weights come from such a branch.
    """
    by_branches: dict[tuple[Path, ...], dict[int, Path]] = {}
    for position, operands in enumerate(zip(*calls, strict=True)):
        paths = [path for path in operands if path is not None]
        if len(paths) == len(calls) and len(set(paths)) > 1:
            depth = _common_end(paths)
            branches = tuple(path[: len(path) - depth] for path in paths)
            if depth:
                by_branches.setdefault(branches, {})[position] = paths[0][len(paths[0]) - depth :]
    sizes = Counter({branches: len(found) for branches, found in by_branches.items()})
    branches, count = sizes.most_common(1)[0] if sizes else ((), 0)
    return by_branches[branches] if count > 1 else {}


def _common_end(paths: Sequence[Path]) -> int:
    """How many of the last keys the paths share."""
    depth = 0
    for keys in zip(*(reversed(path) for path in paths), strict=False):
        if len(set(keys)) > 1:
            break
        depth += 1
    return depth


def branch(node: ast.expr, path: Path) -> ast.expr:
    """The expression of which `node` is the item at `path`."""
    for _ in path:
        assert isinstance(node, ast.Subscript), "a weight is an item of params"
        node = node.value
    return node
