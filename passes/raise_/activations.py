"""Activations: gelu, silu, mish and hard swish, in every spelling that is the same polynomial.

Each is a polynomial of x and of one kernel, an operation such as erf whose operand is again a polynomial of x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import ml_dtypes
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import keyword
from oxide.dialects.composites.registry import AttributeValue
from oxide.passes.canonicalize.matching import Declined, number, producer
from oxide.passes.raise_.matching import Raised, rule
from oxide.passes.raise_.polynomial import ARITHMETIC, Expansion, Polynomial, agrees, is_step, through_rounding
from oxide.passes.raise_.views import narrowed, same, widened

# Numbers of the atoms: x, then the kernel.
_X, _KERNEL = 0, 1
# How far the kernel is looked for above the last multiplication, and x above the kernel.
_REACH = 5

# Answers the operand of the kernel, or None when an operation is not it.
Kernel = Callable[[ir.Operation], "ir.Value | None"]


def _operand(name: str) -> Kernel:
    return lambda op: op.operands[0] if op.name == name else None


def _clamped(low: float, high: float) -> Kernel:
    def kernel(op: ir.Operation) -> ir.Value | None:
        if op.name != "stablehlo.clamp" or (number(op.operands[0]), number(op.operands[2])) != (low, high):
            return None
        return op.operands[1]

    return kernel


def _softplus_tanh(op: ir.Operation) -> ir.Value | None:
    return _softplus(narrowed(op.operands[0])) if op.name == "stablehlo.tanh" else None


def _softplus(value: ir.Value) -> ir.Value | None:
    """x of log(1 + e^x): as log_plus_one(exp x), x itself from a threshold on, or max(x, 0) + log(1 + e^-|x|)."""
    if (x := _through(value, "log_plus_one", "exponential")) is not None:
        return x
    chosen = producer(value, "stablehlo.select")
    if chosen is not None:
        compared = producer(chosen.operands[0], "stablehlo.compare")
        return None if compared is None else _softplus_by_case(compared, chosen.operands[1], chosen.operands[2])
    total = producer(value, "stablehlo.add")
    for high, rest in () if total is None else (tuple(total.operands), tuple(reversed(list(total.operands)))):
        most = producer(high, "stablehlo.maximum")
        if most is not None and number(most.operands[1]) == 0:
            x = most.operands[0]
            return x if same(_through(rest, "log_plus_one", "exponential", "negate", "abs"), x) else None
    return None


def _softplus_by_case(compared: ir.Operation, on_true: ir.Value, on_false: ir.Value) -> ir.Value | None:
    """select(x > t, x, log(1 + e^x)) where the tanh of both is 1, and select(x is NaN, x + 0, ...)."""
    value, bound = compared.operands
    direction = keyword(compared, "comparison_direction")
    x = _softplus(on_false)
    # What is compared may be half precision that has not been widened.
    if x is None or widened(value) != widened(x):
        return None
    if direction == "NE" and bound == value:
        plus = producer(on_true, "stablehlo.add")
        moved = plus is not None and plus.operands[0] == x and number(plus.operands[1]) == 0
        return x if on_true == x or moved else None
    limit = number(bound)
    # 1 - tanh(t) is below 2 e^-2t, and the floats below 1 are half an epsilon apart.
    far = limit is not None and 2 * math.exp(-2 * float(limit)) < ml_dtypes.finfo(hlo.dtype(x)).eps / 4
    return x if direction in ("GT", "GE") and on_true == x and far else None


def _through(value: ir.Value, *names: str) -> ir.Value | None:
    """The operand at the end of a chain of operations of one operand."""
    for name in names:
        op = producer(value, f"stablehlo.{name}")
        if op is None:
            return None
        value = op.operands[0]
    return value


def _reciprocal_sigmoid(op: ir.Operation) -> ir.Value | None:
    """w of the denominator 1 + e^w."""
    if op.name != "stablehlo.add":
        return None
    expansion = Expansion([])
    terms = expansion.of(op.results[0])
    if terms != {(): 1.0, (0,): 1.0}:
        return None
    return _through(expansion.atoms[0][0], "exponential")


@dataclass(frozen=True)
class _Spelling:
    """`outer` is the activation as a polynomial of x and the kernel, `inner` the kernel's operand as one of x.

    With `inverse` the kernel is divided by.
    """

    composite: str
    kernel: Kernel
    outer: Polynomial
    inner: Polynomial
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    inverse: bool = False


_C = math.sqrt(2 / math.pi)
_CUBIC: Polynomial = {(0,): _C, (0, 0, 0): 0.044715 * _C}
_HALVES: Polynomial = {(_X,): 0.5, (_X, _KERNEL): 0.5}
_TIMES: Polynomial = {(_X, _KERNEL): 1.0}
_IDENTITY: Polynomial = {(0,): 1.0}
_NEGATED: Polynomial = {(0,): -1.0}
_ERF: dict[str, AttributeValue] = {"approximate": "none"}
_TANH: dict[str, AttributeValue] = {"approximate": "tanh"}

_SPELLINGS = (
    _Spelling("gelu", _operand("chlo.erf"), _HALVES, {(0,): math.sqrt(0.5)}, _ERF),
    _Spelling("gelu", _operand("chlo.erfc"), {(_X, _KERNEL): 0.5}, {(0,): -math.sqrt(0.5)}, _ERF),
    _Spelling("gelu", _operand("stablehlo.tanh"), _HALVES, _CUBIC, _TANH),
    _Spelling("gelu", _operand("stablehlo.logistic"), _TIMES, {k: 2 * v for k, v in _CUBIC.items()}, _TANH),
    _Spelling("silu", _operand("stablehlo.logistic"), _TIMES, _IDENTITY),
    _Spelling("silu", _reciprocal_sigmoid, _TIMES, _NEGATED, inverse=True),
    _Spelling("mish", _softplus_tanh, _TIMES, _IDENTITY),
    _Spelling("hard_swish", _clamped(0, 6), {(_X, _KERNEL): 1 / 6}, {(): 3.0, (0,): 1.0}),
    _Spelling("hard_swish", _clamped(0, 1), _TIMES, {(): 0.5, (0,): 1 / 6}),
)


def _activation(op: ir.Operation, spellings: tuple[_Spelling, ...]) -> Raised | Declined | None:
    if op.name == "stablehlo.convert" and not _is_rounded_step(op):
        return None
    near: str | None = None
    for kernel in _near(op.results[0]):
        for spelling in spellings:
            operand = spelling.kernel(kernel)
            if operand is None:
                continue
            for x in _near_values(operand):
                inner = Expansion([x])
                if x.type != op.results[0].type or not agrees(inner.of(operand), spelling.inner, inner.epsilon):
                    continue
                if _outer(op.results[0], x, kernel, spelling):
                    return Raised(spelling.composite, [x], spelling.attributes)
            near = near or _near_miss(op.results[0], operand, kernel, spelling)
    return None if near is None else Declined(near)


def _is_rounded_step(op: ir.Operation) -> bool:
    """True of what rounds one step in float32 to half precision."""
    wide = narrowed(op.results[0])
    return wide != op.results[0] and not isinstance(wide.owner, ir.Block) and is_step(wide.owner.operation)


def _outer(root: ir.Value, x: ir.Value, kernel: ir.Operation, spelling: _Spelling) -> bool:
    expansion = Expansion([x, kernel.results[0]])
    found = expansion.of(root)
    if not spelling.inverse:
        return agrees(found, spelling.outer, expansion.epsilon)
    inverse = (kernel.results[0], True)
    if inverse not in expansion.atoms:
        return False
    number_of = expansion.atoms.index(inverse)
    renamed = {tuple(sorted(_KERNEL if a == number_of else a for a in key)): c for key, c in found.items()}
    return _KERNEL not in {a for key in found for a in key} and agrees(renamed, spelling.outer, expansion.epsilon)


def _near_miss(root: ir.Value, operand: ir.Value, kernel: ir.Operation, spelling: _Spelling) -> str | None:
    """What differs when all but the constants of the kernel's operand are an activation's."""
    for x in _near_values(operand):
        found = Expansion([x]).of(operand)
        if found.keys() == spelling.inner.keys() and _outer(root, x, kernel, spelling):
            have = ", ".join(f"{c:.9g}" for c in found.values())
            wanted = ", ".join(f"{c:.9g}" for c in spelling.inner.values())
            name = "exponential" if spelling.inverse else kernel.name.split(".")[1]
            return f"the coefficients under its {name} are {have}, {spelling.composite} has {wanted}"
    return None


def _near(value: ir.Value) -> Iterator[ir.Operation]:
    """The operations a value is made from, through arithmetic only, the nearest first."""
    level, seen = [value], {value}
    for _ in range(_REACH):
        above = []
        for item in level:
            if isinstance(item.owner, ir.Block):
                continue
            op = item.owner.operation
            yield op
            if (other := through_rounding(item)) != item:
                above.append(other)
            elif op.name in ARITHMETIC:
                above += [v for v in op.operands if v not in seen]
                seen.update(op.operands)
        level = above


def _near_values(value: ir.Value) -> list[ir.Value]:
    """A value and those it is made from, without constants."""
    found = [value]
    for op in _near(value):
        if op.name in ARITHMETIC or op.name == "stablehlo.convert":
            found += [v for v in op.operands if v not in found and producer(v, "stablehlo.constant") is None]
    return found


def _gelu(op: ir.Operation) -> Raised | Declined | None:
    """x/2 (1 + erf(x / sqrt 2)), x/2 erfc(-x / sqrt 2), x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) -> gelu(x)"""
    return _activation(op, _of("gelu"))


def _silu(op: ir.Operation) -> Raised | Declined | None:
    """x logistic(x), x / (1 + e^-x) -> silu(x)"""
    return _activation(op, _of("silu"))


def _mish(op: ir.Operation) -> Raised | Declined | None:
    """x tanh(log(1 + e^x)) -> mish(x)"""
    return _activation(op, _of("mish"))


def _hard_swish(op: ir.Operation) -> Raised | Declined | None:
    """x clamp(0, x + 3, 6) / 6, x clamp(0, x / 6 + 1/2, 1) -> hard_swish(x)"""
    return _activation(op, _of("hard_swish"))


def _of(composite: str) -> tuple[_Spelling, ...]:
    return tuple(spelling for spelling in _SPELLINGS if spelling.composite == composite)


_ROOTS = ["stablehlo.multiply", "stablehlo.divide", "stablehlo.convert"]
PATTERNS = [
    rule("raise-gelu", [*_ROOTS, "stablehlo.add"], _gelu),
    rule("raise-silu", _ROOTS, _silu),
    rule("raise-mish", _ROOTS, _mish),
    rule("raise-hard-swish", _ROOTS, _hard_swish),
]
