"""Constants as Python: numbers where those keep the dtype, short arrays in place, long ones with the weights."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, cast

import numpy as np

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.terms import Constant, TensorType

if TYPE_CHECKING:
    from oxide.backends.jax_source.values import Values

# Arrays with more elements are stored beside the weights.
LONGEST_LITERAL = 32
# What safetensors stores under numpy; other dtypes are stored in a form that converts back exactly.
_STORED = frozenset(["i1", "i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64", "f16", "f32", "f64"])


def scalar(value: np.generic, type_: TensorType) -> ast.expr | None:
    """A Python number that takes the dtype of the array it meets, or None when none can stand for `value`."""
    if type_.element == "i1":
        return syntax.literal(bool(value))
    if type_.is_integer:
        number = int(value)
        # JAX reads a bare number as int32 (int64 is not always enabled), whatever it meets.
        return syntax.literal(number) if -(2**31) <= number < 2**31 else None
    if type_.is_complex:
        number = complex(value)
        real_only = number.imag == 0 and not np.signbit(number.imag)
        return syntax.literal(shortest(value.real, number.real) if real_only else number)
    return syntax.literal(shortest(value, float(value)))


def shortest(value: np.generic, exact: float) -> float:
    """The shortest decimal that rounds to `value`, so that float32 0.1 reads 0.1."""
    if not np.isfinite(exact):
        return exact
    short = float(str(value)) if value.dtype.kind == "f" else exact
    return short if value.dtype.type(short) == value else exact


def is_large(term: Constant) -> bool:
    return term.splat is None and term.value.size > LONGEST_LITERAL and _progression(term) is None


def array_expression(e: Values, term: Constant, stored_at: ast.expr | None = None, stored_as: str = "") -> ast.expr:
    """A constant as an array of exactly its type; a large one is stored as `stored_as`, read at `stored_at`."""
    type_ = term.type
    if stored_at is not None:
        return _stored(e, term, stored_at, stored_as)
    dtype = e.dtype(type_.element)
    shape = syntax.literal(type_.shape)
    if 0 in type_.shape:
        return syntax.call("jnp.zeros", shape, dtype)
    splat = term.splat
    if splat is not None:
        number = _number(splat, type_)
        if type_.rank == 0:
            return syntax.call(dtype, number)
        if isinstance(number, ast.Constant) and number.value in (0, 1):
            return syntax.call("jnp.ones" if number.value else "jnp.zeros", shape, dtype)
        return syntax.call("jnp.full", shape, number, dtype)
    steps = _progression(term)
    if steps is not None:
        return syntax.call("jnp.arange", *map(syntax.literal, steps), dtype=dtype)
    return syntax.call("jnp.array", _nested(term.value, type_), dtype)


def _number(value: np.generic, type_: TensorType) -> ast.expr:
    if type_.is_integer:
        return syntax.literal(int(value))
    number = scalar(value, type_)
    assert number is not None
    return number


def _nested(value: np.ndarray, type_: TensorType) -> ast.expr:
    if value.ndim == 0:
        return _number(cast(np.generic, value[()]), type_)
    return syntax.list_(_nested(part, type_) for part in value)


def _progression(term: Constant) -> tuple[int, ...] | None:
    """Arguments of jnp.arange that give the constant, or None."""
    value = term.value
    if value.ndim != 1 or value.size < 4 or term.type.element not in ("i32", "i64"):
        return None
    first, step = int(value[0]), int(value[1]) - int(value[0])
    if step == 0 or not np.array_equal(value, np.arange(value.size, dtype=np.int64) * step + first):
        return None
    stop = first + step * value.size
    if not -(2**31) <= stop < 2**31:
        return None
    return (stop,) if (first, step) == (0, 1) else (first, stop) if step == 1 else (first, stop, step)


def _stored(e: Values, term: Constant, at: ast.expr, name: str) -> ast.expr:
    element, value = term.type.element, np.ascontiguousarray(term.value)
    if element in _STORED:
        e.constants[name] = value
        return at
    if term.type.is_complex:
        # As [..., 2] real and imaginary parts.
        part = np.float32 if element == "complex<f32>" else np.float64
        e.constants[name] = value.view(part).reshape(*value.shape, 2)
        parts = (syntax.index(at, ast.Constant(...), syntax.literal(i)) for i in range(2))
        return syntax.call("lax.complex", *parts)
    if term.type.is_integer or value.dtype.itemsize * 8 != _bits(element):
        e.constants[name] = value.astype(
            np.int8 if element[0] == "i" else np.uint8 if element[0] == "u" else np.float32
        )
        return syntax.method(at, "astype", e.dtype(element))
    e.constants[name] = value.view(np.dtype(f"uint{_bits(element)}"))
    return syntax.call("lax.bitcast_convert_type", at, e.dtype(element))


def _bits(element: str) -> int:
    return 4 if element.startswith("f4") else 16 if element == "bf16" else 8
