"""Composites as parts of fusions: which are elementwise, and which consist of what fusions are made of."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.attributes import string, symbol
from oxide.dialects.effects import ELEMENTWISE
from oxide.passes.cost_analysis.counting import FUSION
from oxide.passes.cost_analysis.rules import TRANSCENDENTAL
from oxide.passes.fuse.roles import INDEXING, TRANSCENDENTAL_WORK, is_self_contained

_SCALAR_SOURCES = frozenset({"stablehlo.constant", "stablehlo.broadcast_in_dim"})


class Composites:
    """Answers for the composites of one module, each decomposition looked at once."""

    def __init__(self, module: ir.Module) -> None:
        self._symbols = ir.SymbolTable(module.operation)
        self._work: dict[str, int | None] = {}
        self._expandable: dict[str, bool] = {}

    def work(self, op: ir.Operation) -> int | None:
        """FLOPs for an element of the result, when element i of it depends on element i of the operands alone."""
        if string(op, "name") == FUSION or len(op.results) != 1:
            return None
        if any(value.type != op.results[0].type for value in op.operands):
            return None
        name = symbol(op, "decomposition")
        if name not in self._work:
            self._work[name] = None  # what leads back to itself stays
            self._work[name] = self._elementwise_work(name, op.results[0].type)
        return self._work[name]

    def is_expandable(self, op: ir.Operation) -> bool:
        """True when every operation it stands for can be part of a fusion, and it is not itself elementwise."""
        return string(op, "name") != FUSION and self.work(op) is None and self._consists_of_parts(op)

    def _body(self, name: str) -> list[ir.Operation] | None:
        """The operations of a function of one block, without its return."""
        blocks = list(self._symbols[name].operation.regions[0].blocks) if name in self._symbols else []
        return [view.operation for view in blocks[0].operations][:-1] if len(blocks) == 1 else None

    def _elementwise_work(self, name: str, result: ir.Type) -> int | None:
        body = self._body(name)
        if body is None or not isinstance(result, ir.RankedTensorType) or not result.has_static_shape:
            return None
        total = 0
        for op in body:
            if op.name == "stablehlo.composite":
                inner = self.work(op)
                if inner is None:
                    return None
                total += inner
            elif op.name in ELEMENTWISE:
                total += TRANSCENDENTAL_WORK if op.name in TRANSCENDENTAL else 1
            elif op.name not in _SCALAR_SOURCES or not _is_of_scalars(op):
                return None
            if not all(_has_shape(value.type, result.shape) for value in op.results):
                return None
        return total

    def _consists_of_parts(self, op: ir.Operation) -> bool:
        name = symbol(op, "decomposition")
        if name not in self._expandable:
            self._expandable[name] = False  # what leads back to itself stays
            body = self._body(name)
            self._expandable[name] = body is not None and all(map(self._is_part, body))
        return self._expandable[name]

    def _is_part(self, op: ir.Operation) -> bool:
        if op.name == "stablehlo.composite":
            return string(op, "name") != FUSION and self._consists_of_parts(op)
        if op.name == "stablehlo.reduce":
            return is_self_contained(op)
        return op.name in ELEMENTWISE or op.name in INDEXING or op.name == "stablehlo.constant"


def _is_of_scalars(op: ir.Operation) -> bool:
    return all(isinstance(v.type, ir.RankedTensorType) and v.type.rank == 0 for v in op.operands)


def _has_shape(kind: ir.Type, shape: list[int]) -> bool:
    return isinstance(kind, ir.RankedTensorType) and (kind.rank == 0 or list(kind.shape) == list(shape))
