"""Reading values through the operations that only place them: broadcasts, and reshapes of unit dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import integers, tensor
from oxide.dialects.fold.contraction import reducer
from oxide.passes.canonicalize.matching import number, producer, shape_of

# A view's dimension that lies along none of the observed tensor's: its size is 1.
NOWHERE = -1


@dataclass(frozen=True)
class View:
    """A value as part of a larger tensor: its dimension i lies along dimension `along[i]` of that tensor.

    Dimensions of size 1 repeat, wherever they lie.
    """

    value: ir.Value
    along: tuple[int, ...]

    @classmethod
    def whole(cls, value: ir.Value) -> View:
        return cls(value, tuple(range(tensor(value).rank)))

    def of(self, value: ir.Value) -> View:
        """Another value of the same shape, an operand of an elementwise operation."""
        return View(value, self.along)

    def source(self) -> View:
        """What is broadcast, without the broadcasts and the reshapes of unit dimensions."""
        view = self
        while True:
            owner = view.value.owner
            if isinstance(owner, ir.Block):
                return view
            op = owner.operation
            if op.name == "stablehlo.broadcast_in_dim":
                view = View(op.operands[0], tuple(view.along[i] for i in integers(op, "broadcast_dimensions")))
            elif op.name == "stablehlo.reshape" and _same_but_units(op):
                wide = iter(a for a, size in zip(view.along, shape_of(view.value), strict=True) if size != 1)
                sizes = shape_of(op.operands[0])
                view = View(op.operands[0], tuple(NOWHERE if size == 1 else next(wide) for size in sizes))
            else:
                return view

    def lies_along(self) -> tuple[int, ...]:
        """The dimensions of the observed tensor in which this view differs."""
        return tuple(a for a, size in zip(self.along, shape_of(self.value), strict=True) if size != 1)

    def operands(self, name: str) -> list[View] | None:
        """The operands of the elementwise operation of this name that the source is, or None."""
        source = self.source()
        op = producer(source.value, name)
        return None if op is None else [source.of(operand) for operand in op.operands]

    def number(self) -> np.generic | None:
        """The number this view repeats, or None."""
        return number(self.source().value)


def _same_but_units(op: ir.Operation) -> bool:
    shapes = [[size for size in shape_of(v) if size != 1] for v in (op.operands[0], op.results[0])]
    return shapes[0] == shapes[1]


@dataclass(frozen=True)
class Reduction:
    """The sum or maximum of `operand` over `axes`."""

    operand: ir.Value
    axes: tuple[int, ...]


def reduction(view: View, kind: str, of: ir.Value | None = None) -> Reduction | None:
    """A view that reduces a tensor of the observed shape: `kind` is "add" or "maximum".

    With `of` it is that tensor or nothing, also where what is reduced is another reshape of it.
    """
    source = view.source()
    op = producer(source.value, "stablehlo.reduce")
    if op is None or len(op.operands) != 2 or reducer(op) != f"stablehlo.{kind}":
        return None
    found: Reduction | None = Reduction(op.operands[0], tuple(sorted(integers(op, "dimensions"))))
    found = found if of is None else _reshaped_reduction(found, of)
    initial = number(op.operands[1])
    neutral = 0 if kind == "add" else hlo.lowest(hlo.dtype(op.operands[0]))
    if found is None or initial is None or initial != neutral:
        return None
    sizes = shape_of(found.operand)
    kept = tuple(a for a in range(len(sizes)) if a not in found.axes and sizes[a] != 1)
    return found if source.lies_along() == kept else None


def _reshaped_reduction(found: Reduction, of: ir.Value) -> Reduction | None:
    """A reduction as one of another reshape of the same tensor, where both have the dimensions that are kept."""
    if found.operand == of:
        return found
    if reshaped(found.operand) != reshaped(of):
        return None
    before, after = _places(found.operand), _places(of)
    kept = [place for a, place in enumerate(before) if a not in found.axes and place[0] != place[1]]
    axes = tuple(a for a, place in enumerate(after) if place not in kept and place[0] != place[1])
    return Reduction(of, axes) if all(place in after for place in kept) else None


def _places(value: ir.Value) -> list[tuple[int, int]]:
    """For each dimension, how far apart its elements lie and how far it reaches, in elements of the tensor."""
    places, step = [], 1
    for size in reversed(shape_of(value)):
        places.append((step, step * size))
        step *= size
    return places[::-1]


def mean(view: View, of: ir.Value | None = None) -> Reduction | None:
    """A sum divided by the number of its terms, or multiplied by the inverse of that number; `of` as above."""
    for name in ("stablehlo.divide", "stablehlo.multiply"):
        parts = view.operands(name)
        by = None if parts is None else parts[1].number()
        total = None if parts is None else reduction(parts[0], "add", of)
        if by is None or total is None:
            continue
        count = math.prod(shape_of(total.operand)[axis] for axis in total.axes)
        if count and by == np.asarray(count if name == "stablehlo.divide" else 1 / count).astype(by.dtype):
            return total
    return None


def shortest(x: np.generic) -> float:
    """The shortest decimal that is this number in its type: 1e-05 for a float32, not 9.999999747378752e-06."""
    if not isinstance(x, np.floating):
        return float(x)
    return float(np.format_float_scientific(x, unique=True))


def reshaped(value: ir.Value) -> ir.Value:
    """What a value is a reshape of."""
    while (op := producer(value, "stablehlo.reshape")) is not None:
        value = op.operands[0]
    return value


def same(x: ir.Value | None, y: ir.Value) -> bool:
    """True when there is an x, and it is y."""
    return x is not None and x == y


def is_half(value: ir.Value) -> bool:
    dtype = hlo.dtype(value)
    return dtypes.is_float(dtype) and dtype.itemsize < 4


def widened(value: ir.Value) -> ir.Value:
    """The half-precision value that `value` is as float32, or `value` itself."""
    op = producer(value, "stablehlo.convert")
    if op is not None and hlo.dtype(value) == np.float32 and is_half(op.operands[0]):
        return op.operands[0]
    return value


def narrowed(value: ir.Value) -> ir.Value:
    """The float32 value that `value` is in half precision, or `value` itself."""
    op = producer(value, "stablehlo.convert")
    if op is not None and is_half(value) and hlo.dtype(op.operands[0]) == np.float32:
        return op.operands[0]
    return value


def parameter(view: View, axes: Sequence[int]) -> Parameter | None:
    """What a view repeats of a tensor of the given axes; None when it differs along another axis."""
    source = view.source()
    if source.number() is not None:
        return Parameter(source, tuple(axes))
    along = source.lies_along()
    if list(along) != sorted(set(along)) or not set(along) <= set(axes):
        return None
    return Parameter(source, tuple(axes))


@dataclass(frozen=True)
class Parameter:
    """A weight of a normalisation: `view` lies along some of `axes`, or is the same number everywhere."""

    view: View
    axes: tuple[int, ...]

    def build(self, like: ir.Value) -> ir.Value:
        """The weight as a tensor of the axes of `like`."""
        sizes = shape_of(like)
        if (element := self.view.number()) is not None:
            return hlo.full([sizes[a] for a in self.axes], element, hlo.dtype(self.view.value))
        along = self.view.lies_along()
        value = hlo.reshape(self.view.value, [sizes[a] for a in along])
        return hlo.broadcast_in_dim(value, [sizes[a] for a in self.axes], [self.axes.index(a) for a in along])
