"""Batch norm with given statistics: the factors of one affine map per feature."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.passes.canonicalize.matching import shape_of
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.views import View, parameter, shortest


def _batch_norm(op: ir.Operation) -> Raised | None:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias -> batch_norm(x, scale, bias, mean, variance)

    The factors may be applied one after the other or combined beforehand, and x * factor + (bias - mean * factor)
    is the same map.  A scale that is missing is 1.
    """
    if not dtypes.is_float(hlo.dtype(op.results[0])) or hlo.dtype(op.results[0]).itemsize < 4:
        return None
    for this, other in _pairs(View.whole(op.results[0]), "stablehlo.add"):
        found = _with_offset(this, other)
        if found is not None:
            return found
    return None


@dataclass(frozen=True)
class _Factor:
    """A factor of a product, or what it is divided by."""

    view: View
    inverse: bool = False


@dataclass(frozen=True)
class _Deviation:
    """1 / sqrt(variance + epsilon), and the other factors of a product."""

    variance: View
    epsilon: float
    others: list[View]


def _with_offset(product: View, offset: View) -> Raised | None:
    shape = shape_of(product.value)
    deviation = _deviation(product)
    if deviation is None or len(deviation.others) not in (1, 2):
        return None
    others = [*deviation.others, None][:2]
    for inner, scale in (others, reversed(others)):
        if inner is None:
            continue
        centred = inner.operands("stablehlo.subtract")
        if centred is not None and scale is not None and _is_whole(centred[0], shape):
            return _raised(centred[0], scale, offset, centred[1], deviation)
        moved = offset.operands("stablehlo.subtract")
        if moved is None or not _is_whole(inner, shape):
            continue
        for mean, factor in _pairs(moved[1], "stablehlo.multiply"):
            if _same_factor(factor, scale, deviation):
                return _raised(inner, scale, moved[0], mean, deviation)
    return None


def _same_factor(factor: View, scale: View | None, deviation: _Deviation) -> bool:
    """scale / sqrt(variance + epsilon) of the same values."""
    found = _deviation(factor)
    wanted = [deviation.variance] if scale is None else [deviation.variance, scale]
    if found is None or len(found.others) + 1 != len(wanted) or found.epsilon != deviation.epsilon:
        return False
    pairs = zip([found.variance, *found.others], wanted, strict=True)
    return all(a.source().value == b.source().value for a, b in pairs)


def _factors(view: View, depth: int = 4) -> Iterator[_Factor]:
    """What is multiplied and divided by, through broadcasts."""
    if depth and (parts := view.operands("stablehlo.multiply")) is not None:
        for part in parts:
            yield from _factors(part, depth - 1)
    elif depth and (parts := view.operands("stablehlo.divide")) is not None:
        if parts[0].number() != 1:
            yield from _factors(parts[0], depth - 1)
        yield _Factor(parts[1], inverse=True)
    else:
        yield _Factor(view)


def _deviation(product: View) -> _Deviation | None:
    factors = list(_factors(product))
    for index, factor in enumerate(factors):
        under = factor.view.operands("stablehlo.sqrt" if factor.inverse else "stablehlo.rsqrt")
        terms = None if under is None else under[0].operands("stablehlo.add")
        epsilon = None if terms is None else terms[1].number()
        others = factors[:index] + factors[index + 1 :]
        if terms is None or epsilon is None or any(other.inverse for other in others):
            continue
        if 0 <= float(epsilon) < math.inf:
            return _Deviation(terms[0], shortest(epsilon), [other.view for other in others])
    return None


def _pairs(view: View, name: str) -> Iterator[tuple[View, View]]:
    parts = view.operands(name)
    if parts is not None:
        yield parts[0], parts[1]
        yield parts[1], parts[0]


def _is_whole(view: View, shape: list[int]) -> bool:
    """True of what is normalised: it is not broadcast, as parameters are."""
    return shape_of(view.value) == shape and view.along == tuple(range(len(shape)))


def _raised(x: View, scale: View | None, bias: View, mean: View, deviation: _Deviation) -> Raised | None:
    views = [view.source() for view in (bias, mean, deviation.variance, *([] if scale is None else [scale]))]
    axes = {view.lies_along() for view in views}
    shape = shape_of(x.value)
    if len(axes) != 1 or len(axis := axes.pop()) != 1 or len(shape) < 2:
        return None
    parameters = [parameter(view, axis) for view in views]

    def operands() -> list[ir.Value]:
        bias, mean, variance, *scales = (p.build(x.value) for p in parameters if p is not None)
        return [x.value, *(scales or [hlo.full([shape[axis[0]]], 1, hlo.dtype(bias))]), bias, mean, variance]

    return Raised(
        "batch_norm",
        [x.value, *(view.value for view in views)],
        {"axis": axis[0], "epsilon": deviation.epsilon},
        operands,
    )


PATTERNS = [rule("raise-batch-norm", ["stablehlo.add"], _batch_norm)]
