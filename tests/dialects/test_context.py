"""Contexts: what Oxide asks of MLIR's bindings when it makes one."""

from __future__ import annotations

import sys

import numpy as np
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects.context import make_context, parse_module


class Searches:
    """A finder of modules that finds none and notes what was searched for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        self.names.append(name)


def test_operations_of_our_own_dialect_cost_no_search_for_modules(monkeypatch):
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            for _ in range(5):
                ir.Operation.create("oxide.dims")
        list(module.body.operations)
        searches = Searches()
        monkeypatch.setattr(sys, "meta_path", [searches, *sys.meta_path])
        assert [op.operation.name for op in module.body.operations] == ["oxide.dims"] * 5
    assert not searches.names


def test_quantised_types_are_read_and_run():
    module = parse_module("""func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %0 = stablehlo.uniform_quantize %x : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 5.0e-1:3>>
      %1 = stablehlo.add %0, %0 : tensor<2x!quant.uniform<i8:f32, 5.0e-1:3>>
      %2 = stablehlo.uniform_dequantize %1 : (tensor<2x!quant.uniform<i8:f32, 5.0e-1:3>>) -> tensor<2xf32>
      return %2 : tensor<2xf32>
    }""")
    (doubled,) = evaluate(module, [np.array([1.2, 100.0], np.float32)])
    np.testing.assert_array_equal(doubled, np.array([2.0, 62.0], np.float32))  # to halves, up to 127 - 3 of them
