"""Weights that are added to a value, or multiplied by it, one after another are put together once."""

from __future__ import annotations

from collections.abc import Mapping

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import again, has_one_use, is_discrete, is_static, static_producer
from oxide.passes.simplify.places import Places
from oxide.passes.weight_values import WeightValues

MERGE_TERMS = (
    "merge-terms",
    "(x + b) + c -> x + (b + c), (x * b) * c -> x * (b * c) of vectors of weights, of integers; of floats with "
    "`reassociate`",
)
_ASSOCIATIVE = frozenset(("stablehlo.add", "stablehlo.multiply"))


def merge_terms(program: WeightValues, reassociate: bool, log: PassLog) -> None:
    """Add vectors to vectors instead of each to a value."""
    statistics = log.rules.setdefault(MERGE_TERMS[0], RuleStatistics())
    places = Places(program)
    for op in program.operations:
        outer = _term(op, program.known)
        inner_op = None if outer is None else static_producer(op.operands[1 - outer], op.name)
        inner = None if inner_op is None or not has_one_use(inner_op.results[0]) else _term(inner_op, program.known)
        if outer is None or inner_op is None or inner is None or not places.knows(inner_op):
            continue
        spreads = [each.owner.operation for each in (inner_op.operands[inner], op.operands[outer])]
        first, second = (spread.operands[0] for spread in spreads)
        alike = first.type == second.type and len({str(s.attributes["broadcast_dimensions"]) for s in spreads}) == 1
        if not alike:
            continue
        statistics.tries += 1
        if not reassociate and not is_discrete(op.results[0]):
            log.remark(op, f"{MERGE_TERMS[0]}: {op.name} stays, it needs reassociate")
            continue
        with op.location, ir.InsertionPoint(op):
            whole = again(op, [first, second], first.type)
            mapping = integers(spreads[0], "broadcast_dimensions")
            spread = hlo.broadcast_in_dim(whole, hlo.shape(op.results[0]), mapping)
            op.results[0].replace_all_uses_with(again(op, [inner_op.operands[1 - inner], spread]))
        log.remark(op, f"{MERGE_TERMS[0]}: two {op.name} become one")
        op.erase()
        inner_op.erase()
        statistics.hits += 1


def _term(op: ir.Operation, known: Mapping[ir.Value, bool]) -> int | None:
    """Which operand of an operation is a vector of weights that is repeated, where the other depends on inputs."""
    if op.name not in _ASSOCIATIVE or not is_static(op) or op.results[0] in known:
        return None
    for place in (1, 0):
        spread = static_producer(op.operands[place], "stablehlo.broadcast_in_dim")
        if spread is not None and op.operands[place] in known:
            return place
    return None
