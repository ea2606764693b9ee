"""The prims that PyTorch's decompositions end in: elementwise operators on operands of one dtype, parts of tensors.

Prims of shapes are with the views, those of reductions with the reductions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo, special
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.ops import bits, elementwise
from oxide.frontends.torch.ops.complex import CONJUGATE, is_complex
from oxide.frontends.torch.ops.elementwise import wide
from oxide.frontends.torch.ops.special import hypot
from oxide.frontends.torch.registry import SAME, Kind, Node, View, lowering, view
from oxide.frontends.torch.registry import elementwise as register
from oxide.frontends.torch.schemas import find_overload, schema_of

Value = ir.Value

# Those that do what ATen's operator of the same name does.
# fmt: off
_SHARED = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_not",
    "bitwise_or", "bitwise_xor", "ceil", "cos", "cosh", "eq", "erf", "erfc", "exp", "exp2", "expm1", "floor",
    "fmax", "fmin", "fmod", "ge", "gt", "isfinite", "le", "lgamma", "log", "log10", "log1p", "log2", "lt",
    "maximum", "minimum", "mul", "ne", "neg", "reciprocal", "remainder", "round", "rsqrt", "sign", "signbit",
    "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
]
# fmt: on


def _conjugated(x: Value) -> Value:
    return hlo.conj(x) if is_complex(x) else x


_OWN: dict[str, Callable[..., Value]] = {
    "add": hlo.add,
    "bessel_i0": wide(partial(special.modified_i, 0)),
    "bessel_i0e": wide(partial(special.scaled_modified_i, 0)),
    "bessel_i1": wide(partial(special.modified_i, 1)),
    "bessel_i1e": wide(partial(special.scaled_modified_i, 1)),
    "bessel_j0": wide(partial(special.j, 0)),
    "bessel_j1": wide(partial(special.j, 1)),
    "cbrt": hlo.cbrt,
    "conj_physical": _conjugated,
    "digamma": wide(special.digamma),
    "div": hlo.divide,
    "erf_inv": hlo.erf_inv,
    "erfcx": wide(special.erfcx),
    "gcd": bits.gcd,
    "hypot": wide(hypot),
    "igamma": wide(special.igamma),
    "igammac": wide(special.igammac),
    "ndtri": wide(special.ndtri),
    "nextafter": bits.next_after,
    "pow": elementwise.power,
    "shift_left": bits.shift_left,
    "shift_right_arithmetic": bits.shift_right,
    "spherical_bessel_j0": wide(special.spherical_j0),
    "sub": hlo.subtract,
    "zeta": wide(special.zeta),
}


def _register(name: str, kind: Kind, function: Callable[..., Value]) -> None:
    op = find_overload(f"prims.{name}.default")
    assert op is not None, name
    register(f"prims.{name}.default", function, kind, schema_of(op).names)


_BY_NAME = {
    name: (kind, function)
    for table in (elementwise.UNARY, elementwise.BINARY)
    for kind, rows in table.items()
    for name, function in rows.items()
}
for _name in _SHARED:
    _register(_name, *_BY_NAME[_name])
for _name, _function in _OWN.items():
    _register(_name, Kind.DEFAULT, _function)


@lowering("prims.where.default")
def where(node: Node, pred: Value, a: Value, b: Value) -> Value:
    return hlo.select(pred, a, b)


@lowering("prims.fill.default")
def fill(node: Node, self: Value, value: Any) -> Value:
    return hlo.full_like(self, value)


@lowering("prims.clone.default")
def clone(node: Node, self: Value, memory_format: Any = None) -> Value:
    return self


@lowering("prims.device_put.default")
def device_put(node: Node, a: Value, device: Any, non_blocking: bool = False) -> Value:
    """Where tensors lie is the executable's business."""
    return a


@lowering("prims.scalar_tensor.default")
def scalar_tensor(node: Node, s: Any, dtype: torch.dtype | None = None, device: Any = None) -> Value:
    return node.cast(s, node.dtype) if isinstance(s, ir.Value) else hlo.constant(s, node.dtype)


@lowering("prims.iota.default")
def iota(
    node: Node, length: Any, start: Any, step: Any, dtype: torch.dtype, device: Any, requires_grad: bool
) -> Value:
    """start, start + step, ... of an integer dtype."""
    counts = hlo.iota([length], 0, to_numpy(dtype))
    scaled = counts if step == 1 else hlo.multiply(counts, step)
    return scaled if start == 0 else hlo.add(scaled, start)


@lowering("prims.empty_permuted.default")
def empty_permuted(
    node: Node, shape: Any, physical_layout: Any, dtype: torch.dtype, device: Any, requires_grad: bool
) -> Value:
    return hlo.full(shape, 0, to_numpy(dtype))


@view("prims.view_of.default")
def view_of(node: Node, a: Value) -> View:
    return SAME


@view("prims.conj.default")
def conj(node: Node, a: Value) -> View:
    return CONJUGATE if dtypes.is_complex(hlo.dtype(a)) else SAME


@view("prims.real.default", "prims.imag.default")
def part(node: Node, self: Value) -> View:
    if "imag" in node.op:
        return View(hlo.imag, lambda base, changed: hlo.complex(hlo.real(base), changed))
    return View(hlo.real, lambda base, changed: hlo.complex(changed, hlo.imag(base)))
