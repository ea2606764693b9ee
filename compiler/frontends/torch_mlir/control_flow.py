"""Branches and loops, whose regions become graphs that higher-order operators call; calls, which are inlined."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.torch_mlir.graph import Region, leaves, metas

aten: Any = torch.ops.aten
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
        results = inner.block(block)
        graphs.append(region.constant(name, inner.finish(_as_tensors(inner, results))))
    found = [_fake_of(region, value) for value in results]
    nodes = region.record(higher_order.cond, [condition, *graphs, outside], {}, found)
    return _as_given(region, nodes, results)


def loop(region: Region, op: ir.Operation, operands: list[Any]) -> Sequence[Any]:
    """A while loop over the count of iterations, the condition to go on, and the values carried."""
    limit, *initial = operands
    outside = _outside(region, op, also=[limit])
    state = [0, *initial]
    carried = [_fake_of(region, value) for value in state]
    inner = _inside(region, outside, carried)
    count, go_on = _as_given(inner, _arguments(inner, 2), state[:2])
    if limit != _ENDLESS:
        go_on = inner.call(operator.and_, [go_on, inner.call(operator.lt, [count, inner.values[op.operands[0]]])])
    condition = inner.finish(_as_tensors(inner, [go_on]))
    inner = _inside(region, outside, carried)
    count, _, *values = _as_given(inner, _arguments(inner, len(state)), state)
    block = op.regions[0].blocks[0]
    inner.values.update(zip(block.arguments, [count, *values], strict=True))
    following = [inner.call(operator.add, [count, 1]), *inner.block(block)]
    body = inner.finish(_as_tensors(inner, following))
    graphs = [region.constant(name, graph) for name, graph in (("condition", condition), ("body", body))]
    given = [*graphs, _as_tensors(region, state), outside]
    return _as_given(region, region.record(higher_order.while_loop, given, {}, carried), state)[2:]


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


# ------------------------------------------------------------------- numbers go in and out of graphs as tensors


def _as_tensors(region: Region, values: Sequence[Any]) -> list[Any]:
    """Numbers as tensors of rank 0.  Raises OxideError for what is neither number nor tensor."""
    return [_tensor(region, value) if _number_kind(value) else value for value in values]


def _tensor(region: Region, value: Any) -> Any:
    return region.call(aten.scalar_tensor.default, [value], {"dtype": _number_kind(value)})


def _as_given(region: Region, nodes: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Nodes for tensors as numbers where `values` has numbers."""
    pairs = zip(nodes, values, strict=True)
    return [region.call(aten.item.default, [node]) if _number_kind(value) else node for node, value in pairs]


def _fake_of(region: Region, value: Any) -> torch.Tensor:
    """What stands for a value that goes in or out of a graph: a fake tensor."""
    kind = _number_kind(value)
    if kind is None:
        return metas(value)
    with region.scope.sizes.mode:
        return torch.empty((), dtype=kind)


def _number_kind(value: Any) -> torch.dtype | None:
    """The dtype of a number, None for a tensor.  Raises OxideError for anything else."""
    meta = metas(value)
    if isinstance(meta, torch.Tensor):
        return None
    kinds = (
        (bool | torch.SymBool, torch.bool),
        (int | torch.SymInt, torch.int64),
        (float | torch.SymFloat, torch.float64),
    )
    found = next((dtype for kind, dtype in kinds if isinstance(meta, kind)), None)
    if found is None:
        raise OxideError("a branch or loop gives a list, None or a string; only tensors and numbers are supported")
    return found


def _arguments(region: Region, count: int) -> list[torch.fx.Node]:
    return region.graph.find_nodes(op="placeholder")[:count]
