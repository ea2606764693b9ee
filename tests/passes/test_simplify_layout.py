"""Working on permuted tensors keeps every bit, and does not transpose more than before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func
from reference_interpreter import evaluate

from oxide.dialects import composites, hlo
from oxide.dialects.attributes import PARAM
from oxide.dialects.context import make_context
from oxide.passes.base import PassLog
from oxide.passes.simplify import Simplify
from oxide.passes.simplify.carriers import is_transpose

Option = Literal["keep", "nchw", "nhwc", "auto"]
ORDERS = list(permutations(range(4)))
ACTIVATIONS: list[Callable[[ir.Value], ir.Value]] = [
    hlo.relu,
    hlo.negate,
    lambda x: hlo.clamp(-3.0, x, 3.0),
    lambda x: hlo.select(hlo.greater(x, 0), x, 1.0),
    lambda x: hlo.floor(composites.build("hard_swish", [x])[0]),
]


class Network:
    """Four-dimensional values made of small integers, on which every operation is exact."""

    def __init__(self, seed: int, x: ir.Value, weight: ir.Value) -> None:
        self.rng = np.random.default_rng(seed)
        self.values = [x]
        self.weight = weight

    def choose(self, options: list):
        return options[self.rng.integers(len(options))]

    def step(self) -> ir.Value:
        x = self.choose(self.values[-3:])
        make = self.choose(
            [self.convolution, self.convolution, self.activation, self.transpose, self.transpose, self.bias,
             self.binary, self.pool, self.pad, self.slice, self.concatenate, self.norm, self.spread]
        )  # fmt: skip
        return make(x)

    def convolution(self, x: ir.Value) -> ir.Value:
        batch, feature, *spatial = self.choose(ORDERS)
        letters = {batch: "N", feature: "C", spatial[0]: "H", spatial[1]: "W"}
        layout = "".join(letters[axis] for axis in range(4))
        kernel = self.choose(["OIHW", "HWIO", "OHWI"])
        features = hlo.shape(x)[feature]
        window = self.choose([(1, 1), (2, 1), (2, 3)])
        groups = self.choose([1, 1, features])
        sizes = {"O": features, "I": features // groups, "H": window[0], "W": window[1]}
        w = hlo.broadcast_in_dim(self.weight, [sizes[letter] for letter in kernel], [kernel.index("H")])
        if self.rng.random() < 0.5:
            count = np.prod([sizes[letter] for letter in kernel])
            w = hlo.constant(self.rng.integers(-1, 2, count).reshape(hlo.shape(w)).astype(np.float32))
        # The interpreter wants the result's batch first and its features second or last.
        out = self.choose(["NCHW", "NHWC"])
        source = hlo.transpose(x, [layout.index(letter) for letter in out])
        y = hlo.convolution(
            source,
            w,
            strides=[1, 1],
            padding=[(1, 1), (1, 1)],
            groups=groups,
            layout=(out, kernel, self.choose([out, "NHWC"])),
        )
        return hlo.clamp(-9.0, y, 9.0)

    def activation(self, x: ir.Value) -> ir.Value:
        return self.choose(ACTIVATIONS)(x)

    def transpose(self, x: ir.Value) -> ir.Value:
        return hlo.transpose(x, self.choose(ORDERS))

    def bias(self, x: ir.Value) -> ir.Value:
        axes = sorted(self.rng.choice(4, self.rng.integers(1, 3), replace=False).tolist())
        sizes = [hlo.shape(x)[axis] for axis in axes]
        bias = hlo.constant(self.rng.integers(-3, 4, sizes).astype(np.float32))
        return hlo.add(x, hlo.broadcast_in_dim(bias, hlo.shape(x), axes))

    def binary(self, x: ir.Value) -> ir.Value:
        return hlo.maximum(x, self.choose([y for y in self.values if hlo.shape(y) == hlo.shape(x)]))

    def pool(self, x: ir.Value) -> ir.Value:
        window = self.rng.integers(1, 3, 4).tolist()
        padding = [(int(size) - 1, 0) for size in window]
        strides = self.rng.integers(1, 3, 4).tolist()
        kind = self.choose(["max", "add"])
        return hlo.clamp(-9.0, hlo.reduce_window(x, kind, window, strides=strides, padding=padding), 9.0)

    def pad(self, x: ir.Value) -> ir.Value:
        low, high, inner = (self.rng.integers(0, 2, 4).tolist() for _ in range(3))
        return hlo.pad(x, 1.0, low, high, inner)

    def slice(self, x: ir.Value) -> ir.Value:
        starts = [int(self.rng.integers(0, size)) for size in hlo.shape(x)]
        return hlo.slice(x, starts, hlo.shape(x), self.rng.integers(1, 3, 4).tolist())

    def concatenate(self, x: ir.Value) -> ir.Value:
        return hlo.concatenate([x, hlo.negate(x)], int(self.rng.integers(4)))

    def norm(self, x: ir.Value) -> ir.Value:
        axis = int(self.rng.integers(4))
        params = [hlo.full([hlo.shape(x)[axis]], number, np.float32) for number in (2, 1, 3, 1)]
        return composites.build("batch_norm", [x, *params], axis=axis, epsilon=0.0)[0]

    def spread(self, x: ir.Value) -> ir.Value:
        axis = int(self.rng.integers(4))
        return hlo.broadcast_in_dim(
            hlo.slice_axis(x, axis, 0, 1), [2 if i == axis else n for i, n in enumerate(hlo.shape(x))], range(4)
        )

    def results(self) -> list[ir.Value]:
        *_, y, z = self.values
        rows = hlo.reshape(y, [hlo.shape(y)[0], int(np.prod(hlo.shape(y)[1:]))])
        return [hlo.reduce_max(y, [1, 2]), hlo.reduce_sum(z, [2, 3]), rows, self.choose(self.values)]


def network(seed: int, operations: int = 12) -> ir.Module:
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        types = [hlo.make_type([2, 3, 4, 5], np.dtype(np.float32)), hlo.make_type([1], np.dtype(np.float32))]
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (types, types[:1]))
        with ir.InsertionPoint(main.add_entry_block()), composites.library(module):
            made = Network(seed, *main.arguments)
            while len(made.values) < operations:
                y = made.step()
                if hlo.size(y) < 4000:
                    made.values.append(y)
            results = made.results()
            func.ReturnOp(results)
        kind = ir.FunctionType.get(types, [value.type for value in results])
        main.attributes["function_type"] = ir.TypeAttr.get(kind)
        labels = [ir.DictAttr.get({}), ir.DictAttr.get({PARAM: ir.StringAttr.get("w")})]
        main.attributes["arg_attrs"] = ir.ArrayAttr.get(labels)
        assert module.operation.verify()
    return module


def transposed_bytes(module: ir.Module) -> int:
    """Bytes that transposes move in each call."""
    total = 0
    for view in module.body.operations[0].regions[0].blocks[0].operations:
        op = view.operation
        if op.name == "stablehlo.transpose":
            order = tuple(ir.DenseI64ArrayAttr(op.attributes["permutation"]))
            total += 4 * hlo.size(op.results[0]) * is_transpose(hlo.shape(op.results[0]), order)
    return total


def simplified(module: ir.Module, layout: Option) -> int:
    """How many regions the pass changes."""
    log = PassLog()
    Simplify(layout=layout).run(module, log)
    assert module.operation.verify()
    return log.rules["layout"].hits


@pytest.mark.parametrize("layout", ["keep", "nchw", "nhwc", "auto"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_networks_keep_every_bit(layout: Option, seed: int) -> None:
    module = network(seed)
    arguments = [
        np.random.default_rng(seed).integers(-4, 5, [2, 3, 4, 5]).astype(np.float32),
        np.array([2], np.float32),
    ]
    before, expected = transposed_bytes(module), evaluate(module, arguments)
    simplified(module, layout)
    for old, new in zip(expected, evaluate(module, arguments), strict=True):
        np.testing.assert_array_equal(old, new)
    if layout == "keep":
        assert transposed_bytes(module) <= before
    once = str(module)
    simplified(module, layout)
    assert str(module) == once
