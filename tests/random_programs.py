"""Random small StableHLO programs for property tests: every operation computes exactly, so results can be
compared bit for bit before and after a pass."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func, stablehlo

from oxide.dialects.attributes import tensor
from oxide.dialects.constants import dense
from oxide.dialects.context import make_context
from oxide.dialects.dtypes import is_float, to_mlir, to_numpy

SHAPES = [(), (1,), (4,), (2, 3), (3, 1), (2, 3, 4), (1, 3, 1)]
DTYPES = [np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.bool_)]
ELEMENTS = {"f": [0.0, -0.0, 1.0, -1.0, 2.5, np.inf], "b": [False, True]}
UNARY = {
    "f": [stablehlo.negate, stablehlo.abs, stablehlo.floor, stablehlo.ceil, stablehlo.sign],
    "i": [stablehlo.negate, stablehlo.abs, stablehlo.not_, stablehlo.sign],
    "b": [stablehlo.not_],
}
BINARY = {
    "f": [stablehlo.add, stablehlo.subtract, stablehlo.multiply, stablehlo.maximum, stablehlo.minimum],
    "i": [
        stablehlo.add,
        stablehlo.subtract,
        stablehlo.multiply,
        stablehlo.maximum,
        stablehlo.minimum,
        stablehlo.and_,
        stablehlo.or_,
        stablehlo.xor,
        stablehlo.shift_left,
    ],
    "b": [stablehlo.and_, stablehlo.or_, stablehlo.xor],
}


class Program:
    """A program under construction: `values` grows by one operation at a time.

    `dtypes` are a float, an integer and a bool type.  A wide program also reduces, sorts, multiplies matrices and
    has operations of several results.
    """

    def __init__(self, seed: int, dtypes: Sequence[np.dtype] = DTYPES, wide: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.values: list[ir.Value] = []
        self.dtypes = dtypes
        self.wide = wide

    def pick(self, *, kind: str | None = None, shape: tuple[int, ...] | None = None) -> ir.Value | None:
        fitting = [
            value
            for value in self.values
            if (kind is None or kind_of(value) == kind) and (shape is None or shape_of(value) == shape)
        ]
        return self.favour_recent(fitting) if fitting else None

    def favour_recent(self, values: list[ir.Value]) -> ir.Value:
        """Mostly one of the last few, so that chains form for rules to match."""
        return self.choose(values[-4:] if self.rng.random() < 0.7 else values)

    def choose(self, options: list):
        return options[self.rng.integers(len(options))]

    def constant(self, dtype: np.dtype, shape: tuple[int, ...]) -> ir.Value:
        elements = elements_of(dtype)
        if self.rng.random() < 0.6:
            return stablehlo.constant(dense(np.broadcast_to(self.choose(list(elements)), shape)))
        return stablehlo.constant(dense(self.rng.choice(elements, shape)))

    def step(self) -> ir.Value:
        make = self.choose([self.unary, self.binary, self.binary, self.with_constant, self.compare, self.select,
                            self.convert, self.reshape, self.transpose, self.broadcast, self.slice,
                            self.concatenate, self.pad, self.reverse, self.dynamic_slice, self.branch,
                            self.loop, *self.wide_steps()])  # fmt: skip
        return make(self.favour_recent(self.values))

    def unary(self, x: ir.Value) -> ir.Value:
        functions = UNARY[kind_of(x)]
        if np.issubdtype(dtype_of(x), np.unsignedinteger):
            functions = [stablehlo.negate, stablehlo.not_]
        return self.choose(functions)(x)

    def binary(self, x: ir.Value) -> ir.Value:
        y = self.pick(kind=kind_of(x), shape=shape_of(x)) or x
        return self.choose(BINARY[kind_of(x)])(x, y)

    def with_constant(self, x: ir.Value) -> ir.Value:
        y = self.constant(dtype_of(x), shape_of(x))
        return self.choose(BINARY[kind_of(x)])(*self.choose([(x, y), (y, x)]))

    def compare(self, x: ir.Value) -> ir.Value:
        y = self.pick(kind=kind_of(x), shape=shape_of(x)) or x
        direction = self.choose(["EQ", "NE", "LT", "LE", "GT", "GE"])
        return stablehlo.compare(x, y, stablehlo.ComparisonDirectionAttr.get(direction))

    def select(self, x: ir.Value) -> ir.Value:
        y = self.pick(kind=kind_of(x), shape=shape_of(x)) or x
        predicate = self.pick(kind="b", shape=shape_of(x)) or self.constant(self.dtypes[2], shape_of(x))
        return stablehlo.select(predicate, x, y)

    def convert(self, x: ir.Value) -> ir.Value:
        # A float may be outside the integer's range, which StableHLO leaves open.
        kinds = [d for d in self.dtypes if kind_of_dtype(d) != "i" or kind_of(x) != "f"]
        return stablehlo.convert(type_of(shape_of(x), self.choose(kinds)), x)

    def reshape(self, x: ir.Value) -> ir.Value:
        shape = shape_of(x)
        size = int(np.prod(shape))
        target = self.choose([(size,), (1, *shape), (*shape, 1), shape[::-1], (1, size, 1)])
        return stablehlo.reshape(type_of(target, dtype_of(x)), x)

    def transpose(self, x: ir.Value) -> ir.Value:
        return stablehlo.transpose(x, self.rng.permutation(len(shape_of(x))).tolist())

    def broadcast(self, x: ir.Value) -> ir.Value:
        shape = shape_of(x)
        if len(shape) > 3:
            return self.unary(x)
        target = [self.choose([1, 2]), *(3 if size == 1 else size for size in shape)]
        mapping = list(range(1, len(target)))
        return stablehlo.broadcast_in_dim(type_of(target, dtype_of(x)), x, mapping)

    def slice(self, x: ir.Value) -> ir.Value:
        starts = [int(self.rng.integers(0, size)) if self.rng.random() < 0.5 else 0 for size in shape_of(x)]
        steps = [self.choose([1, 1, 2]) for _ in starts]
        return stablehlo.slice(x, starts, list(shape_of(x)), steps)

    def concatenate(self, x: ir.Value) -> ir.Value:
        if not shape_of(x):
            return self.unary(x)
        pieces = [self.pick(kind=kind_of(x), shape=shape_of(x)) or x for _ in range(self.rng.integers(1, 3))]
        return stablehlo.concatenate([x, *pieces], int(self.rng.integers(len(shape_of(x)))))

    def pad(self, x: ir.Value) -> ir.Value:
        rank = len(shape_of(x))
        low, high, interior = (self.rng.integers(0, 2, rank).tolist() for _ in range(3))
        return stablehlo.pad(x, self.constant(dtype_of(x), ()), low, high, interior)

    def reverse(self, x: ir.Value) -> ir.Value:
        return stablehlo.reverse(x, [axis for axis in range(len(shape_of(x))) if self.rng.random() < 0.5])

    def dynamic_slice(self, x: ir.Value) -> ir.Value:
        starts = self.starts(x)
        return stablehlo.dynamic_slice(x, starts, [max(1, size - 1) for size in shape_of(x)])

    def starts(self, x: ir.Value) -> list[ir.Value]:
        if self.dtypes[1].kind == "u":
            # The interpreter takes unsigned indices for signed ones: none may pass the signed maximum.
            return [
                stablehlo.constant(dense(np.array(self.choose([0, 1, 7]), self.dtypes[1]))) for _ in shape_of(x)
            ]
        starts = [self.pick(kind="i", shape=()) or self.constant(self.dtypes[1], ()) for _ in shape_of(x)]
        if self.rng.random() < 0.7:
            starts = [self.constant(self.dtypes[1], ()) for _ in shape_of(x)]
        return starts

    def branch(self, x: ir.Value) -> ir.Value:
        predicate = self.choose([self.constant(self.dtypes[2], ()), self.pick(kind="b", shape=())])
        op = stablehlo.IfOp([x.type], predicate)
        for region in op.regions:
            with ir.InsertionPoint(region.blocks.append()):
                stablehlo.return_([self.unary(x)])
        return op.results[0]

    def loop(self, x: ir.Value) -> ir.Value:
        """Three rounds of an operation on x and a value from outside the loop."""
        zero, three, one = (stablehlo.constant(dense(np.array(n, np.int32))) for n in (0, 3, 1))
        outside = self.pick(kind=kind_of(x), shape=shape_of(x))
        op = stablehlo.WhileOp([zero.type, x.type], [zero, x])
        condition, body = (region.blocks.append(zero.type, x.type) for region in op.regions)
        with ir.InsertionPoint(condition):
            less = stablehlo.ComparisonDirectionAttr.get("LT")
            stablehlo.return_([stablehlo.compare(condition.arguments[0], three, less)])
        with ir.InsertionPoint(body):
            counter, carried = body.arguments
            inner = self.unary(carried)
            combined = self.choose(BINARY[kind_of(x)])(inner, outside)
            stablehlo.return_([stablehlo.add(counter, one), combined])
        return op.results[1]

    def wide_steps(self) -> list[Callable[[ir.Value], ir.Value]]:
        steps = [self.clamp, self.iota, self.reduce, self.product, self.update, self.sort_pair, self.branch_pair,
                 self.counted_loop]  # fmt: skip
        return steps if self.wide else []

    def clamp(self, x: ir.Value) -> ir.Value:
        if kind_of(x) == "b":
            return self.unary(x)
        low, high = (self.constant(dtype_of(x), self.choose([(), shape_of(x)])) for _ in range(2))
        low = high if shape_of(low) != shape_of(high) else low
        return stablehlo.clamp(low, x, high)

    def iota(self, x: ir.Value) -> ir.Value:
        if kind_of(x) == "b" or not shape_of(x):
            return self.unary(x)
        return stablehlo.iota(x.type, int(self.rng.integers(len(shape_of(x)))))

    def reduce(self, x: ir.Value) -> ir.Value:
        """Every order of these gives the same bits."""
        kind = {"f": ["maximum", "minimum"], "i": ["add", "maximum", "multiply"], "b": ["and", "or"]}[kind_of(x)]
        axes = [axis for axis in range(len(shape_of(x))) if self.rng.random() < 0.6]
        initial = self.constant(dtype_of(x), ())
        shape = [size for axis, size in enumerate(shape_of(x)) if axis not in axes]
        result, scalar = type_of(shape, dtype_of(x)), type_of((), dtype_of(x))
        op = stablehlo.ReduceOp([result], [x], [initial], axes)
        block = op.regions[0].blocks.append(scalar, scalar)
        with ir.InsertionPoint(block):
            combined = ir.Operation.create(
                f"stablehlo.{self.choose(kind)}", results=[scalar], operands=list(block.arguments)
            )
            stablehlo.return_(combined.results)
        return op.results[0]

    def product(self, x: ir.Value) -> ir.Value:
        """x times itself along one dimension, of integers: sums of floats depend on their order."""
        shape = shape_of(x)
        if kind_of(x) != "i" or not shape or len(shape) > 2:
            return self.unary(x)
        axis = int(self.rng.integers(len(shape)))
        numbers = stablehlo.DotDimensionNumbers.get([], [], [axis], [axis])
        rest = [size for place, size in enumerate(shape) if place != axis]
        return stablehlo.dot_general(type_of(rest * 2, dtype_of(x)), x, x, numbers)

    def update(self, x: ir.Value) -> ir.Value:
        update = self.constant(dtype_of(x), tuple(max(1, size - 1) for size in shape_of(x)))
        return stablehlo.dynamic_update_slice(x, update, self.starts(x))

    def sort_pair(self, x: ir.Value) -> ir.Value:
        """Sort bools or integers, with a passenger that may be left unused."""
        if kind_of(x) == "f" or not shape_of(x):
            return self.unary(x)
        passenger = self.pick(shape=shape_of(x)) or x
        types = [x.type, passenger.type]
        axis = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), int(self.rng.integers(len(shape_of(x)))))
        op = stablehlo.SortOp(types, [x, passenger], dimension=axis, is_stable=True)
        scalars = [type_of((), dtype_of(value)) for value in (x, x, passenger, passenger)]
        block = op.regions[0].blocks.append(*scalars)
        with ir.InsertionPoint(block):
            less = stablehlo.ComparisonDirectionAttr.get("LT")
            stablehlo.return_([stablehlo.compare(block.arguments[0], block.arguments[1], less)])
        return self.choose(list(op.results))

    def branch_pair(self, x: ir.Value) -> ir.Value:
        """Two results, of which one may be the same in both branches or unused."""
        predicate = self.pick(kind="b", shape=()) or self.constant(self.dtypes[2], ())
        op = stablehlo.IfOp([x.type, x.type], predicate)
        for region in op.regions:
            with ir.InsertionPoint(region.blocks.append()):
                stablehlo.return_([self.unary(x), self.choose([x, x, self.unary(x)])])
        results = list(op.results)
        return self.choose(results) if self.rng.random() < 0.5 else self.choose(BINARY[kind_of(x)])(*results)

    def counted_loop(self, x: ir.Value) -> ir.Value:
        """At most two rounds, with state that stays and state that nothing reads."""
        zero, rounds, one = (
            stablehlo.constant(dense(np.array(n, np.int32))) for n in (0, int(self.rng.integers(3)), 1)
        )
        types = [zero.type, x.type, x.type, x.type]
        op = stablehlo.WhileOp(types, [zero, x, self.choose([x, self.unary(x)]), x])
        condition, body = (region.blocks.append(*types) for region in op.regions)
        with ir.InsertionPoint(condition):
            less = stablehlo.ComparisonDirectionAttr.get("LT")
            stablehlo.return_([stablehlo.compare(condition.arguments[0], rounds, less)])
        with ir.InsertionPoint(body):
            counter, carried, kept, unread = body.arguments
            combined = self.choose(BINARY[kind_of(x)])(self.unary(carried), kept)
            stablehlo.return_([stablehlo.add(counter, one), combined, kept, self.unary(unread)])
        return self.choose([op.results[1], op.results[1], op.results[2], op.results[3]])


def random_program(
    seed: int, operations: int = 40, dtypes: Sequence[np.dtype] = DTYPES, wide: bool = False
) -> tuple[ir.Module, list[np.ndarray]]:
    """A module with a public @main and arguments for it."""
    program = Program(seed, dtypes, wide)
    arguments = [program.rng.choice(elements_of(dtype), shape) for dtype in dtypes for shape in SHAPES]
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        types = [type_of(array.shape, array.dtype) for array in arguments]
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (types, types[:1]))
        with ir.InsertionPoint(main.add_entry_block()):
            program.values = list(main.arguments)
            for number in range(operations):
                with ir.Location.name(f"op{number}"):
                    program.values.append(program.step())
            fresh = program.values[len(types) :]
            results = [value for value in fresh if program.rng.random() < 0.3] + fresh[-1:]
            func.ReturnOp(results)
        main.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get(types, [value.type for value in results])
        )
        assert module.operation.verify()
    return module, arguments


def shape_of(value: ir.Value) -> tuple[int, ...]:
    return tuple(tensor(value).shape)


def kind_of(value: ir.Value) -> str:
    return kind_of_dtype(dtype_of(value))


def kind_of_dtype(dtype: np.dtype) -> str:
    """f, i or b; unsigned integers are integers too."""
    return "b" if dtype == np.bool_ else "f" if is_float(dtype) else "i"


def dtype_of(value: ir.Value) -> np.dtype:
    return to_numpy(tensor(value).element_type)


def type_of(shape, dtype: np.dtype) -> ir.RankedTensorType:
    return ir.RankedTensorType.get(list(shape), to_mlir(dtype))


def elements_of(dtype: np.dtype) -> np.ndarray:
    """The elements programs are made of; integers include the largest and wrap to the smallest."""
    if kind_of_dtype(dtype) == "i":
        largest = np.iinfo(dtype).max
        return np.array([0, 1, largest if dtype.kind == "u" else -1, 7, largest]).astype(dtype)
    return np.array(ELEMENTS[kind_of_dtype(dtype)]).astype(dtype)
