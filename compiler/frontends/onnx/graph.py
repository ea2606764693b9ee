"""Graphs as the importer walks them: nodes in an order in which every value is defined before its use."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onnx import AttributeProto, GraphProto, NodeProto, SparseTensorProto, TensorProto, TypeProto

from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.frontends.onnx.diagnostics import SHOWN_NAMES, listed, node_location, quoted

_GRAPH_TYPES = (AttributeProto.GRAPH, AttributeProto.GRAPHS)


class SourceNode:
    """A NodeProto with its fields read once (each access to a protobuf field costs).

    `graphs` are the subgraphs by attribute, `captures` the names they take from the graphs around the node.
    """

    __slots__ = (
        "attributes",
        "captures",
        "domain",
        "graphs",
        "inputs",
        "name",
        "op_type",
        "outputs",
        "overload",
        "proto",
    )

    def __init__(self, proto: NodeProto) -> None:
        self.proto = proto
        self.op_type: str = proto.op_type
        self.domain: str = "" if proto.domain == "ai.onnx" else proto.domain
        self.overload: str = proto.overload
        self.inputs: tuple[str, ...] = tuple(proto.input)
        outputs = tuple(proto.output)
        while outputs and not outputs[-1]:
            outputs = outputs[:-1]
        self.outputs: tuple[str, ...] = outputs
        require_text(self.op_type, self.domain, self.overload, proto.name, *self.inputs, *outputs)
        self.name: str = proto.name or next((o for o in outputs if o), "") or f"<unnamed {self.op_type}>"
        self.attributes: Sequence[AttributeProto] = proto.attribute
        self.graphs: dict[str, list[Graph]] = {}
        self.captures: frozenset[str] = frozenset()
        for attribute in self.attributes:
            if attribute.type in _GRAPH_TYPES:
                protos = [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs
                graphs = self.graphs[attribute.name] = [Graph.of_proto(graph) for graph in protos]
                self.captures = self.captures.union(*(graph.captures for graph in graphs))

    def subgraphs(self) -> Iterator[Graph]:
        for graphs in self.graphs.values():
            yield from graphs


@dataclass
class Graph:
    """A graph, subgraph or function body.

    `types` are the declared types of inputs and outputs, by name, where there are any; `captures` the names
    taken from the graphs around.
    """

    name: str
    nodes: list[SourceNode]
    inputs: list[str]
    outputs: list[str]
    initializers: Sequence[TensorProto] = ()
    sparse_initializers: Sequence[SparseTensorProto] = ()
    types: Mapping[str, TypeProto] = field(default_factory=dict)
    captures: frozenset[str] = frozenset()

    @staticmethod
    def of_proto(proto: GraphProto) -> Graph:
        values = (*proto.input, *proto.output)
        require_text(proto.name, *(value.name for value in values), *(t.name for t in proto.initializer))
        require_text(*(sparse.values.name for sparse in proto.sparse_initializer))
        graph = Graph(
            name=proto.name,
            nodes=[SourceNode(node) for node in proto.node],
            inputs=[value.name for value in proto.input],
            outputs=[value.name for value in proto.output],
            initializers=proto.initializer,
            sparse_initializers=proto.sparse_initializer,
            types={value.name: value.type for value in values},
        )
        defined = {"", *graph.inputs, *graph.initializer_names()}
        used = set(graph.outputs)
        for node in graph.nodes:
            defined.update(node.outputs)
            used.update(node.inputs, node.captures)
        graph.captures = frozenset(used - defined)
        return graph

    def initializer_names(self) -> list[str]:
        return [t.name for t in self.initializers] + [s.values.name for s in self.sparse_initializers]


def require_text(*names: str) -> None:
    """Raise OxideError for names that are not UTF-8, which protobuf hands out as bytes."""
    try:
        "".join(names)
    except TypeError:
        bad = next(name for name in names if not isinstance(name, str))
        raise OxideError(f"the name {quoted(bad)} is not UTF-8") from None


def refuse_repeated(kind: str, names: Sequence[str], nodes: Sequence[SourceNode] = ()) -> None:
    """Raise OxideError for names that come twice, with the nodes that use or define them."""
    if len(set(names)) != len(names):
        counts = Counter(names)
        repeated = sorted(name for name in counts if counts[name] > 1)
        affected = [node for node in nodes if not {*node.inputs, *node.outputs}.isdisjoint(repeated)]
        notes = [
            Diagnostic("note", f"{node.op_type}: uses or defines such a name", node_location(node.name))
            for node in affected[:SHOWN_NAMES]
        ]
        raise OxideError(f"more than one graph {kind} is called {listed(repeated)}", notes)


def ordered(graph: Graph, is_outer: Callable[[str], bool]) -> list[SourceNode]:
    """The nodes in topological order, in the file's order where that is one.

    `is_outer` says whether a name is defined in a surrounding graph.  Raises OxideError, naming nodes, for a
    value that is defined twice, used but never defined, or part of a cycle.
    """
    given = _given_names(graph)
    seen = set(given)
    in_order = True
    for node in graph.nodes:
        if in_order and not (seen.issuperset(node.inputs) and seen.issuperset(node.captures)):
            needed = {*node.inputs, *node.captures}
            in_order = all(name in seen or is_outer(name) for name in needed)
        before = len(seen)
        named = [name for name in node.outputs if name]
        seen.update(named)
        if len(seen) != before + len(named):
            _refuse_redefinition(graph, given)
    missing = [name for name in graph.outputs if name not in seen and not is_outer(name)]
    if missing:
        raise OxideError(f"nothing defines the graph output{'s' * (len(missing) > 1)} {listed(missing)}")
    return graph.nodes if in_order else _sorted(graph, given, is_outer)


def _given_names(graph: Graph) -> set[str]:
    weights = graph.initializer_names()
    refuse_repeated("input", graph.inputs, graph.nodes)
    refuse_repeated("initializer", weights, graph.nodes)
    return {"", *graph.inputs, *weights}


def _refuse_redefinition(graph: Graph, given: set[str]) -> None:
    producer: dict[str, str] = {}
    for node in graph.nodes:
        for name in filter(None, node.outputs):
            if name in given or name in producer:
                first = f"node {quoted(producer[name])}" if name in producer else "a graph input or initializer"
                message = f"node {quoted(node.name)} defines {quoted(name)}, which {first} already defines"
                raise OxideError(message, [Diagnostic("error", message, node_location(node.name))])
            producer[name] = node.name


def _sorted(graph: Graph, given: set[str], is_outer: Callable[[str], bool]) -> list[SourceNode]:
    producer = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs if name}
    waiting = [0] * len(graph.nodes)
    users: list[list[int]] = [[] for _ in graph.nodes]
    undefined: list[Diagnostic] = []
    for i, node in enumerate(graph.nodes):
        for name in {*node.inputs, *node.captures} - given:
            if name in producer:
                users[producer[name]].append(i)
                waiting[i] += 1
            elif not is_outer(name):
                message = f"{node.op_type}: nothing defines its input {quoted(name)}"
                undefined.append(Diagnostic("error", message, node_location(node.name)))
    if undefined:
        raise OxideError(
            f"the graph uses {len(undefined)} value{'s' * (len(undefined) > 1)} that nothing defines",
            undefined[:20],
        )
    ready = [i for i, count in enumerate(waiting) if not count]
    order: list[SourceNode] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(graph.nodes[i])
        for user in users[i]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    if len(order) != len(graph.nodes):
        cycle = _cycle(graph.nodes, producer, {i for i, count in enumerate(waiting) if count})
        raise OxideError(
            f"the graph has a cycle through {listed(cycle)}",
            [Diagnostic("error", "part of a cycle", node_location(name)) for name in cycle[:20]],
        )
    return order


def _cycle(nodes: Sequence[SourceNode], producer: Mapping[str, int], stuck: Iterable[int]) -> list[str]:
    """The names along one cycle; every stuck node has a stuck predecessor, so walking back finds one."""
    pending = set(stuck)
    position: dict[int, int] = {}
    path: list[int] = []
    current = min(pending)
    while current not in position:
        position[current] = len(path)
        path.append(current)
        needed = (producer.get(n, -1) for n in (*nodes[current].inputs, *nodes[current].captures))
        current = next(i for i in needed if i in pending)
    return [nodes[i].name for i in reversed(path[position[current] :])]
