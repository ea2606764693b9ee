"""Reading attention back from its weights to the product of queries and keys: moves, scales, a cap and masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import dtypes, hlo
from oxide.passes.canonicalize.matching import number, producer, shape_of
from oxide.passes.raise_.axes import PLACING, Axis, Layout, arrangement, before, flat, layout_of, leaves
from oxide.passes.raise_.views import View, is_half, shortest

_MOVES = ("stablehlo.reshape", "stablehlo.transpose")


@dataclass(frozen=True)
class Kept:
    """A mask of scores, which are `fill` where it is false (true, if `negated`)."""

    value: ir.Value
    fill: float
    negated: bool = False


@dataclass(frozen=True)
class Added:
    """`factor` times a mask that is added to scores."""

    value: ir.Value
    factor: float = 1.0


@dataclass(frozen=True)
class Reading:
    """Scores as masks, the last one first, on top of scale * value.

    Or, with a soft cap c, of c tanh(scale / c * value).  `steps` has the reshapes, transposes and masks on the way.
    `short` says that there is a float16, whose range is smaller than that of the others.
    """

    value: ir.Value
    steps: tuple[ir.Operation | Kept | Added, ...] = ()
    scale: float = 1.0
    soft_cap: float = 0.0
    short: bool = False

    def further(self) -> list[Reading]:
        """The same scores, read through the operation that makes the value; a sum can be read in two ways."""
        if isinstance(self.value.owner, ir.Block):
            return []
        op = self.value.owner.operation
        factor = factor_of(op)
        if factor is not None:
            return [replace(self, value=op.operands[0], scale=self.scale * factor)]
        if op.name in _MOVES:
            return [self._below(op.operands[0], op)]
        if op.name == "stablehlo.convert":
            return self._converted(op)
        if self.soft_cap:
            return []
        if op.name == "stablehlo.tanh":
            return [replace(self, value=op.operands[0], soft_cap=self.scale)] if self.scale > 0 else []
        return list(self._below_mask(op))

    def _converted(self, op: ir.Operation) -> list[Reading]:
        """Between half precision and float32 only rounding is lost, if float16 does not overflow."""
        types = {hlo.dtype(op.operands[0]).name, hlo.dtype(op.results[0]).name}
        if types not in ({"float32", "bfloat16"}, {"float32", "float16"}):
            return []
        return [replace(self, value=op.operands[0], short=self.short or "float16" in types)]

    def _below_mask(self, op: ir.Operation) -> Iterator[Reading]:
        if op.name == "stablehlo.select" and hlo.rank(op.operands[0]) == hlo.rank(self.value):
            condition, on_true, on_false = op.operands
            for fill, scores, negated in ((number(on_false), on_true, False), (number(on_true), on_false, True)):
                if fill is not None:
                    yield self._below(scores, Kept(condition, float(fill) * self.scale, negated))
        if op.name not in ("stablehlo.add", "stablehlo.subtract"):
            return
        left, right = op.operands
        yield self._below(left, Added(right, self.scale if op.name == "stablehlo.add" else -self.scale))
        if op.name == "stablehlo.add":
            yield self._below(right, Added(left, self.scale))

    def _below(self, value: ir.Value, step: ir.Operation | Kept | Added) -> Reading:
        return replace(self, value=value, steps=(*self.steps, step))

    def masks(self, layout: Layout) -> tuple[list[tuple[Kept | Added, Layout]], Layout] | None:
        """Masks with their layouts, and that of the value, when the scores have the given one."""
        found: list[tuple[Kept | Added, Layout]] = []
        for step in self.steps:
            if isinstance(step, (Kept, Added)):
                found.append((step, layout))
                continue
            inner = before(step, layout)
            if inner is None:
                return None
            layout = inner
        return found, layout


def readings(scores: ir.Value) -> Iterator[Reading]:
    """Every reading of scores that ends at a product."""
    pending = [Reading(scores, short=hlo.dtype(scores) == np.float16)]
    while pending:
        reading = pending.pop()
        if producer(reading.value, "stablehlo.dot_general") is not None:
            yield reading
        pending.extend(reversed(reading.further()))


def factor_of(op: ir.Operation) -> float | None:
    """c of x * c and x / (1 / c)."""
    if op.name not in ("stablehlo.multiply", "stablehlo.divide"):
        return None
    constant = number(op.operands[1])
    if constant is None or not np.isfinite(constant) or constant == 0:
        return None
    return shortest(constant) if op.name == "stablehlo.multiply" else 1 / shortest(constant)


# ------------------------------------------------------------------------------------------------- operands


@dataclass(frozen=True)
class Operand:
    """`factor` times what reshapes, transposes and broadcasts make of a base, which may be narrower.

    `stages` has the values on the way to the base, which is the last one, and their layouts.
    """

    stages: tuple[tuple[ir.Value, Layout], ...]
    factor: float = 1.0

    @property
    def base(self) -> ir.Value:
        return self.stages[-1][0]

    @property
    def layout(self) -> Layout:
        return self.stages[-1][1]

    def build(self, groups: Sequence[Sequence[Axis]]) -> ir.Value:
        """The operand with a dimension for each group of axes, from the stage that is closest to it.

        Stages that are repeated along other axes are none.
        """
        wanted = {axis for group in groups for axis in leaves(group)}
        stages = [(value, layout) for value, layout in self.stages if wanted >= {*flat(layout)}]
        plans = [(value, arrangement(layout, groups, repeat=True)) for value, layout in stages]
        value, plan = min(plans, key=lambda stage: stage[1].steps(shape_of(stage[0])))
        return plan.build(value)


def operand(value: ir.Value, layout: Layout, *, factors: bool = True) -> Operand:
    """A value of this layout without the operations that place it, and without constant factors, if wanted."""
    scale = 1.0
    stages: tuple[tuple[ir.Value, Layout], ...] = ((value, layout),)
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        factor = factor_of(op) if factors else None
        inner: Layout | None = layout
        if op.name in PLACING:
            inner = before(op, layout)
        elif factor is not None and not (abs(factor) > 1 and hlo.dtype(value) == np.float16):
            scale *= factor
            stages = ()
        elif op.name == "stablehlo.convert" and is_half(op.operands[0]) and not is_half(value):
            stages = ()
        else:
            break
        if inner is None:
            break
        value, layout = op.operands[0], inner
        stages = (*stages, (value, layout))
    return Operand(stages, scale)


@dataclass(frozen=True)
class Product:
    """A dot_general: its operands, and which dimensions of them belong together."""

    operands: tuple[ir.Value, ir.Value]
    batch: tuple[list[int], list[int]]
    contract: tuple[list[int], list[int]]

    def free(self, side: int) -> list[int]:
        used = {*self.batch[side], *self.contract[side]}
        return [a for a in range(hlo.rank(self.operands[side])) if a not in used]

    def layouts(self, result: Layout) -> list[Layout]:
        """The layouts of the operands when the result has the given one."""
        shared, rest = result[: len(self.batch[0])], list(result[len(self.batch[0]) :])
        summed = layout_of([shape_of(self.operands[0])[a] for a in self.contract[0]])
        made: list[Layout] = []
        for side in (0, 1):
            layout = dict(zip(self.batch[side], shared, strict=True))
            layout |= dict(zip(self.contract[side], summed, strict=True))
            layout |= {a: rest.pop(0) for a in self.free(side)}
            made.append([layout[a] for a in range(len(layout))])
        return made

    def result(self, layouts: tuple[Layout, Layout]) -> Layout:
        """The layout of the result."""
        free = [layouts[side][a] for side in (0, 1) for a in self.free(side)]
        return [*(layouts[0][a] for a in self.batch[0]), *free]


def product_of(op: ir.Operation) -> Product | None:
    """A product whose precision is the default one, or what its algorithm says that composites do by default."""
    if "HIGH" in str(op.attributes.get("precision_config", "")):
        return None
    if "algorithm" in op.attributes and not _is_default(op, stablehlo.DotAlgorithm(op.attributes["algorithm"])):
        return None
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    return Product(
        (op.operands[0], op.operands[1]),
        (list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)),
        (list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)),
    )


def _is_default(op: ir.Operation, algorithm: stablehlo.DotAlgorithm) -> bool:
    """Whether products of the operands as they are are summed in float32."""
    types = [hlo.element_type(x) for x in op.operands]
    return (
        [algorithm.lhs_precision_type, algorithm.rhs_precision_type] == types
        and dtypes.to_numpy(algorithm.accumulation_type) == np.float32
        and algorithm.num_primitive_operations == 1
        and not algorithm.allow_imprecise_accumulation
    )


def mask_layout(view: View, layout: Layout) -> Layout:
    """The layout of what a view of scores of this layout repeats."""
    return [() if size == 1 else layout[a] for size, a in zip(shape_of(view.value), view.along, strict=True)]
