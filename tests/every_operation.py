"""Random StableHLO programs out of every operation the reference interpreter runs, at every element type.

`OPERATIONS` has a row for each operation: the element types it takes, and a function that writes it down.
`NOT_RUN` says why the others are missing.  Values include NaN, infinities, zeros of both signs, the smallest
subnormal, the largest and smallest integers, empty tensors and scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes
from oxide.dialects.constants import dense
from oxide.dialects.context import make_context, parse_module

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
            return self._argument(element, array)
        if self.rng.random() < 0.6:
            array = np.broadcast_to(self.rng.choice(special_values(element)), shape)
        return self.constant(array)

    def argument(self, element: str, shape: Shape) -> Value:
        if element in COMPLEX:
            return self.emit("complex", [self.argument(element[8:-1], shape) for _ in range(2)], element, shape)
        return self._argument(element, self.rng.choice(special_values(element), shape))

    def _argument(self, element: str, array: np.ndarray) -> Value:
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
            f'{left}{" = " if left else ""}"stablehlo.{op}"({", ".join(v.name for v in operands)}) '
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

    def _fresh(self) -> str:
        self._names += 1
        return f"%v{self._names}"

    def fresh(self, element: str, shape: Sequence[int]) -> Value:
        return Value(self._fresh(), element, tuple(shape))

    def _define(self, value: Value) -> Value:
        self.values.append(value)
        return value

    def text(self) -> str:
        taken = ", ".join(f"{value.name}: {value.type}" for value, _ in self.arguments)
        parts: list[Value] = []
        for value in self.results:
            if value.element in COMPLEX:
                parts += [self.emit(op, [value], value.element[8:-1], value.shape) for op in ("real", "imag")]
            else:
                parts.append(value)
        given = ", ".join(value.type for value in parts)
        body = "\n  ".join(self.lines)
        returned = f"return {', '.join(value.name for value in parts)} : {given}" if parts else "return"
        return f"func.func @main({taken}) -> ({given}) {{\n  {body}\n  {returned}\n}}\n"


Write = Callable[[Maker, str], Value]


@dataclass(frozen=True)
class Operation:
    """One row: which element types, and how it is written for one of them."""

    elements: tuple[str, ...]
    write: Write


def _elementwise(op: str, operands: int = 1, result: str | None = None, attributes: str = "") -> Write:
    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        values = [m.value(element, shape) for _ in range(operands)]
        return m.emit(op, values, result or element, shape, attributes)

    return write


def _rounded(op: str, operands: int = 1) -> Write:
    """A function whose last bit is the implementation's: of arguments alone, so that nobody folds it."""

    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        return m.emit(op, [m.argument(element, shape) for _ in range(operands)], element, shape)

    return write


def _division(op: str) -> Write:
    """Division of integers by zero, and of the smallest by -1, is left open."""

    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        x = m.value(element, shape)
        if element in INTEGERS:
            y = m.constant(np.full(shape, m.choose([1, 1]), dtypes.from_spelling(element)))
            if int(element.lstrip("ui")) > 4:
                y = m.constant(np.full(shape, m.choose([1, 2, 3, 7]), dtypes.from_spelling(element)))
        else:
            y = m.value(element, shape)
        return m.emit(op, [x, y], element, shape)

    return write


def _compare(m: Maker, element: str) -> Value:
    shape = m.shape()
    direction = m.choose(["EQ", "NE"] if element in COMPLEX else ["EQ", "NE", "LT", "LE", "GT", "GE"])
    kinds = ["FLOAT"] if element in COMPLEX else ["FLOAT", "TOTALORDER"] if element in FLOATS else None
    kind = f", compare_type = #stablehlo<comparison_type {m.choose(kinds)}>" if kinds else ""
    attributes = f"comparison_direction = #stablehlo<comparison_direction {direction}>{kind}"
    return m.emit("compare", [m.value(element, shape), m.value(element, shape)], "i1", shape, attributes)


def _select(m: Maker, element: str) -> Value:
    shape = m.shape()
    predicate = m.value("i1", m.choose([shape, ()]))
    return m.emit("select", [predicate, m.value(element, shape), m.value(element, shape)], element, shape)


def _clamp(m: Maker, element: str) -> Value:
    shape = m.shape()
    bounds = m.choose([shape, ()])
    low, high = m.value(element, bounds), m.value(element, bounds)
    return m.emit("clamp", [low, m.value(element, shape), high], element, shape)


def _convert(m: Maker, element: str) -> Value:
    # A float outside an integer's range is left open, so integers are made of bools and integers.
    targets = BOOL + (FLOATS + INTEGERS if element in INTEGERS + BOOL else FLOATS + COMPLEX)
    if element in COMPLEX:
        targets = COMPLEX
    shape = m.shape()
    return m.emit("convert", [m.value(element, shape)], m.choose(targets), shape)


def _bitcast(m: Maker, element: str) -> Value:
    shape = m.shape()
    x = m.value(element, shape)
    widths = {
        "8": ("i8", "ui8", "f8E5M2"),
        "16": ("i16", "ui16", "f16", "bf16"),
        "32": ("i32", "f32"),
        "64": ("i64", "f64"),
    }
    bits = dtypes.from_spelling(element).itemsize * 8
    return m.emit("bitcast_convert", [x], m.choose(widths[str(bits)]), shape)


def _iota(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    return m.emit("iota", [], element, shape, f"iota_dimension = {int(m.rng.integers(len(shape)))} : i64")


def _dynamic_iota(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    axis = int(m.rng.integers(len(shape)))
    return m.emit("dynamic_iota", [m.numbers(*shape)], element, shape, f"iota_dimension = {axis} : i64")


def _array(values: Sequence[int]) -> str:
    return f"array<i64: {', '.join(map(str, values))}>" if values else "array<i64>"


def _broadcast_in_dim(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    shape = (2, *(3 if size == 1 else size for size in x.shape))
    mapping = _array(range(1, len(shape)))
    if m.rng.random() < 0.3:
        operands = [x, m.numbers(*shape)]
        return m.emit("dynamic_broadcast_in_dim", operands, element, shape, f"broadcast_dimensions = {mapping}")
    return m.emit("broadcast_in_dim", [x], element, shape, f"broadcast_dimensions = {mapping}")


def _reshape(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    shape = m.choose([(int(np.prod(x.shape)),), (1, *x.shape), x.shape[::-1], (*x.shape, 1)])
    if m.rng.random() < 0.3:
        return m.emit("dynamic_reshape", [x, m.numbers(*shape)], element, shape)
    return m.emit("reshape", [x], element, shape)


def _transpose(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    order = m.rng.permutation(len(x.shape)).tolist()
    return m.emit("transpose", [x], element, [x.shape[i] for i in order], f"permutation = {_array(order)}")


def _reverse(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    axes = [axis for axis in range(len(x.shape)) if m.rng.random() < 0.5]
    return m.emit("reverse", [x], element, x.shape, f"dimensions = {_array(axes)}")


def _slice(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    starts = [int(m.rng.integers(size + 1)) for size in x.shape]
    limits = [int(m.rng.integers(low, size + 1)) for low, size in zip(starts, x.shape, strict=True)]
    steps = [m.choose([1, 1, 2]) for _ in x.shape]
    shape = [-(-(high - low) // step) for low, high, step in zip(starts, limits, steps, strict=True)]
    bounds = f"start_indices = {_array(starts)}, limit_indices = {_array(limits)}, strides = {_array(steps)}"
    return m.emit("slice", [x], element, shape, bounds)


def _dynamic_slice(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    starts = [m.value("i32", ()) for _ in x.shape]
    sizes = [max(0, size - 1) for size in x.shape]
    return m.emit("dynamic_slice", [x, *starts], element, sizes, f"slice_sizes = {_array(sizes)}")


def _dynamic_update_slice(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    update = m.value(element, tuple(max(0, size - 1) for size in x.shape))
    return m.emit("dynamic_update_slice", [x, update, *(m.value("i64", ()) for _ in x.shape)], element, x.shape)


def _concatenate(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    axis = int(m.rng.integers(len(shape)))
    parts = [m.value(element, shape) for _ in range(m.choose([1, 2, 3]))]
    total = [size * len(parts) if n == axis else size for n, size in enumerate(shape)]
    return m.emit("concatenate", parts, element, total, f"dimension = {axis} : i64")


def _pad(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    low, high = ([m.choose([0, 0, 1, -1]) if size > 1 else m.choose([0, 1]) for size in x.shape] for _ in range(2))
    inner = [m.choose([0, 0, 1]) for _ in x.shape]
    shape = [l + h + size + i * max(0, size - 1) for l, h, size, i in zip(low, high, x.shape, inner, strict=True)]
    padding = m.value(element, ())
    if m.rng.random() < 0.3:
        operands = [x, padding, *(m.numbers(*numbers) for numbers in (low, high, inner))]
        return m.emit("dynamic_pad", operands, element, shape)
    attributes = (
        f"edge_padding_low = {_array(low)}, edge_padding_high = {_array(high)}, interior_padding = {_array(inner)}"
    )
    return m.emit("pad", [x, padding], element, shape, attributes)


def _reducer(m: Maker, element: str) -> str:
    """An operation whose order does not matter, so that every implementation gives the same bits."""
    if element in BOOL:
        return m.choose(["and", "or"])
    return m.choose(["maximum", "minimum"] + (["add", "multiply"] if element in INTEGERS else []))


def _reduce(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    axes = [axis for axis in range(len(x.shape)) if m.rng.random() < 0.6]
    shape = [size for axis, size in enumerate(x.shape) if axis not in axes]
    region = m.scalar_region(_reducer(m, element), element)
    return m.emit("reduce", [x, m.value(element, ())], element, shape, f"dimensions = {_array(axes)}", region)


def _reduce_window(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape(1))
    window = [m.choose([1, 2]) for _ in x.shape]
    steps = [m.choose([1, 2]) for _ in x.shape]
    shape = [max(0, (size + 1 - w) // s + 1) for size, w, s in zip(x.shape, window, steps, strict=True)]
    pairs = np.array([[0, 1]] * len(shape), np.int64)
    attributes = f"window_dimensions = {_array(window)}, window_strides = {_array(steps)}, padding = {dense(pairs)}"
    region = m.scalar_region(_reducer(m, element), element)
    return m.emit("reduce_window", [x, m.value(element, ())], element, shape, attributes, region)


def _select_and_scatter(m: Maker, element: str) -> Value:
    x = m.value(element, m.choose([(4,), (2, 4)]))
    window = [1] * (len(x.shape) - 1) + [2]
    source = m.value(element, (*x.shape[:-1], 2))
    order = "comparison_direction = #stablehlo<comparison_direction GE>"
    better = m.scalar_region("compare", element, result="i1", extra=order)
    regions = f"{better}, {m.scalar_region(_reducer(m, element), element)}"
    attributes = f"window_dimensions = {_array(window)}, window_strides = {_array(window)}"
    return m.emit("select_and_scatter", [x, source, m.value(element, ())], element, x.shape, attributes, regions)


def _sort(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    x = m.value(element, shape)
    axis = int(m.rng.integers(len(shape)))
    kind = ", compare_type = #stablehlo<comparison_type TOTALORDER>" if element in FLOATS else ""
    order = f"comparison_direction = #stablehlo<comparison_direction {m.choose(['LT', 'GT'])}>{kind}"
    region = m.scalar_region("compare", element, result="i1", extra=order)
    return m.emit("sort", [x], element, shape, f"dimension = {axis} : i64, is_stable = true", region)


def _map(m: Maker, element: str) -> Value:
    shape = m.shape()
    region = m.scalar_region(_reducer(m, element), element)
    operands = [m.value(element, shape), m.value(element, shape)]
    return m.emit("map", operands, element, shape, f"dimensions = {_array(range(len(shape)))}", region)


def _dot_general(m: Maker, element: str) -> Value:
    """Sums of floats depend on their order, except of one number."""
    depth = m.choose([1, 3]) if element in INTEGERS else 1
    x, y = m.value(element, (2, 3, depth)), m.value(element, (2, depth, 1))
    numbers = (
        "dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], "
        "lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1]>"
    )
    return m.emit("dot_general", [x, y], element, (2, 3, 1), numbers)


def _convolution(m: Maker, element: str) -> Value:
    x, kernel = m.value(element, (1, 4, 1)), m.value(element, (1, 1, 1))
    attributes = (
        "dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, "
        "feature_group_count = 1 : i64, batch_group_count = 1 : i64"
    )
    if m.rng.random() < 0.3:
        padding = m.constant(np.zeros((1, 2), np.int64))
        return m.emit("dynamic_conv", [x, kernel, padding], element, (1, 4, 1), attributes)
    return m.emit("convolution", [x, kernel], element, (1, 4, 1), attributes)


def _gather(m: Maker, element: str) -> Value:
    x, rows = m.value(element, (3, 2)), m.value("i32", (4, 1))
    attributes = (
        "dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], "
        "start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false"
    )
    if m.rng.random() < 0.3:
        return m.emit("dynamic_gather", [x, rows, m.numbers(1, 2)], element, (4, 2), attributes)
    return m.emit("gather", [x, rows], element, (4, 2), f"{attributes}, slice_sizes = array<i64: 1, 2>")


def _scatter(m: Maker, element: str) -> Value:
    x, rows, updates = m.value(element, (3, 2)), m.value("i32", (2, 1)), m.value(element, (2, 2))
    attributes = (
        "scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], "
        "scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, "
        "indices_are_sorted = false, unique_indices = false"
    )
    region = m.scalar_region(_reducer(m, element), element)
    return m.emit("scatter", [x, rows, updates], element, (3, 2), attributes, region)


def _branches(op: str, count: int, selector: str) -> Write:
    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        options = [m.value(element, shape) for _ in range(count)]
        kind = type_of(element, shape)
        regions = ", ".join(f'{{ "stablehlo.return"({value.name}) : ({kind}) -> () }}' for value in options)
        return m.emit(op, [m.value(selector, ())], element, shape, regions=regions)

    return write


def _while(m: Maker, element: str) -> Value:
    """Some rounds of reversing a value."""
    x = m.value(element, m.shape())
    rounds, zero, one = (m.numbers(n, element="i32") for n in (m.choose([0, 1, 3]), 0, 1))
    rounds, zero, one = (m.emit("reshape", [n], "i32", ()) for n in (rounds, zero, one))
    count, carried = (m.fresh(*kind) for kind in (("i32", ()), (element, x.shape)))
    c, v, t = (f"%w{m.fresh('i1', ()).name[1:]}" for _ in range(3))
    head = f"^bb0({c}: tensor<i32>, {v}: {x.type}):"
    condition = (
        f'{{ {head} {t} = "stablehlo.compare"({c}, {rounds.name}) {{comparison_direction = '
        "#stablehlo<comparison_direction LT>} : (tensor<i32>, tensor<i32>) -> tensor<i1>\n"
        f'"stablehlo.return"({t}) : (tensor<i1>) -> () }}'
    )
    body = (
        f'{{ {head} {t} = "stablehlo.add"({c}, {one.name}) : (tensor<i32>, tensor<i32>) -> tensor<i32>\n'
        f'{t}r = "stablehlo.reverse"({v}) {{dimensions = {_array(range(len(x.shape)))}}} : ({x.type}) -> {x.type}\n'
        f'"stablehlo.return"({t}, {t}r) : (tensor<i32>, {x.type}) -> () }}'
    )
    m.write("while", [count, carried], [zero, x], regions=f"{condition}, {body}")
    return carried


def _size(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape(1))
    axis = int(m.rng.integers(len(x.shape)))
    return m.emit("get_dimension_size", [x], "i32", (), f"dimension = {axis} : i64")


def _parts(op: str) -> Write:
    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        return m.emit(op, [m.value(element, shape)], element[8:-1], shape)

    return write


def _magnitude(m: Maker, element: str) -> Value:
    shape = m.shape()
    return m.emit("abs", [m.argument(element, shape)], element[8:-1], shape)


def _complex(m: Maker, element: str) -> Value:
    return m.value(element, m.shape(), fresh=True)


def _constant(m: Maker, element: str) -> Value:
    return m.constant(m.rng.choice(special_values(element), m.shape()))


def _reduce_precision(m: Maker, element: str) -> Value:
    shape = m.shape()
    attributes = f"exponent_bits = {m.choose([4, 5, 8])} : i32, mantissa_bits = {m.choose([3, 7, 10])} : i32"
    return m.emit("reduce_precision", [m.value(element, shape)], element, shape, attributes)


_EXACT = ("ceil", "floor", "round_nearest_afz", "round_nearest_even", "sqrt")
_ROUNDED = (
    "cosine",
    "exponential",
    "exponential_minus_one",
    "log",
    "log_plus_one",
    "logistic",
    "rsqrt",
    "sine",
    "tan",
    "tanh",
)

# The names are StableHLO's; a name may stand in several rows with `/` and what tells them apart behind it.
OPERATIONS: dict[str, Operation] = {
    **{name: Operation(FLOATS, _elementwise(name)) for name in _EXACT},
    **{name: Operation(FLOATS, _rounded(name)) for name in [*_ROUNDED, "cbrt"]},
    **{f"{name}/complex": Operation(COMPLEX, _rounded(name)) for name in [*_ROUNDED, "sqrt"]},
    **{name: Operation(FLOATS, _rounded(name, 2)) for name in ("atan2", "power")},
    **{name: Operation(ALL, _elementwise(name, 2)) for name in ("add", "multiply")},
    **{name: Operation(REAL + COMPLEX, _elementwise(name, 2)) for name in ("subtract",)},
    **{name: Operation(REAL + BOOL, _elementwise(name, 2)) for name in ("maximum", "minimum")},
    **{name: Operation(INTEGERS + BOOL, _elementwise(name, 2)) for name in ("and", "or", "xor")},
    **{name: Operation(INTEGERS, _elementwise(name)) for name in ("popcnt", "count_leading_zeros")},
    **{
        name: Operation(INTEGERS, _elementwise(name, 2))
        for name in ("shift_left", "shift_right_arithmetic", "shift_right_logical")
    },
    **{name: Operation(REAL, _division(name)) for name in ("divide", "remainder")},
    **{name: Operation(SIGNED + FLOATS, _elementwise(name)) for name in ("abs", "sign")},
    **{name: Operation(COMPLEX, _parts(name)) for name in ("real", "imag")},
    "abs/complex": Operation(COMPLEX, _magnitude),
    "sign/complex": Operation(COMPLEX, _rounded("sign")),
    "negate": Operation(REAL + COMPLEX, _elementwise("negate")),
    "not": Operation(INTEGERS + BOOL, _elementwise("not")),
    "is_finite": Operation(FLOATS, _elementwise("is_finite", result="i1")),
    "reduce_precision": Operation(WIDE_FLOATS, _reduce_precision),
    "compare": Operation(ALL, _compare),
    "select": Operation(ALL, _select),
    "clamp": Operation(REAL, _clamp),
    "convert": Operation(ALL, _convert),
    "bitcast_convert": Operation(("i8", "ui8", "i16", "f16", "bf16", "i32", "f32", "i64", "f64"), _bitcast),
    "complex": Operation(COMPLEX, _complex),
    "constant": Operation(REAL + BOOL, _constant),
    "iota": Operation(REAL + COMPLEX, _iota),
    "dynamic_iota": Operation(REAL, _dynamic_iota),
    "broadcast_in_dim": Operation(ALL, _broadcast_in_dim),
    "reshape": Operation(ALL, _reshape),
    "transpose": Operation(ALL, _transpose),
    "reverse": Operation(ALL, _reverse),
    "slice": Operation(ALL, _slice),
    "dynamic_slice": Operation(ALL, _dynamic_slice),
    "dynamic_update_slice": Operation(ALL, _dynamic_update_slice),
    "concatenate": Operation(ALL, _concatenate),
    "pad": Operation(ALL, _pad),
    "reduce": Operation(REAL + BOOL, _reduce),
    "reduce_window": Operation(REAL + BOOL, _reduce_window),
    "select_and_scatter": Operation(REAL, _select_and_scatter),
    "sort": Operation(REAL, _sort),
    "map": Operation(REAL + BOOL, _map),
    "dot_general": Operation(REAL, _dot_general),
    "convolution": Operation(REAL, _convolution),
    "gather": Operation(ALL, _gather),
    "scatter": Operation(REAL + BOOL, _scatter),
    "if": Operation(ALL, _branches("if", 2, "i1")),
    "case": Operation(ALL, _branches("case", 3, "i32")),
    "while": Operation(ALL, _while),
    "get_dimension_size": Operation(ALL, _size),
    "optimization_barrier": Operation(ALL, _elementwise("optimization_barrier")),
}

# Written by the functions of other operations.
_WRITTEN_WITH = {
    "dynamic_broadcast_in_dim",
    "dynamic_reshape",
    "dynamic_pad",
    "dynamic_conv",
    "dynamic_gather",
    "return",
}

NOT_RUN = {
    **dict.fromkeys(
        [
            "all_gather",
            "all_reduce",
            "all_to_all",
            "async_done",
            "async_start",
            "collective_broadcast",
            "collective_permute",
            "cross-replica-sum",
            "infeed",
            "outfeed",
            "partition_id",
            "recv",
            "reduce_scatter",
            "replica_id",
            "send",
        ],
        "needs several devices or a host",
    ),
    **dict.fromkeys(
        [
            "batch_norm_grad",
            "batch_norm_inference",
            "batch_norm_training",
            "broadcast",
            "cholesky",
            "dot",
            "einsum",
            "fft",
            "real_dynamic_slice",
            "rng",
            "rng_bit_generator",
            "torch_index_select",
            "triangular_solve",
            "unary_einsum",
        ],
        "the interpreter does not run it",
    ),
    **dict.fromkeys(["uniform_dequantize", "uniform_quantize"], "quantised types do not cross the bindings"),
    **dict.fromkeys(
        [
            "after_all",
            "create_token",
            "custom_call",
            "composite",
            "get_tuple_element",
            "set_dimension_size",
            "tuple",
        ],
        "its results are no plain tensors, or it names a function: tests of their own",
    ),
}


def covered() -> set[str]:
    return {name.partition("/")[0] for name in OPERATIONS} | _WRITTEN_WITH


def program(seed: int, operations: Sequence[tuple[str, str]]) -> tuple[ir.Module, list[np.ndarray]]:
    """A module that does these operations, given as (row, element type), and arguments for its `@main`."""
    with make_context() as context, ir.Location.unknown():
        maker = Maker(seed)
        for name, element in operations:
            maker.results.append(OPERATIONS[name].write(maker, element))
        return parse_module(maker.text(), context), [array for _, array in maker.arguments]
