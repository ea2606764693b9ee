"""How each StableHLO operation is written down, for one element type, with operands a `Maker` makes up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from program_maker import BOOL, COMPLEX, FLOATS, INTEGERS, Maker, Value, special_values, type_of

from oxide.dialects import dtypes
from oxide.dialects.constants import dense

Write = Callable[[Maker, str], Value]


def elementwise(op: str, operands: int = 1, result: str | None = None, attributes: str = "") -> Write:
    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        values = [m.value(element, shape) for _ in range(operands)]
        return m.emit(op, values, result or element, shape, attributes)

    return write


def rounded(op: str, operands: int = 1) -> Write:
    """A function whose last bit is the implementation's: of arguments alone, so that nobody folds it."""

    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        return m.emit(op, [m.argument(element, shape) for _ in range(operands)], element, shape)

    return write


def division(op: str) -> Write:
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


def compare(m: Maker, element: str) -> Value:
    shape = m.shape()
    direction = m.choose(["EQ", "NE"] if element in COMPLEX else ["EQ", "NE", "LT", "LE", "GT", "GE"])
    kinds = ["FLOAT"] if element in COMPLEX else ["FLOAT", "TOTALORDER"] if element in FLOATS else None
    kind = f", compare_type = #stablehlo<comparison_type {m.choose(kinds)}>" if kinds else ""
    attributes = f"comparison_direction = #stablehlo<comparison_direction {direction}>{kind}"
    return m.emit("compare", [m.value(element, shape), m.value(element, shape)], "i1", shape, attributes)


def select(m: Maker, element: str) -> Value:
    shape = m.shape()
    predicate = m.value("i1", m.choose([shape, ()]))
    return m.emit("select", [predicate, m.value(element, shape), m.value(element, shape)], element, shape)


def clamp(m: Maker, element: str) -> Value:
    shape = m.shape()
    bounds = m.choose([shape, ()])
    low, high = m.value(element, bounds), m.value(element, bounds)
    return m.emit("clamp", [low, m.value(element, shape), high], element, shape)


def convert(m: Maker, element: str) -> Value:
    # A float outside an integer's range is left open, so integers are made of bools and integers.
    targets = BOOL + (FLOATS + INTEGERS if element in INTEGERS + BOOL else FLOATS + COMPLEX)
    if element in COMPLEX:
        targets = COMPLEX
    shape = m.shape()
    return m.emit("convert", [m.value(element, shape)], m.choose(targets), shape)


def bitcast(m: Maker, element: str) -> Value:
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


def iota(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    return m.emit("iota", [], element, shape, f"iota_dimension = {int(m.rng.integers(len(shape)))} : i64")


def dynamic_iota(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    axis = int(m.rng.integers(len(shape)))
    return m.emit("dynamic_iota", [m.numbers(*shape)], element, shape, f"iota_dimension = {axis} : i64")


def _array(values: Sequence[int]) -> str:
    return f"array<i64: {', '.join(map(str, values))}>" if values else "array<i64>"


def broadcast_in_dim(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    shape = (2, *(3 if size == 1 else size for size in x.shape))
    mapping = _array(range(1, len(shape)))
    if m.rng.random() < 0.3:
        operands = [x, m.numbers(*shape)]
        return m.emit("dynamic_broadcast_in_dim", operands, element, shape, f"broadcast_dimensions = {mapping}")
    return m.emit("broadcast_in_dim", [x], element, shape, f"broadcast_dimensions = {mapping}")


def reshape(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    shape = m.choose([(int(np.prod(x.shape)),), (1, *x.shape), x.shape[::-1], (*x.shape, 1)])
    if m.rng.random() < 0.3:
        return m.emit("dynamic_reshape", [x, m.numbers(*shape)], element, shape)
    return m.emit("reshape", [x], element, shape)


def transpose(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    order = m.rng.permutation(len(x.shape)).tolist()
    return m.emit("transpose", [x], element, [x.shape[i] for i in order], f"permutation = {_array(order)}")


def reverse(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    axes = [axis for axis in range(len(x.shape)) if m.rng.random() < 0.5]
    return m.emit("reverse", [x], element, x.shape, f"dimensions = {_array(axes)}")


def slice_(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    starts = [int(m.rng.integers(size + 1)) for size in x.shape]
    limits = [int(m.rng.integers(low, size + 1)) for low, size in zip(starts, x.shape, strict=True)]
    steps = [m.choose([1, 1, 2]) for _ in x.shape]
    shape = [-(-(high - low) // step) for low, high, step in zip(starts, limits, steps, strict=True)]
    bounds = f"start_indices = {_array(starts)}, limit_indices = {_array(limits)}, strides = {_array(steps)}"
    return m.emit("slice", [x], element, shape, bounds)


def dynamic_slice(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    starts = [m.value("i32", ()) for _ in x.shape]
    sizes = [max(0, size - 1) for size in x.shape]
    return m.emit("dynamic_slice", [x, *starts], element, sizes, f"slice_sizes = {_array(sizes)}")


def dynamic_update_slice(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    update = m.value(element, tuple(max(0, size - 1) for size in x.shape))
    return m.emit("dynamic_update_slice", [x, update, *(m.value("i64", ()) for _ in x.shape)], element, x.shape)


def concatenate(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    axis = int(m.rng.integers(len(shape)))
    parts = [m.value(element, shape) for _ in range(m.choose([1, 2, 3]))]
    total = [size * len(parts) if n == axis else size for n, size in enumerate(shape)]
    return m.emit("concatenate", parts, element, total, f"dimension = {axis} : i64")


def pad(m: Maker, element: str) -> Value:
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


def reduce(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    axes = [axis for axis in range(len(x.shape)) if m.rng.random() < 0.6]
    shape = [size for axis, size in enumerate(x.shape) if axis not in axes]
    region = m.scalar_region(_reducer(m, element), element)
    return m.emit("reduce", [x, m.value(element, ())], element, shape, f"dimensions = {_array(axes)}", region)


def reduce_window(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape(1))
    window = [m.choose([1, 2]) for _ in x.shape]
    steps = [m.choose([1, 2]) for _ in x.shape]
    shape = [max(0, (size + 1 - w) // s + 1) for size, w, s in zip(x.shape, window, steps, strict=True)]
    pairs = np.array([[0, 1]] * len(shape), np.int64)
    attributes = f"window_dimensions = {_array(window)}, window_strides = {_array(steps)}, padding = {dense(pairs)}"
    region = m.scalar_region(_reducer(m, element), element)
    return m.emit("reduce_window", [x, m.value(element, ())], element, shape, attributes, region)


def select_and_scatter(m: Maker, element: str) -> Value:
    x = m.value(element, m.choose([(4,), (2, 4)]))
    window = [1] * (len(x.shape) - 1) + [2]
    source = m.value(element, (*x.shape[:-1], 2))
    order = "comparison_direction = #stablehlo<comparison_direction GE>"
    better = m.scalar_region("compare", element, result="i1", extra=order)
    regions = f"{better}, {m.scalar_region(_reducer(m, element), element)}"
    attributes = f"window_dimensions = {_array(window)}, window_strides = {_array(window)}"
    return m.emit("select_and_scatter", [x, source, m.value(element, ())], element, x.shape, attributes, regions)


def sort(m: Maker, element: str) -> Value:
    shape = m.shape(1)
    x = m.value(element, shape)
    axis = int(m.rng.integers(len(shape)))
    kind = ", compare_type = #stablehlo<comparison_type TOTALORDER>" if element in FLOATS else ""
    order = f"comparison_direction = #stablehlo<comparison_direction {m.choose(['LT', 'GT'])}>{kind}"
    region = m.scalar_region("compare", element, result="i1", extra=order)
    return m.emit("sort", [x], element, shape, f"dimension = {axis} : i64, is_stable = true", region)


def map_(m: Maker, element: str) -> Value:
    shape = m.shape()
    region = m.scalar_region(_reducer(m, element), element)
    operands = [m.value(element, shape), m.value(element, shape)]
    return m.emit("map", operands, element, shape, f"dimensions = {_array(range(len(shape)))}", region)


def dot_general(m: Maker, element: str) -> Value:
    """Sums of floats depend on their order, except of one number."""
    depth = m.choose([1, 3]) if element in INTEGERS else 1
    x, y = m.value(element, (2, 3, depth)), m.value(element, (2, depth, 1))
    numbers = (
        "dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], "
        "lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1]>"
    )
    return m.emit("dot_general", [x, y], element, (2, 3, 1), numbers)


def convolution(m: Maker, element: str) -> Value:
    x, kernel = m.value(element, (1, 4, 1)), m.value(element, (1, 1, 1))
    attributes = (
        "dimension_numbers = #stablehlo.conv<[b, 0, f]x[0, i, o]->[b, 0, f]>, "
        "feature_group_count = 1 : i64, batch_group_count = 1 : i64"
    )
    if m.rng.random() < 0.3:
        padding = m.constant(np.zeros((1, 2), np.int64))
        return m.emit("dynamic_conv", [x, kernel, padding], element, (1, 4, 1), attributes)
    return m.emit("convolution", [x, kernel], element, (1, 4, 1), attributes)


def gather(m: Maker, element: str) -> Value:
    x, rows = m.value(element, (3, 2)), m.value("i32", (4, 1))
    attributes = (
        "dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], "
        "start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false"
    )
    if m.rng.random() < 0.3:
        return m.emit("dynamic_gather", [x, rows, m.numbers(1, 2)], element, (4, 2), attributes)
    return m.emit("gather", [x, rows], element, (4, 2), f"{attributes}, slice_sizes = array<i64: 1, 2>")


def scatter(m: Maker, element: str) -> Value:
    x, rows, updates = m.value(element, (3, 2)), m.value("i32", (2, 1)), m.value(element, (2, 2))
    attributes = (
        "scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], "
        "scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, "
        "indices_are_sorted = false, unique_indices = false"
    )
    region = m.scalar_region(_reducer(m, element), element)
    return m.emit("scatter", [x, rows, updates], element, (3, 2), attributes, region)


def branches(op: str, count: int, selector: str) -> Write:
    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        options = [m.value(element, shape) for _ in range(count)]
        kind = type_of(element, shape)
        regions = ", ".join(f'{{ "stablehlo.return"({value.name}) : ({kind}) -> () }}' for value in options)
        return m.emit(op, [m.value(selector, ())], element, shape, regions=regions)

    return write


def while_(m: Maker, element: str) -> Value:
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


def size(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape(1))
    axis = int(m.rng.integers(len(x.shape)))
    return m.emit("get_dimension_size", [x], "i32", (), f"dimension = {axis} : i64")


def parts(op: str) -> Write:
    def write(m: Maker, element: str) -> Value:
        shape = m.shape()
        return m.emit(op, [m.value(element, shape)], element[8:-1], shape)

    return write


def magnitude(m: Maker, element: str) -> Value:
    shape = m.shape()
    return m.emit("abs", [m.argument(element, shape)], element[8:-1], shape)


def complex_(m: Maker, element: str) -> Value:
    return m.value(element, m.shape(), fresh=True)


def constant(m: Maker, element: str) -> Value:
    return m.constant(m.rng.choice(special_values(element), m.shape()))


def reduce_precision(m: Maker, element: str) -> Value:
    shape = m.shape()
    attributes = f"exponent_bits = {m.choose([4, 5, 8])} : i32, mantissa_bits = {m.choose([3, 7, 10])} : i32"
    return m.emit("reduce_precision", [m.value(element, shape)], element, shape, attributes)


def tuple_(m: Maker, element: str) -> Value:
    parts = [m.value(element, m.shape()) for _ in range(2)]
    kind = f"tuple<{parts[0].type}, {parts[1].type}>"
    index = m.choose([0, 1])
    both = m.fresh(element, ())  # its type is written here
    names = ", ".join(part.name for part in parts)
    types = ", ".join(part.type for part in parts)
    m.lines.append(f'{both.name} = "stablehlo.tuple"({names}) : ({types}) -> {kind}')
    result = m.fresh(element, parts[index].shape)
    m.lines.append(
        f'{result.name} = "stablehlo.get_tuple_element"({both.name}) {{index = {index} : i32}} '
        f": ({kind}) -> {result.type}"
    )
    return result


def quantised(m: Maker, element: str) -> Value:
    """Quantised, twice the same operation on that, and back."""
    x = m.finite(element, m.shape())
    kind = m.choose(["i8:f32, 0.5", "i8:f32, 0.25:3", "ui8:f32, 0.5:128", "i32:f32, 0.125"]).replace("f32", element)
    held = type_of(f"!quant.uniform<{kind}>", x.shape)
    small, sums = [m.fresh(element, ()).name for _ in range(2)], m.fresh(element, ()).name
    for name in small:
        m.lines.append(f'{name} = "stablehlo.uniform_quantize"({x.name}) : ({x.type}) -> {held}')
    m.lines.append(f'{sums} = "stablehlo.add"({small[0]}, {small[1]}) : ({held}, {held}) -> {held}')
    result = m.fresh(element, x.shape)
    m.lines.append(f'{result.name} = "stablehlo.uniform_dequantize"({sums}) : ({held}) -> {x.type}')
    return result


def composite(m: Maker, element: str) -> Value:
    x = m.value(element, m.shape())
    attributes = f'name = "test.unary", decomposition = @{m.function(x, _unary(element))}, version = 1 : i32'
    return m.emit("composite", [x], element, x.shape, attributes)


def calls(m: Maker, element: str) -> Value:
    """A function called twice, once with what it gave."""
    x = m.value(element, m.shape())
    attributes = f"callee = @{m.function(x, _unary(element))}"
    return m.emit(
        "func.call", [m.emit("func.call", [x], element, x.shape, attributes)], element, x.shape, attributes
    )


def _unary(element: str) -> str:
    return "not" if element in BOOL + INTEGERS else "negate"
