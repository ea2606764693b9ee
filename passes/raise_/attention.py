"""Scaled dot-product attention: softmax of the products of queries and keys, times values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import string
from oxide.dialects.composites import attributes_of
from oxide.dialects.composites.registry import AttributeValue
from oxide.passes.canonicalize.matching import Declined, producer, shape_of
from oxide.passes.raise_.axes import PLACING, Axis, Layout, arrangement, before, flat, layout_of, leaves
from oxide.passes.raise_.masks import Guard, Mask, guarded, resolve
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.scores import Operand, Product, Reading, operand, product_of, readings
from oxide.passes.raise_.views import narrowed


@dataclass(frozen=True)
class _Weights:
    """The weights of an attention: the softmax of `scores` with a guard after it.

    `layout` is that of the scores, `weights` that of the product's operand.
    """

    scores: ir.Value
    guard: Guard
    layout: Layout
    weights: Layout
    span: Sequence[Axis]


def _weights(value: ir.Value, contract: Sequence[int]) -> _Weights | None:
    """A product's operand as weights, whose softmax is along what the product sums over."""
    weights = layout_of(shape_of(value))
    value, layout = _moved(value, weights)
    guard = guarded(value)
    inner, layout = _moved(guard.weights, layout)
    softmax = producer(inner, "stablehlo.composite")
    if softmax is None or string(softmax, "name") != "oxide.softmax":
        return None
    scores, axis = softmax.operands[0], attributes_of(softmax)["axis"]
    if guard.empty_rows_of is not None and guard.empty_rows_of != scores:
        return None
    span = [part for a in contract for part in weights[a]]
    if leaves(span) != leaves(layout[axis]):  # pyright: ignore[reportArgumentType, reportCallIssue]
        return None
    return _Weights(scores, guard, layout, weights, span)


def _moved(value: ir.Value, layout: Layout) -> tuple[ir.Value, Layout]:
    """What a value of this layout is made of by reshapes, transposes and rounding."""
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        inner = before(op, layout) if op.name in PLACING[1:] else layout
        if narrowed(value) != value:
            value = narrowed(value)
        elif op.name in PLACING[1:] and inner is not None:
            value, layout = op.operands[0], inner
        else:
            break
    return value, layout


@dataclass(frozen=True)
class _Axes:
    """The axes of both products: those of queries and keys, of queries alone, and those summed over or kept."""

    shared: Sequence[Axis]
    own: Sequence[Axis]
    span: Sequence[Axis]
    size: Sequence[Axis]
    depth: Sequence[Axis]


@dataclass(frozen=True)
class _Roles:
    """The axes of an attention: those of queries, keys and values, and what they are."""

    q: Operand
    k: Operand
    v: Operand
    batch: Sequence[Axis]
    key_heads: Sequence[Axis]
    groups: Sequence[Axis]
    length: Sequence[Axis]
    span: Sequence[Axis]
    size: Sequence[Axis]
    depth: Sequence[Axis]

    @property
    def scores(self) -> list[Sequence[Axis]]:
        return [self.batch, [*self.key_heads, *self.groups], self.length, self.span]

    def operands(self, dtype: np.dtype) -> list[ir.Value]:
        wanted = (
            (self.q, [self.batch, [*self.key_heads, *self.groups], self.length, self.size]),
            (self.k, [self.batch, self.key_heads, self.span, self.size]),
            (self.v, [self.batch, self.key_heads, self.span, self.depth]),
        )
        return [hlo.convert(x.build(axes), dtype) for x, axes in wanted]


def _roles(axes: _Axes, q: Operand, k: Operand, v: Operand) -> Iterator[_Roles]:
    """The ways to see queries, keys and values as those of an attention, the likeliest first.

    Axes that queries share with keys are batch and heads, the first one being batch if no dimension of size 1 comes
    before it.  Of those that queries have alone the last ones are the length, as many as the span has; those before
    are heads that share keys.
    """
    have = {*flat(k.layout), *flat(v.layout)}
    shared = [a for a in leaves(axes.shared) if a in have]
    first = 0 if len(shared) == 1 and any(_after_unit(shared[0], x.layout) for x in (q, k, v)) else 1
    batch, heads = shared[:first], shared[first:]
    span, size, depth = leaves(axes.span), leaves(axes.size), leaves(axes.depth)
    order = flat(q.layout)
    own = [a for a in leaves([*axes.shared, *axes.own]) if a not in shared]
    own.sort(key=lambda a: order.index(a) if a in order else -1)
    count = max(len(own) - len(span), 0)
    beside = [a for a in own if a in order and order[order.index(a) - 1] in heads]
    for grouped in ([beside] if len(beside) == count else []) + [own[:count], own[len(own) - count :]]:
        length = [a for a in own if a not in grouped]
        yield _Roles(q, k, v, batch, heads, grouped, length, span, size, depth)


def _after_unit(axis: Axis, layout: Layout) -> bool:
    """Whether a dimension of size 1 comes before the one that has an axis."""
    places = [place for place, axes in enumerate(layout) if axis in leaves(axes)]
    return any(not axes for axes in layout[: places[0]]) if places else False


def _attention(op: ir.Operation) -> Raised | Declined | None:
    """dot(softmax(scale * dot(q, k) + mask), v) -> attention(q, k, v, mask)

    The scale may be applied to q and k before, and a soft cap after.  Masks are added, or select scores that no
    other falls below; what queries get that keep no key stays, by a selection where the composite gives something
    else.
    """
    product = product_of(op)
    if product is None or 0 in shape_of(op.operands[0]) or 0 in shape_of(op.operands[1]):
        return None
    declined: Declined | None = None
    for side in (0, 1):
        weights = _weights(product.operands[side], product.contract[side])
        for reading in [] if weights is None else readings(weights.scores):
            found = None if weights is None else _read(op, product, side, weights, reading)
            if isinstance(found, Raised):
                return found
            declined = declined or found
    return declined


def _read(
    op: ir.Operation, product: Product, side: int, weights: _Weights, reading: Reading
) -> Raised | Declined | None:
    """The attention of one reading of its scores; `side` of the last product are the weights."""
    if reading.short:
        return Declined("oxide.attention has scores in float32, where those of float16 may overflow")
    inner = producer(reading.value, "stablehlo.dot_general")
    scored = None if inner is None else product_of(inner)
    below = reading.masks(weights.layout)
    if scored is None or below is None:
        return None
    masks, layout = below
    sides = _sides(scored, layout, weights.span)
    if sides is None:
        return None
    queries, keys = sides
    layouts = scored.layouts(layout)
    q = operand(scored.operands[queries], layouts[queries])
    k = operand(scored.operands[keys], layouts[keys])
    beside = _beside(product, side, weights.weights)
    v = operand(product.operands[1 - side], beside, factors=False)
    axes = _Axes(
        [axis for a in scored.batch[queries] for axis in layouts[queries][a]],
        [axis for a in scored.free(queries) for axis in layouts[queries][a]],
        weights.span,
        [axis for a in scored.contract[queries] for axis in layouts[queries][a]],
        [axis for a in product.free(1 - side) for axis in beside[a]],
    )
    mixed = [axis for a in product.batch[side] for axis in weights.weights[a]]
    if {*leaves(axes.shared)} != {*leaves(mixed)}:
        return Declined("the dimensions of its products are not those of oxide.attention")
    found: tuple[_Roles, Mask] | None = None
    declined: Declined | None = None
    for roles in _roles(axes, q, k, v):
        mask = resolve(masks, roles.scores, weights.guard)
        if isinstance(mask, Mask) and (found is None or mask.causal):
            found = (roles, mask)
        elif isinstance(mask, Declined):
            declined = mask
    if found is None:
        return declined
    layouts = (weights.weights, beside) if side == 0 else (beside, weights.weights)
    return _raised(op, reading, *found, product.result(layouts))


def _sides(scored: Product, layout: Layout, span: Sequence[Axis]) -> tuple[int, int] | None:
    """Which operands of the first product are queries and keys, of which the span is the free part."""
    layouts = scored.layouts(layout)
    for keys in (1, 0):
        if leaves(axis for a in scored.free(keys) for axis in layouts[keys][a]) == leaves(span):
            return 1 - keys, keys
    return None


def _beside(product: Product, side: int, weights: Layout) -> Layout:
    """The layout of the other operand of a product, when that of one is known."""
    other = 1 - side
    layout = list(layout_of(shape_of(product.operands[other])))
    for pairs in (product.batch, product.contract):
        for mine, theirs in zip(pairs[side], pairs[other], strict=True):
            layout[theirs] = weights[mine]
    return layout


def _raised(op: ir.Operation, reading: Reading, roles: _Roles, mask: Mask, result: Layout) -> Raised:
    bases = [roles.q.base, roles.k.base, roles.v.base]
    dtype = hlo.dtype(op.results[0])
    if any(hlo.dtype(base) != dtype for base in bases):
        dtype = np.promote_types(dtype, np.float32)
    values: list[ir.Value] = []

    def operands() -> list[ir.Value]:
        built = mask.build()
        placed = roles.operands(dtype)
        values.append(placed[2])
        return [*placed, *([] if built is None else [built])]

    def finish(y: ir.Value) -> ir.Value:
        y = y if mask.finish is None else mask.finish(y, values[-1])
        y = hlo.convert(y, hlo.dtype(op.results[0]))
        return arrangement([*roles.scores[:3], roles.depth], result).build(y)

    scale = reading.scale * roles.q.factor * roles.k.factor
    attributes: dict[str, AttributeValue] = {"scale": scale, "causal": mask.causal}
    if reading.soft_cap:
        attributes["soft_cap"] = reading.soft_cap
    masks = [step.value for step in reading.steps if not isinstance(step, ir.Operation)]
    return Raised("attention", [*bases, *masks], attributes, operands, finish)


PATTERNS = [rule("raise-attention", ["stablehlo.dot_general"], _attention)]
