"""A look over the whole model before anything is lowered: every operator that cannot be, reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from onnx import FunctionProto

from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.diagnostics import Unsupported, quoted, unsupported_error
from oxide.frontends.onnx.functions import MAX_DEPTH, static_schema_body
from oxide.frontends.onnx.graph import SourceNode
from oxide.frontends.onnx.operators import Library, Operator
from oxide.frontends.onnx.registry import qualified


def check_supported(nodes: Sequence[SourceNode], library: Library) -> None:
    """Raise one OxideError that lists all operators without a lowering, in subgraphs and function bodies too.

    Also refuses model-local functions that call themselves.
    """
    survey = _Survey()
    survey.visit(nodes, library)
    if survey.unsupported:
        raise unsupported_error(survey.unsupported.values())


@dataclass
class _Survey:
    unsupported: dict[tuple[str, str], Unsupported] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    calling: list[FunctionProto] = field(default_factory=list)

    def visit(self, nodes: Iterable[SourceNode], library: Library) -> None:
        for node in nodes:
            operator = library.resolve(node.domain, node.op_type, node.overload)
            if operator.unsupported:
                self._report(operator, node)
            elif operator.lowering is None:
                self._visit_body(operator, node, library)
            for graph in node.subgraphs():
                self.visit(graph.nodes, library)

    def _report(self, operator: Operator, node: SourceNode) -> None:
        key = (operator.label, operator.unsupported)
        self.unsupported.setdefault(key, Unsupported(*key)).nodes.append(node.name)

    def _visit_body(self, operator: Operator, node: SourceNode, library: Library) -> None:
        body = operator.function or static_schema_body(operator, library.opsets.get("", operator.version))
        # A body is the same object at every call: those of the model are kept by it, those of schemas cached.
        if body is None or id(body) in self.finished:
            return
        if any(body is caller for caller in self.calling):
            start = next(i for i, caller in enumerate(self.calling) if caller is body)
            chain = [qualified(f.domain, f.name) for f in [*self.calling[start:], body]]
            raise OxideError(f"model functions may not be recursive: {quoted(' -> '.join(chain))}")
        if len(self.calling) >= MAX_DEPTH:
            raise OxideError(f"node {quoted(node.name)}: functions are nested more than {MAX_DEPTH} deep")
        self.calling.append(body)
        self.visit([SourceNode(proto) for proto in body.node], library.of_body(body))
        self.calling.pop()
        self.finished.add(id(body))
