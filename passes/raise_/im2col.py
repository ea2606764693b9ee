"""Products of patches: a tensor's windows, laid out as the rows of a matrix, times a kernel are a convolution."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import hlo
from oxide.passes.canonicalize.matching import producer, shape_of
from oxide.passes.raise_.matching import Rebuilt, rule
from oxide.passes.raise_.patches import Patches, patches
from oxide.passes.raise_.views import Parameter, View, parameter

# The dimensions of a convolution's operand that are no spatial ones; these are called a, b, c, ...
_BATCH, _FEATURES = "N", "C"


@dataclass(frozen=True)
class _Steps:
    """The positions first, first + step, ... along an axis: `count` of them."""

    first: int
    step: int
    count: int

    @classmethod
    def of(cls, positions: np.ndarray) -> _Steps | None:
        different = np.unique(positions)
        steps = np.unique(np.diff(different))
        if len(steps) > 1:
            return None
        return cls(int(different[0]), int(steps[0]) if len(steps) else 1, len(different))

    def positions(self) -> np.ndarray:
        return self.first + self.step * np.arange(self.count)


@dataclass(frozen=True)
class _Window:
    """How windows lie in a tensor: by dimension where they start, `starts`, and what each takes, `taps`.

    `rows` and `columns` are the dimensions that the rows and columns of the matrix run through, the slowest first.
    """

    source: ir.Value
    dimensions: str
    shape: tuple[int, ...]
    starts: Mapping[str, _Steps]
    taps: Mapping[str, _Steps]
    rows: str
    columns: str
    groups: int

    @property
    def spatial(self) -> str:
        return "".join(d for d in self.dimensions if d not in (_BATCH, _FEATURES))

    def row_sizes(self) -> list[int]:
        return [self.starts[d].count for d in self.rows]

    def column_sizes(self) -> list[int]:
        return [self.taps[d].count for d in self.columns]

    def positions(self, group: int) -> np.ndarray:
        """What a matrix of these windows has to hold, as `Patches.positions`."""
        size = math.prod(self.row_sizes()), math.prod(self.column_sizes())
        rows = np.unravel_index(np.arange(size[0]), self.row_sizes())
        columns = np.unravel_index(np.arange(size[1]), self.column_sizes())
        position, inside = np.zeros(size, np.int32), np.ones(size, np.bool_)
        for dimension, extent in zip(self.dimensions, self.shape, strict=True):
            along = np.zeros(size, np.int32)
            if dimension in self.rows:
                along += self.starts[dimension].positions()[rows[self.rows.index(dimension)]][:, None]
            if dimension in self.columns:
                along += self.taps[dimension].positions()[columns[self.columns.index(dimension)]]
            if dimension == _FEATURES:
                along += group * self.taps[dimension].count
            inside &= (along >= 0) & (along < extent)
            position = position * extent + along
        return np.where(inside, position + 1, 0)

    def padding(self) -> list[tuple[int, int]]:
        """What has to be added below and above each spatial dimension, less where windows leave an end out."""
        amounts = []
        for dimension in self.spatial:
            starts, taps = self.starts[dimension], self.taps[dimension]
            extent = self.shape[self.dimensions.index(dimension)]
            high = starts.first + (starts.count - 1) * starts.step + (taps.count - 1) * taps.step + 1 - extent
            # What a further window would need anyway may stay.
            amounts.append((-starts.first, 0 if -starts.step < high < 0 else high))
        return amounts


def _window(found: Patches, positions: np.ndarray) -> _Window | None:
    """The windows of a tensor whose elements are at these positions [groups, rows, columns], if all of them are."""
    guessed = _guess(found.source, positions)
    if guessed is None or all(guessed.taps[d].count == 1 for d in guessed.spatial):
        return None
    if (math.prod(guessed.row_sizes()), math.prod(guessed.column_sizes())) != positions.shape[1:]:
        return None
    exact = all(np.array_equal(guessed.positions(g), part) for g, part in enumerate(positions))
    return guessed if exact else None


def _guess(source: ir.Value, positions: np.ndarray) -> _Window | None:
    """Windows that agree with a row and a column that have no padding."""
    shape, first = shape_of(source), positions[0]
    whole = (positions != 0).all((0, 2))
    if not shape or not whole.any() or not (first != 0).any(1).all():
        return None
    row = int(whole.argmax())
    taps = _coordinates(first[row], shape)
    taps -= taps.min(1, keepdims=True)
    column = (first != 0).argmax(1)
    starts = _coordinates(first[np.arange(len(first)), column], shape) - taps[:, column]
    apart = _coordinates(positions[-1, row], shape) != _coordinates(first[row], shape)
    features = _feature_axis(taps, starts, apart, shape)
    if features is None:
        return None
    known = [_Steps.of(s) for s in (*starts, *taps)]
    steps = [s for s in known if s is not None]
    if len(steps) < len(known):
        return None
    begins, takes = steps[: len(shape)], steps[len(shape) :]
    batch = features != 0 and takes[0].count == 1 and begins[0] == _Steps(0, 1, shape[0])
    letters = iter(string.ascii_lowercase)
    names = [
        _FEATURES if a == features else _BATCH if a == 0 and batch else next(letters) for a in range(len(shape))
    ]
    # A tensor without a batch or features has one of each.
    added = [name for name in (_BATCH, _FEATURES) if name not in names]
    one = _Steps(0, 1, 1)
    start_of = {**dict(zip(names, begins, strict=True)), **dict.fromkeys(added, one)}
    tap_of = {**dict(zip(names, takes, strict=True)), **dict.fromkeys(added, one)}
    rows = _order({d: starts[a] for a, d in enumerate(names) if d != _FEATURES}) + ("N" if "N" in added else "")
    columns = _order({d: taps[a] for a, d in enumerate(names) if d != _BATCH}) + ("C" if "C" in added else "")
    return _Window(
        source,
        "".join([*(d for d in added if d == _BATCH), *names, *(d for d in added if d == _FEATURES)]),
        tuple([1] * (_BATCH in added) + shape + [1] * (_FEATURES in added)),
        start_of,
        tap_of,
        rows,
        columns,
        len(positions),
    )


def _coordinates(positions: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return np.stack(np.unravel_index(positions - 1, shape))


def _feature_axis(taps: np.ndarray, starts: np.ndarray, apart: np.ndarray, shape: list[int]) -> int | None:
    """The axis that every window takes whole, or that each group has its part of; -1 where there is none."""
    grouped = apart.any(1)
    if grouped.any():
        candidates = np.flatnonzero(grouped)
    else:
        candidates = np.flatnonzero((taps.max(1) > 0) & (starts.max(1) == starts.min(1)))
    if len(candidates) > 1:
        return None
    if len(candidates) == 1:
        return int(candidates[0])
    return next((a for a in (1, len(shape) - 1) if a < len(shape) and shape[a] == 1), -1)


def _order(along: Mapping[str, np.ndarray]) -> str:
    """Dimensions in the order in which a matrix runs through them: the slowest changes last."""
    changes = {d: int((positions != positions[0]).argmax()) for d, positions in along.items()}
    return "".join(sorted(along, key=lambda d: -changes[d]))


@dataclass(frozen=True)
class _Product:
    """A dot_general of patches and a kernel.

    `place` is the patches' operand; by dimensions of the operands, `groups` are those of a batch in which the
    kernel differs, `rows` those of the patches that are not summed, `features` those of the kernel.
    """

    op: ir.Operation
    place: int
    kernel: Parameter
    groups: list[int]
    rows: list[int]
    columns: list[int]
    kernel_groups: list[int]
    kernel_features: list[int]
    kernel_columns: list[int]
    result: list[tuple[str, int]]

    @classmethod
    def of(cls, op: ir.Operation, place: int) -> _Product | None:
        numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
        batch = [list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)]
        contract = [list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)]
        free = [
            [a for a in range(hlo.rank(v)) if a not in (*b, *c)]
            for v, b, c in zip(op.operands, batch, contract, strict=True)
        ]
        other = op.operands[1 - place]
        differs = set(View.whole(other).source().lies_along())
        grouped = [b in differs for b in batch[1 - place]]
        kept = [a for a in range(hlo.rank(other)) if a not in batch[1 - place] or a in differs]
        kernel = parameter(View.whole(other), kept)
        if kernel is None:
            return None
        groups = [a for a, g in zip(batch[place], grouped, strict=True) if g]
        result = [("group" if g else "row", a) for a, g in zip(batch[place], grouped, strict=True)]
        for side in (0, 1):
            result += [("row" if side == place else "feature", a) for a in free[side]]
        return cls(
            op,
            place,
            kernel,
            groups,
            [a for kind, a in result if kind == "row"],
            contract[place],
            [kept.index(a) for a, g in zip(batch[1 - place], grouped, strict=True) if g],
            [kept.index(a) for a in free[1 - place]],
            [kept.index(a) for a in contract[1 - place]],
            result,
        )

    def matrix(self, array: np.ndarray) -> np.ndarray:
        """The patches as [groups, rows, columns]."""
        parts = (self.groups, self.rows, self.columns)
        sizes = [math.prod(array.shape[a] for a in part) for part in parts]
        return array.transpose([a for part in parts for a in part]).reshape(sizes)

    def build(self, window: _Window) -> ir.Value:
        x = hlo.reshape(window.source, window.shape)
        kernel = self.kernel.build(self.op.operands[1 - self.place])
        kernel = hlo.transpose(kernel, [*self.kernel_groups, *self.kernel_features, *self.kernel_columns])
        columns = window.column_sizes()
        kernel = hlo.reshape(kernel, [hlo.size(kernel) // math.prod(columns), *columns])
        standard = _BATCH + window.spatial
        before = None if self.groups else self._features_among(window, standard)
        y = hlo.convolution(
            x,
            kernel,
            strides=[window.starts[d].step for d in window.spatial],
            padding=window.padding(),
            kernel_dilation=[window.taps[d].step for d in window.spatial],
            groups=window.groups,
            layout=(
                window.dimensions,
                "O" + window.columns.replace(_FEATURES, "I"),
                standard[:before] + _FEATURES + standard[before or len(standard) :],
            ),
            result_dtype=hlo.dtype(self.op.results[0]),
        )
        convolution = producer(y, "stablehlo.convolution")
        if convolution is not None and "precision_config" in self.op.attributes:
            convolution.attributes["precision_config"] = self.op.attributes["precision_config"]
        shape = shape_of(self.op.results[0])
        if before is not None:
            return hlo.reshape(y, shape)
        # A convolution's features are those of the first group, then those of the next.
        y = hlo.transpose(y, [len(standard), *(standard.index(d) for d in window.rows)])
        made = sorted(range(len(shape)), key=lambda i: ("group", "feature", "row").index(self.result[i][0]))
        return hlo.transpose(hlo.reshape(y, [shape[i] for i in made]), np.argsort(made).tolist())

    def _features_among(self, window: _Window, standard: str) -> int | None:
        """Before which of a convolution's standard dimensions the result has its features; None where it runs
        through those in another order."""
        long = [[d for d in order if window.starts[d].count > 1] for order in (standard, window.rows)]
        kinds = [kind for kind, _ in self.result]
        before = kinds.index("feature") if "feature" in kinds else len(kinds)
        count = math.prod(shape_of(self.op.results[0])[:before])
        sizes = [window.starts[d].count for d in standard]
        places = (n for n in range(1, len(sizes) + 1) if math.prod(sizes[:n]) == count)
        return next(places, None) if long[0] == long[1] else None


def _im2col(op: ir.Operation) -> Rebuilt | None:
    """dot(the windows of x, kernel) -> convolution(x, kernel)

    The windows may be cut out in any way: which element of x lies where is computed and compared with what the
    convolution reads.  Patches that JAX makes, as products by 1 and 0, are taken for what they are.
    """
    if "algorithm" in op.attributes:
        return None
    for place in (0, 1):
        for found in patches(op.operands[place]):
            product = _Product.of(op, place)
            window = None if product is None else _window(found, product.matrix(found.positions))
            if product is not None and window is not None:
                return Rebuilt(lambda product=product, window=window: product.build(window))
    return None


PATTERNS = [rule("raise-im2col", ["stablehlo.dot_general"], _im2col)]
