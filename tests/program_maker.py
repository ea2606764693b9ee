"""Writes random StableHLO programs as text, for tests: values of every element type, and operations on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oxide.dialects import dtypes
from oxide.dialects.constants import dense

SIGNED = ("i2", "i4", "i8", "i16", "i32", "i64")
UNSIGNED = ("ui2", "ui4", "ui8", "ui16", "ui32", "ui64")
INTEGERS = SIGNED + UNSIGNED
WIDE_FLOATS = ("f16", "bf16", "f32", "f64")
NARROW_FLOATS = (
    "f4E2M1FN",
    "f6E2M3FN",
    "f6E3M2FN",
    "f8E3M4",
    "f8E4M3",
    "f8E4M3FN",
    "f8E4M3FNUZ",
    "f8E4M3B11FNUZ",
    "f8E5M2",
    "f8E5M2FNUZ",
    "f8E8M0FNU",
)
FLOATS = (*WIDE_FLOATS, *NARROW_FLOATS)
COMPLEX = ("complex<f32>", "complex<f64>")
BOOL = ("i1",)
REAL = INTEGERS + FLOATS
ALL = REAL + BOOL + COMPLEX
SHAPES = [(), (1,), (3,), (0,), (2, 3), (2, 0), (3, 1), (2, 1, 3)]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A value of the program under construction."""

    name: str
    element: str
    shape: Shape

    @property
    def type(self) -> str:
        return type_of(self.element, self.shape)


def type_of(element: str, shape: Sequence[int]) -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def special_values(element: str) -> np.ndarray:
    """The numbers programs are made of."""
    dtype = dtypes.from_spelling(element)
    if dtype == np.bool_:
        return np.array([False, True])
    if dtypes.is_integer(dtype):
        bits = int(element.lstrip("ui"))
        low, high = (0, 2**bits - 1) if element[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return np.array([n for n in (low, -1, 0, 1, 2, 7, high) if low <= n <= high], object).astype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.array([0.0, -0.0, 1.0, -1.0, 2.5, 0.5, np.inf, -np.inf, np.nan, 1e-45, 3e4], np.float32)
        return numbers.astype(dtype)


class Maker:
    """Writes a program line by line, and makes up what its operations take."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.lines: list[str] = []
        self.values: list[Value] = []
        self.arguments: list[tuple[Value, np.ndarray]] = []
        self.results: list[Value] = []
        self._functions: list[str] = []
        self._names = 0

    def choose(self, options: Sequence):
        return options[int(self.rng.integers(len(options)))]

    def shape(self, minimum: int = 0) -> Shape:
        return self.choose([shape for shape in SHAPES if len(shape) >= minimum])

    def value(self, element: str, shape: Shape, fresh: bool = False) -> Value:
        """An earlier value of this type, an argument, or a constant."""
        known = [value for value in self.values if (value.element, value.shape) == (element, shape)]
        if known and not fresh and self.rng.random() < 0.5:
            return self.choose(known)
        if element in COMPLEX:  # neither arguments nor constants cross the bindings
            part = element[8:-1]
            parts = [self.value(part, shape) for _ in range(2)]
            return self.emit("complex", parts, element, shape)
        array = self.rng.choice(special_values(element), shape)
        if self.rng.random() < 0.5:
            return self.given(element, array)
        if self.rng.random() < 0.6:
            array = np.broadcast_to(self.rng.choice(special_values(element)), shape)
        return self.constant(array)

    def argument(self, element: str, shape: Shape) -> Value:
        if element in COMPLEX:
            return self.emit("complex", [self.argument(element[8:-1], shape) for _ in range(2)], element, shape)
        return self.given(element, self.rng.choice(special_values(element), shape))

    def finite(self, element: str, shape: Shape) -> Value:
        """An argument of small numbers, halves among floats."""
        if element in COMPLEX:
            return self.emit("complex", [self.finite(element[8:-1], shape) for _ in range(2)], element, shape)
        halves = np.asarray(self.rng.integers(0, 7, shape) - (0 if element in UNSIGNED + BOOL else 3))
        dtype = dtypes.from_spelling(element)
        return self.given(element, (halves if element in INTEGERS + BOOL else halves / 2).astype(dtype))

    def given(self, element: str, array: np.ndarray) -> Value:
        """An argument of these values."""
        value = self._define(Value(f"%arg{len(self.arguments)}", element, array.shape))
        self.arguments.append((value, array))
        return value

    def constant(self, array: np.ndarray) -> Value:
        element = dtypes.spelling(array.dtype)
        name = self._define(Value(self._fresh(), element, array.shape))
        self.lines.append(f'{name.name} = "stablehlo.constant"() {{value = {dense(array)}}} : () -> {name.type}')
        return name

    def numbers(self, *values: int, element: str = "i64") -> Value:
        return self.constant(np.array(values, dtypes.from_spelling(element)))

    def emit(
        self,
        op: str,
        operands: Sequence[Value],
        element: str,
        shape: Sequence[int],
        attributes: str = "",
        regions: str = "",
    ) -> Value:
        """An operation with one tensor as its result."""
        result = Value(self._fresh(), element, tuple(shape))
        self.write(op, [result], operands, attributes, regions)
        return result

    def write(
        self, op: str, results: Sequence[Value], operands: Sequence[Value], attributes: str = "", regions: str = ""
    ) -> None:
        for result in results:
            self._define(result)
        left = ", ".join(value.name for value in results)
        self.lines.append(
            f'{left}{" = " if left else ""}"{op if "." in op else f"stablehlo.{op}"}"'
            f"({', '.join(v.name for v in operands)}) "
            f"{f'({regions}) ' if regions else ''}{{{attributes}}} : "
            f"({', '.join(v.type for v in operands)}) -> ({', '.join(v.type for v in results)})"
        )

    def scalar_region(
        self, op: str, element: str, arguments: int = 2, result: str | None = None, extra: str = ""
    ) -> str:
        """A region that applies `op` to its first two arguments."""
        kind, out = type_of(element, ()), type_of(result or element, ())
        names = [f"%r{self._fresh()[1:]}" for _ in range(arguments)]
        taken = ", ".join(f"{name}: {kind}" for name in names)
        done = f"%r{self._fresh()[1:]}"
        return (
            f'{{ ^bb0({taken}): {done} = "stablehlo.{op}"({names[0]}, {names[1]}) {{{extra}}} '
            f": ({kind}, {kind}) -> {out}\n"
            f'"stablehlo.return"({done}) : ({out}) -> () }}'
        )

    def function(self, argument: Value, op: str) -> str:
        """The name of a new private function that applies `op` to a value like `argument`."""
        name = f"f{len(self._functions)}"
        self._functions.append(
            f"func.func private @{name}(%x: {argument.type}) -> {argument.type} {{\n"
            f'  %y = "stablehlo.{op}"(%x) : ({argument.type}) -> {argument.type}\n'
            f"  return %y : {argument.type}\n}}\n"
        )
        return name

    def _fresh(self) -> str:
        self._names += 1
        return f"%v{self._names}"

    def fresh(self, element: str, shape: Sequence[int]) -> Value:
        return Value(self._fresh(), element, tuple(shape))

    def _define(self, value: Value) -> Value:
        self.values.append(value)
        return value

    def text(self) -> str:
        inputs = self.choose([0, 1, len(self.arguments)])
        taken = ", ".join(
            f"{value.name}: {value.type}" + ("" if n < inputs else f' {{oxide.param = "w{n}"}}')
            for n, (value, _) in enumerate(self.arguments)
        )
        parts: list[Value] = []
        for value in self.results:
            if value.element in COMPLEX:
                parts += [self.emit(op, [value], value.element[8:-1], value.shape) for op in ("real", "imag")]
            else:
                parts.append(value)
        given = ", ".join(value.type for value in parts)
        body = "\n  ".join(self.lines)
        returned = f"return {', '.join(value.name for value in parts)} : {given}" if parts else "return"
        main = f"func.func @main({taken}) -> ({given}) {{\n  {body}\n  {returned}\n}}\n"
        return "".join([main, *self._functions])
