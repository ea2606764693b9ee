"""Modules that `jax.export` makes of symbolic shapes, as Oxide writes them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import reduce
from typing import Any

from jaxlib.mlir import ir

from oxide.dialects import dims
from oxide.dialects.attributes import symbol
from oxide.dialects.dims import Size
from oxide.dialects.hlo.resolve import SHAPE
from oxide.passes.manager import run_pipeline
from oxide.signature import entry_function


def without_wrapper(module: ir.Module) -> ir.Module:
    """The module with the function proper in `@main`, which as exported only checks shapes and calls it."""
    main = entry_function(module)
    calls = [op.operation for op in main.regions[0].blocks[0].operations if op.operation.name == "func.call"]
    if len(calls) != 1:
        return module
    return run_pipeline(module, f"inline{{only={symbol(calls[0], 'callee')}}},symbol-dce")


def label_shapes(module: ir.Module, arguments: Sequence[Sequence[Any]], results: Sequence[Sequence[Any]]) -> None:
    """Keep JAX's symbolic shapes as `oxide.shape` of `@main`'s arguments and results.  Needs an ambient context."""
    function = entry_function(module)
    for attribute, shapes in (("arg_attrs", arguments), ("res_attrs", results)):
        if all(isinstance(size, int) for shape in shapes for size in shape):
            continue
        rows = [ir.DictAttr(row) for row in ir.ArrayAttr(function.attributes[attribute])]
        function.attributes[attribute] = ir.ArrayAttr.get(
            [_labelled(row, shape) for row, shape in zip(rows, shapes, strict=True)]
        )


def _labelled(row: ir.DictAttr, shape: Sequence[Any]) -> ir.DictAttr:
    if all(isinstance(size, int) for size in shape):
        return row
    text = dims.print_sizes([_size(size) for size in shape])
    return ir.DictAttr.get({**{named.name: named.attr for named in row}, SHAPE: ir.StringAttr.get(text)})


def _size(size: Any) -> Size:
    """A size of JAX's: it writes `2*b^2 + floordiv(s, 2)` for `2*b*b + s // 2`."""
    tree = ast.parse(str(size).replace("^", "**"), mode="eval")
    return dims.parse_size(ast.unparse(_Rewriting().visit(tree)))


class _Rewriting(ast.NodeTransformer):
    """JAX's spelling of sizes as that of `dims`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        operators = {"floordiv": ast.FloorDiv, "mod": ast.Mod}
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return ast.BinOp(node.args[0], operators[name](), node.args[1]) if name in operators else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow) or not isinstance(node.right, ast.Constant):
            return node
        base, count = node.left, int(str(node.right.value))
        return reduce(lambda product, factor: ast.BinOp(product, ast.Mult(), factor), [base] * count)
