"""Rotary position embedding: pairs of elements turned by angles (Su et al., RoFormer, 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import integer, integers
from oxide.passes.canonicalize.matching import producer, shape_of
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.norms import either
from oxide.passes.raise_.views import View

_REAL, _IMAGINARY = "stablehlo.real", "stablehlo.imag"


@dataclass(frozen=True)
class _Part:
    """`base[..., start:start + step * count:step]`."""

    base: ir.Value
    start: int
    count: int
    step: int = 1

    def build(self) -> ir.Value:
        last = hlo.rank(self.base) - 1
        return hlo.slice_axis(self.base, last, self.start, self.start + self.step * (self.count - 1) + 1, self.step)


def _part(value: ir.Value) -> _Part:
    """A value as a part of what it is a slice of along its last dimension."""
    size = shape_of(value)[-1]
    op = producer(value, "stablehlo.slice")
    if op is None:
        return _neighbour(value) or _Part(value, 0, size)
    base = op.operands[0]
    starts, steps = integers(op, "start_indices"), integers(op, "strides")
    if shape_of(base)[:-1] != shape_of(value)[:-1] or set(steps[:-1]) > {1}:
        return _Part(value, 0, size)
    return _Part(base, starts[-1], size, steps[-1])


def _neighbour(value: ir.Value) -> _Part | None:
    """One of each two neighbours, as it is sliced from a reshape to pairs [..., size / 2, 2]."""
    flat = producer(value, "stablehlo.reshape")
    op = None if flat is None else producer(flat.operands[0], "stablehlo.slice")
    pairs = None if op is None else producer(op.operands[0], "stablehlo.reshape")
    if op is None or pairs is None:
        return None
    base, shape = pairs.operands[0], shape_of(value)
    fits = shape_of(pairs.results[0]) == [*shape, 2] and shape_of(base) == [*shape[:-1], 2 * shape[-1]]
    if not fits or shape_of(op.results[0]) != [*shape, 1]:
        return None
    return _Part(base, integers(op, "start_indices")[-1], shape[-1], 2)


def _whole(first: ir.Value, second: ir.Value) -> tuple[_Part, bool] | None:
    """The part whose pairs `first` and `second` are, and whether pairs are neighbours."""
    a, b = _part(first), _part(second)
    if a.base != b.base or a.count != b.count or a.step != b.step:
        return None
    if a.step == 2 and b.start == a.start + 1:
        return _Part(a.base, a.start, 2 * a.count), True
    if a.step == 1 and b.start == a.start + a.count:
        return _Part(a.base, a.start, 2 * a.count), False
    return None


def _paired(op: ir.Operation) -> tuple[ir.Value, ir.Value, bool] | None:
    """a and b that an operation puts side by side: one after the other, or neighbour by neighbour."""
    if op.name == "stablehlo.concatenate":
        last = integer(op, "dimension") == hlo.rank(op.results[0]) - 1
        return (op.operands[0], op.operands[1], False) if last and len(op.operands) == 2 else None
    stacked = producer(op.operands[0], "stablehlo.concatenate") if op.name == "stablehlo.reshape" else None
    if stacked is None or len(stacked.operands) != 2:
        return None
    shape = shape_of(op.results[0])
    half = [*shape[:-1], shape[-1] // 2] if shape else []
    columns = [producer(v, "stablehlo.reshape") for v in stacked.operands]
    if integer(stacked, "dimension") != len(shape) or shape_of(stacked.results[0]) != [*half, 2]:
        return None
    sources = [c.operands[0] for c in columns if c is not None and shape_of(c.operands[0]) == half]
    return (sources[0], sources[1], True) if len(sources) == 2 else None


def _rotary_of_pairs(op: ir.Operation) -> Raised | None:
    """[a cos - b sin, a sin + b cos] of the halves or the neighbours a and b of x -> rotary(x, cos, sin)"""
    sides = _paired(op)
    difference = None if sides is None else producer(sides[0], "stablehlo.subtract")
    if sides is None or difference is None:
        return None
    for first, cos in either(difference.operands[0], "stablehlo.multiply"):
        for second, sin in either(difference.operands[1], "stablehlo.multiply"):
            whole = _whole(first, second)
            if whole is None or whole[1] != sides[2] or not _is_sum(sides[1], (first, sin), (second, cos)):
                continue
            return _raised(whole[0], cos, sin, whole[1])
    return None


def _is_sum(value: ir.Value, *products: tuple[ir.Value, ir.Value]) -> bool:
    """True for the sum of two products, whatever the order."""
    wanted = [set(product) for product in products]
    for left, right in either(value, "stablehlo.add"):
        factors = [producer(v, "stablehlo.multiply") for v in (left, right)]
        if [set() if f is None else set(f.operands) for f in factors] == wanted:
            return True
    return False


def _rotary_of_elements(op: ir.Operation) -> Raised | None:
    """x cos + [-b, a] sin of the halves or the neighbours a and b of x -> rotary(x, cos, sin)"""
    for left, right in either(op.results[0], "stablehlo.add"):
        for x, cos in either(left, "stablehlo.multiply"):
            for turned, sin in either(right, "stablehlo.multiply"):
                found = _turned(turned)
                if found is not None and _part(x) == found[0]:
                    return _raised(found[0], cos, sin, found[1])
    return None


def _turned(value: ir.Value) -> tuple[_Part, bool] | None:
    """x of [-b, a], and whether its pairs are neighbours."""
    sides = None if isinstance(value.owner, ir.Block) else _paired(value.owner.operation)
    negative = None if sides is None else producer(sides[0], "stablehlo.negate")
    if sides is None or negative is None:
        return None
    whole = _whole(sides[1], negative.operands[0])
    return whole if whole is not None and whole[1] == sides[2] else None


def _rotary_of_complex(op: ir.Operation) -> Raised | None:
    """(a + i b) (cos + i sin), real parts beside imaginary ones, of pairs of x -> rotary(x, cos, sin)"""
    sides = _paired(op)
    real, imaginary = (None, None) if sides is None else (producer(sides[0], _REAL), producer(sides[1], _IMAGINARY))
    if sides is None or real is None or imaginary is None or real.operands[0] != imaginary.operands[0]:
        return None
    for pairs, angles in either(real.operands[0], "stablehlo.multiply"):
        numbers = producer(pairs, "stablehlo.complex")
        whole = None if numbers is None else _whole(numbers.operands[0], numbers.operands[1])
        turns, full = View.whole(angles).source(), shape_of(angles)
        if whole is None or whole[1] != sides[2] or not _is_table(turns, full):
            continue
        return Raised(
            "rotary",
            [whole[0].base, turns.value],
            {"interleaved": whole[1]},
            lambda x=whole[0], turns=turns, full=full: [x.build(), *_parts(turns, full)],
        )
    return None


def _parts(turns: View, full: Sequence[int]) -> list[ir.Value]:
    """Cosines and sines of e^(i angle)."""
    made = producer(turns.value, "stablehlo.complex")
    parts = [hlo.real(turns.value), hlo.imag(turns.value)] if made is None else list(made.operands)
    return [_narrow(turns.of(part), full) for part in parts]


def _raised(x: _Part, cos: ir.Value, sin: ir.Value, interleaved: bool) -> Raised:
    tables = [View.whole(table).source() for table in (cos, sin)]

    def operands() -> list[ir.Value]:
        return [x.build(), *(_table(view, like) for view, like in zip(tables, (cos, sin), strict=True))]

    return Raised("rotary", [x.base, *(view.value for view in tables)], {"interleaved": interleaved}, operands)


def _table(view: View, like: ir.Value) -> ir.Value:
    """The cosines or sines with dimensions of size 1 where they repeat."""
    full = shape_of(like)
    return _narrow(view, full) if _is_table(view, full) else like


def _is_table(view: View, full: Sequence[int]) -> bool:
    """Whether a view differs along the last dimension, and lies in order."""
    along = view.lies_along()
    return list(along) == sorted(set(along)) and len(full) - 1 in along


def _narrow(view: View, full: Sequence[int]) -> ir.Value:
    return hlo.reshape(view.value, [size if a in view.lies_along() else 1 for a, size in enumerate(full)])


PATTERNS = [
    rule("raise-rotary-of-complex", ["stablehlo.concatenate", "stablehlo.reshape"], _rotary_of_complex),
    rule("raise-rotary-of-pairs", ["stablehlo.concatenate", "stablehlo.reshape"], _rotary_of_pairs),
    rule("raise-rotary-of-elements", ["stablehlo.add"], _rotary_of_elements),
]
