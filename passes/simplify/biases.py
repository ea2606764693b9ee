"""What is added to pieces of a value is added to it at once, as to queries, keys and values."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integers
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import has_one_use, is_static, shape_of, static_producer
from oxide.passes.simplify.places import Places
from oxide.passes.weight_values import WeightValues

MERGE_BIASES = (
    "merge-biases",
    "y[:k] + b, y[k:] + c -> slices of y + concatenate(b, c) of a product y and of vectors b and c of weights",
)
_PRODUCTS = frozenset(("stablehlo.convolution", "stablehlo.dot_general"))
# More pieces than this are not looked through.
_PIECES = 64


@dataclass(frozen=True)
class _Piece:
    """A slice of a value along one dimension, and the addition of a vector along it."""

    slice: ir.Operation
    axis: int
    start: int
    stop: int
    addition: ir.Operation
    vector: ir.Value


def merge_biases(program: WeightValues, log: PassLog) -> None:
    """Add vectors of weights before a product is cut into pieces."""
    statistics = log.rules.setdefault(MERGE_BIASES[0], RuleStatistics())
    places = Places(program)
    products = [op for op in program.operations if op.name in _PRODUCTS and is_static(op)]
    for op in products:
        pieces = _pieces(op, program)
        if pieces is None:
            continue
        statistics.tries += 1
        _merge(op.results[0], pieces, places)
        statistics.hits += 1
        log.remark(op, f"{MERGE_BIASES[0]}: {len(pieces)} additions become one")


def _pieces(product: ir.Operation, program: WeightValues) -> list[_Piece] | None:
    """All pieces of a product in order, where there are several that cover it."""
    value = product.results[0]
    positions = program.users.get(value, [])
    if not 1 < len(positions) <= _PIECES:
        return None
    pieces: list[_Piece] = []
    for position in positions:
        piece = _piece(program.operations[position], program)
        if piece is None:
            return None
        pieces.append(piece)
    axis = pieces[0].axis
    pieces.sort(key=lambda piece: piece.start)
    limits = [0, *(piece.stop for piece in pieces)]
    covered = [piece.start for piece in pieces] == limits[:-1] and limits[-1] == shape_of(value)[axis]
    return pieces if covered and all(piece.axis == axis for piece in pieces) else None


def _piece(op: ir.Operation, program: WeightValues) -> _Piece | None:
    if op.name != "stablehlo.slice" or not has_one_use(op.results[0]):
        return None
    starts, stops, steps = (integers(op, name) for name in ("start_indices", "limit_indices", "strides"))
    cut = [axis for axis, size in enumerate(shape_of(op.operands[0])) if stops[axis] - starts[axis] != size]
    (position,) = program.users[op.results[0]]
    addition = program.operations[position]
    if len(cut) != 1 or steps[cut[0]] != 1 or addition.name != "stablehlo.add":
        return None
    other = addition.operands[0 if addition.operands[1] == op.results[0] else 1]
    spread = static_producer(other, "stablehlo.broadcast_in_dim")
    if spread is None or integers(spread, "broadcast_dimensions") != cut:
        return None
    vector = spread.operands[0]
    if vector not in program.known or hlo.size(vector) != stops[cut[0]] - starts[cut[0]]:
        return None
    return _Piece(op, cut[0], starts[cut[0]], stops[cut[0]], addition, vector)


def _merge(value: ir.Value, pieces: list[_Piece], places: Places) -> None:
    first = min((piece.slice for piece in pieces), key=places.of)
    places.bring_before(first, [piece.vector for piece in pieces])
    axis = pieces[0].axis
    with first.location, ir.InsertionPoint(first):
        vector = hlo.concatenate([piece.vector for piece in pieces], 0)
        whole = hlo.add(value, hlo.broadcast_in_dim(vector, hlo.shape(value), [axis]))
    for piece in pieces:
        piece.slice.operands[0] = whole
        piece.addition.results[0].replace_all_uses_with(piece.slice.results[0])
        piece.addition.erase()
