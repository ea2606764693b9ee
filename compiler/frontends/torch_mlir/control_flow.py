"""Branches and loops, whose regions become graphs that higher-order operators call; calls, which are inlined."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch_mlir.graph import Region, leaves, metas

higher_order: Any = torch.ops.higher_order
_ENDLESS = torch.iinfo(torch.int64).max


def inline_call(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """The body of the function, where it is called."""
    scope, name = region.scope, ir.FlatSymbolRefAttr(op.attributes["callee"]).value
    if name in scope.calls:
        raise OxideError(f"@{name} calls itself; StableHLO has no recursion")
    body = scope.functions[name].regions[0]
    if not len(body.blocks):
        raise OxideError(f"@{name} has no body")
    scope.calls.append(name)
    region.values.update(zip(body.blocks[0].arguments, operands, strict=True))
    results = region.block(body.blocks[0])
    scope.calls.pop()
    return results


def branches(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """Only the branch taken, where the condition is known."""
    condition = operands[0]
    blocks = [part.blocks[0] for part in op.regions]
    if not isinstance(condition, torch.fx.Node):
        return region.block(blocks[0] if condition else blocks[1])
    outside = _outside(region, op)
    graphs: list[torch.fx.Node] = []
    results: list[Any] = []
    for block, name in zip(blocks, ("on_true", "on_false"), strict=True):
        inner = _inside(region, outside, [])
        results = _flat(inner.block(block), "a branch")
        graphs.append(region.constant(name, inner.finish(results)))
    found = [_unknown(region, value) for value in results]
    return region.record(higher_order.cond, [condition, *graphs, outside], {}, found)


def loop(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """A while loop over the count of iterations, the condition to go on, and the values carried."""
    limit, condition, *initial = operands
    outside = _outside(region, op, also=[limit])
    state = _flat([0, condition, *initial], "a loop")
    carried = [_unknown(region, value) for value in state]
    graphs = [_condition(region, outside, carried, limit), _body(region, outside, carried, op)]
    nodes = [region.constant(name, graph) for name, graph in zip(("condition", "body"), graphs, strict=True)]
    found = [_unknown(region, value) for value in state]
    return region.record(higher_order.while_loop, [*nodes, state, outside], {}, found)[2:]


def _condition(
    region: Region, outside: list[torch.fx.Node], carried: list[Any], limit: Any
) -> torch.fx.GraphModule:
    inner = _inside(region, outside, carried)
    count, go_on = inner.graph.find_nodes(op="placeholder")[:2]
    if limit != _ENDLESS:
        known = {node.name: node for node in inner.graph.find_nodes(op="placeholder")}
        limit = known[limit.name] if isinstance(limit, torch.fx.Node) else limit
        go_on = inner.call(operator.and_, [go_on, inner.call(operator.lt, [count, limit])])
    return inner.finish([go_on])


def _body(
    region: Region, outside: list[torch.fx.Node], carried: list[Any], op: ir.Operation
) -> torch.fx.GraphModule:
    inner = _inside(region, outside, carried)
    count, _, *values = inner.graph.find_nodes(op="placeholder")[: len(carried)]
    block = op.regions[0].blocks[0]
    inner.values.update(zip(block.arguments, [count, *values], strict=True))
    results = inner.block(block)
    return inner.finish(_flat([inner.call(operator.add, [count, 1]), *results], "a loop"))


def _inside(region: Region, outside: Sequence[torch.fx.Node], arguments: Sequence[Any]) -> Region:
    """A region within another: its placeholders are `arguments`, then the nodes it takes from outside."""
    inner = Region(region.scope, region.lower)
    for index, meta in enumerate(arguments):
        inner.placeholder(f"carried_{index}", meta)
    within = {node: inner.placeholder(node.name, node.meta["val"]) for node in outside}
    inner.values = {value: _replaced(what, within) for value, what in region.values.items()}
    return inner


def _replaced(value: Any, within: dict[torch.fx.Node, torch.fx.Node]) -> Any:
    if isinstance(value, list | tuple):
        return [_replaced(part, within) for part in value]
    return within.get(value, value) if isinstance(value, torch.fx.Node) else value


def _outside(region: Region, op: ir.Operation, also: Sequence[Any] = ()) -> list[torch.fx.Node]:
    """The nodes that the regions of an operation take from outside, each once."""
    used = [region.values[value] for value in _operands_inside(op) if value in region.values]
    return list(dict.fromkeys(leaf for leaf in leaves([*used, *also]) if isinstance(leaf, torch.fx.Node)))


def _operands_inside(op: ir.Operation) -> Iterator[ir.Value]:
    for part in op.regions:
        for block in part.blocks:
            for inner in block.operations:
                yield from inner.operation.operands
                yield from _operands_inside(inner.operation)


def _flat(values: Sequence[Any], what: str) -> list[Any]:
    if not all(isinstance(value, torch.fx.Node | int | float) for value in values):
        raise OxideError(f"{what} gives a list, None or a string; only tensors and numbers are supported")
    return list(values)


def _unknown(region: Region, value: Any) -> Any:
    """What stands for a tensor of this shape, or a number of this kind, that is known only when the model runs."""
    meta = metas(value)
    if isinstance(meta, torch.Tensor):
        return meta
    env = region.scope.sizes.env
    if isinstance(meta, bool | torch.SymBool):
        return env.create_unbacked_symbool()
    return (
        env.create_unbacked_symfloat() if isinstance(meta, float | torch.SymFloat) else env.create_unbacked_symint()
    )
