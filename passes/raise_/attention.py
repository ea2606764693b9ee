"""Scaled dot-product attention: softmax of the products of queries and keys, times values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.dialects.attributes import integers, string
from oxide.dialects.composites import attributes_of
from oxide.passes.canonicalize.matching import Declined, number, producer, shape_of
from oxide.passes.raise_.masks import guarded, masked
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.views import is_half, reshaped, shortest


@dataclass(frozen=True)
class _Side:
    """One operand of a dot_general and its dimensions, batch dimensions in the order of the other operand's."""

    value: ir.Value
    batch: list[int]
    contract: list[int]

    @property
    def free(self) -> list[int]:
        return [a for a in range(hlo.rank(self.value)) if a not in {*self.batch, *self.contract}]

    def size(self, axes: Sequence[int]) -> int:
        shape = shape_of(self.value)
        return math.prod(shape[a] for a in axes)

    def unmerged(self) -> _Side:
        """Before a reshape that merged the leading two dimensions into one batch dimension."""
        op = producer(self.value, "stablehlo.reshape")
        if op is None or self.batch != [0] or shape_of(op.operands[0])[2:] != shape_of(self.value)[1:]:
            return self
        return _Side(op.operands[0], [0, 1], [a + 1 for a in self.contract])

    def build(self, shape: Sequence[int], rows: Sequence[int], columns: Sequence[int]) -> ir.Value:
        """The operand as [batch, heads, rows, columns]."""
        return _reshape(_transpose(self.value, [*self.batch, *rows, *columns]), shape)


def _transpose(value: ir.Value, order: Sequence[int]) -> ir.Value:
    """A transpose that cancels with the one that made the value."""
    inner = producer(value, "stablehlo.transpose")
    if inner is None:
        return hlo.transpose(value, order)
    permutation = integers(inner, "permutation")
    return hlo.transpose(inner.operands[0], [permutation[a] for a in order])


def _reshape(value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """A reshape that takes in the one that made the value."""
    inner = producer(value, "stablehlo.reshape")
    return hlo.reshape(value if inner is None else inner.operands[0], shape)


def _sides(op: ir.Operation) -> tuple[_Side, _Side] | None:
    """The operands of a product whose precision is the default one."""
    if "algorithm" in op.attributes or "HIGH" in str(op.attributes.get("precision_config", "")):
        return None
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    left = _Side(op.operands[0], list(numbers.lhs_batching_dimensions), list(numbers.lhs_contracting_dimensions))
    right = _Side(op.operands[1], list(numbers.rhs_batching_dimensions), list(numbers.rhs_contracting_dimensions))
    return left, right


def _is_ordered(axes: Sequence[int], value: ir.Value) -> bool:
    shape = shape_of(value)
    wide = [a for a in axes if shape[a] != 1]
    return wide == sorted(wide)


def _unscaled(value: ir.Value) -> tuple[ir.Value, list[ir.Operation], float]:
    """x, the reshapes and transposes after it, and c, of a value that is c * x placed otherwise."""
    moves: list[ir.Operation] = []
    inner = value
    while not isinstance(inner.owner, ir.Block):
        op = inner.owner.operation
        if op.name in ("stablehlo.reshape", "stablehlo.transpose"):
            moves.append(op)
            inner = op.operands[0]
            continue
        factor = _factor(op)
        return (value, [], 1.0) if factor is None else (op.operands[0], moves, factor)
    return value, [], 1.0


def _factor(op: ir.Operation) -> float | None:
    """c of x * c and x / (1 / c)."""
    if op.name not in ("stablehlo.multiply", "stablehlo.divide"):
        return None
    constant = number(op.operands[1])
    if constant is None or not np.isfinite(constant) or constant == 0:
        return None
    return shortest(constant) if op.name == "stablehlo.multiply" else 1 / shortest(constant)


def _placed(value: ir.Value, moves: Sequence[ir.Operation]) -> ir.Value:
    for op in reversed(moves):
        if op.name == "stablehlo.transpose":
            value = _transpose(value, integers(op, "permutation"))
        else:
            value = _reshape(value, shape_of(op.results[0]))
    return value


@dataclass(frozen=True)
class _Scores:
    """scale * q k^T."""

    q: _Side
    k: _Side
    scale: float


def _scores(value: ir.Value) -> _Scores | None:
    """The product of queries and keys, its scale before or after it, up to reshapes."""
    scale = 1.0
    swapped = False
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        factor = _factor(op)
        if factor is not None:
            scale *= factor
        elif op.name == "stablehlo.transpose" and not swapped:
            rank = hlo.rank(value)
            if integers(op, "permutation") != [*range(rank - 2), rank - 1, rank - 2]:
                return None
            swapped = True
        elif op.name == "stablehlo.dot_general":
            sides = _sides(op)
            if sides is None or (swapped and any(len(side.free) != 1 for side in sides)):
                return None
            q, k = reversed(sides) if swapped else sides
            return _Scores(q, k, scale)
        elif op.name != "stablehlo.reshape" or swapped:
            return None
        value = op.operands[0]
    return None


@dataclass(frozen=True)
class _Sizes:
    """The sizes of an attention's scores [batch, heads, length, span]."""

    batch: int
    heads: int
    length: int
    span: int

    def key_heads(self, q: _Side, rows: Sequence[int], k: _Side, span: int) -> int | None:
        """How many heads the keys have when groups of queries share them; None when the sizes do not fit."""
        total = q.size(q.batch)
        heads, rest = divmod(total, self.batch)
        if rest or not heads or self.heads % heads or span != self.span:
            return None
        return heads if q.size(rows) == self.heads // heads * self.length and k.size(k.batch) == total else None


def _sizes(shape: Sequence[int]) -> _Sizes | None:
    """The scores' sizes; leading dimensions beyond two count as heads."""
    if math.prod(shape) == 0 or len(shape) < 3:
        return None
    *leading, length, span = shape
    if len(leading) > 2:
        leading = [size for size in leading if size != 1] or [1]
    batch, *heads = leading
    return _Sizes(batch, math.prod(heads), length, span)


def _attention(op: ir.Operation) -> Raised | Declined | None:
    """dot(softmax(scale * dot(q, k) + mask), v) -> attention(q, k, v, mask)

    The scale may be applied to q and k before.  Masks are added, or select scores that no other falls below;
    weights of queries that keep no key must be what the composite gives.
    """
    sides = _sides(op)
    if sides is None:
        return None
    return _mixed(op, sides[0], sides[1], False) or _mixed(op, sides[1], sides[0], True)


def _mixed(op: ir.Operation, weights: _Side, values: _Side, swapped: bool) -> Raised | Declined | None:
    """An attention whose weights and values these are; `swapped` when the product is v^T weights^T."""
    guard = guarded(reshaped(weights.value))
    softmax = producer(guard.weights, "stablehlo.composite")
    if softmax is None or string(softmax, "name") != "oxide.softmax":
        return None
    scores = softmax.operands[0]
    if attributes_of(softmax)["axis"] != hlo.rank(scores) - 1:
        return None
    mask = masked(scores, guard)
    if mask is None or isinstance(mask, Declined):
        return mask
    product, sizes = _scores(mask.scores), _sizes(shape_of(scores))
    if product is None or sizes is None:
        return None
    if is_half(scores):
        return Declined("oxide.attention keeps the scores of half precision in float32, this rounds them")
    found = _fitted(op, weights, values, product, sizes)
    if found is None:
        return Declined("the dimensions of its products are not those of oxide.attention")
    q, k, v, scale = found

    def operands() -> list[ir.Value]:
        built = mask.build((sizes.batch, sizes.heads, sizes.length, sizes.span))
        return [q.build(), *_ungrouped(k.build(), v.build()), *([] if built is None else [built])]

    def finish(y: ir.Value) -> ir.Value:
        if not swapped:
            return y
        shared = k.shape[1]
        rows = sizes.heads // shared * sizes.length
        return hlo.transpose(hlo.reshape(y, [sizes.batch, shared, rows, v.shape[3]]), [0, 1, 3, 2])

    inputs = [q.base, k.base, v.base, *([] if mask.source is None else [mask.source])]
    return Raised("attention", inputs, {"scale": scale, "causal": mask.causal}, operands, finish)


@dataclass(frozen=True)
class _Operand:
    """An operand of the composite: `side` of a product, read from `base` without its scale."""

    side: _Side
    base: ir.Value
    moves: Sequence[ir.Operation]
    shape: Sequence[int]
    values: bool = False

    def build(self) -> ir.Value:
        wide = np.promote_types(hlo.dtype(self.base), np.float32)
        side = _Side(_placed(self.base, self.moves), self.side.batch, self.side.contract).unmerged()
        rows, columns = (side.contract, side.free) if self.values else (side.free, side.contract)
        return hlo.convert(side.build(self.shape, rows, columns), wide)


def _ungrouped(k: ir.Value, v: ir.Value) -> list[ir.Value]:
    """Keys and values without the repetition of their heads for groups of queries, where both have it."""
    both = [_few_heads(k), _few_heads(v)]
    return both if shape_of(both[0])[1] == shape_of(both[1])[1] else [k, v]


def _few_heads(value: ir.Value) -> ir.Value:
    """[batch, key heads, span, size] whose heads are repeated, one group after the other, to make `value`."""
    merged = producer(value, "stablehlo.reshape")
    spread = None if merged is None else producer(merged.operands[0], "stablehlo.broadcast_in_dim")
    if spread is None:
        return value
    source, repeated = shape_of(spread.operands[0]), shape_of(spread.results[0])
    batch, heads, span, size = shape_of(value)
    if integers(spread, "broadcast_dimensions") != [0, 1, 3, 4] or repeated[:2] + repeated[3:] != source:
        return value
    return spread.operands[0] if source == [batch, source[1], span, size] and heads % source[1] == 0 else value


def _fitted(
    op: ir.Operation, weights: _Side, values: _Side, product: _Scores, sizes: _Sizes
) -> tuple[_Operand, _Operand, _Operand, float] | None:
    """q, k, v and the scale, when the products' dimensions are those of an attention."""
    q, k = product.q, product.k
    order = [*weights.batch, *weights.free, *weights.contract]
    if not _is_ordered(order, weights.value) or hlo.dtype(op.results[0]) != hlo.dtype(weights.value):
        return None
    shared = sizes.key_heads(q, q.free, k, k.size(k.free))
    mixing = sizes.key_heads(weights, weights.free, values, weights.size(weights.contract))
    if shared is None or shared != mixing:
        return None
    width, depth = q.size(q.contract), values.size(values.free)
    query = _operand(q, [sizes.batch, sizes.heads, sizes.length, width])
    key = _operand(k, [sizes.batch, shared, sizes.span, width])
    value = _Operand(values, values.value, (), [sizes.batch, shared, sizes.span, depth], values=True)
    return query[0], key[0], value, product.scale * query[1] * key[1]


def _operand(side: _Side, shape: Sequence[int]) -> tuple[_Operand, float]:
    base, moves, factor = _unscaled(side.value)
    return _Operand(side, base, moves, shape), factor


PATTERNS = [rule("raise-attention", ["stablehlo.dot_general"], _attention)]
