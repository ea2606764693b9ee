"""@prepare and @main together compute, bit for bit, what @main did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from prepared_programs import assert_equal, mark_weights, run_prepared
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.context import parse_module
from oxide.passes.base import PassLog
from oxide.passes.hoist_params import HoistParams
from oxide.passes.inline_prepare import InlinePrepare
from oxide.passes.manager import verify_module
from oxide.signature import read_signature


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 4, 12]), st.sampled_from([0, 16, 1 << 20]), st.booleans())
def test_values_growth_and_the_way_back(seed: int, inputs: int, max_growth: int, wide: bool) -> None:
    module, arguments = random_program(seed, wide=wide)
    before = evaluate(module, arguments)
    mark_weights(module, inputs)
    names = [spec.name for spec in (*read_signature(module).inputs, *read_signature(module).parameters)]
    values = dict(zip(names, arguments, strict=True))
    size = parameter_bytes(module)

    HoistParams(max_growth=max_growth).run(module, PassLog())
    assert not verify_module(module)
    # Weights of one element, which may leave, are in no account.
    assert parameter_bytes(module) <= size + max_growth
    assert_equal(before, run_prepared(module, values))

    text = str(module)
    HoistParams(max_growth=max_growth).run(module, PassLog())
    assert str(module) == text

    InlinePrepare().run(module, PassLog())
    assert not verify_module(module)
    assert read_signature(module).preparation is None
    assert {spec.name for spec in read_signature(module).parameters} == set(names[inputs:])
    assert_equal(before, run_prepared(module, values))


def parameter_bytes(module: ir.Module) -> int:
    return sum(int(np.prod(spec.sizes)) * spec.dtype.itemsize for spec in read_signature(module).parameters)


def test_statistics_and_the_time_of_a_long_chain() -> None:
    """A thousand weights, each transposed and scaled, and a chain of products over them."""
    count = 1000
    weights = ", ".join(f'%w{i}: tensor<2x2xf32> {{oxide.param = "w{i}"}}' for i in range(count))
    body = ["%y0 = stablehlo.add %x, %x : tensor<2x2xf32>"]
    for i in range(count):
        body += [
            f"%t{i} = stablehlo.transpose %w{i}, dims = [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>",
            f"%s{i} = stablehlo.multiply %t{i}, %t{i} : tensor<2x2xf32>",
            f"%y{i + 1} = stablehlo.add %y{i}, %s{i} : tensor<2x2xf32>",
        ]
    lines = "\n".join(body)
    module = parse_module(
        f"func.func @main(%x: tensor<2x2xf32>, {weights}) -> tensor<2x2xf32> {{\n{lines}\n"
        f"return %y{count} : tensor<2x2xf32>\n}}"
    )
    log = PassLog()
    HoistParams().run(module, log)
    assert log.counts == {
        "operations moved": 2 * count,
        "values prepared": count,
        "weights only @prepare takes": count,
    }
    assert len(read_signature(module).weights) == count


@pytest.mark.parametrize("dtype", ["f64", "bf16", "i8", "ui32", "i1", "complex<f32>", "i4", "f8E4M3FN"])
def test_weights_of_every_kind_move(dtype: str) -> None:
    module = parse_module(
        f"""func.func @main(%w: tensor<2x3x{dtype}> {{oxide.param = "w"}}) -> tensor<3x2x{dtype}> {{
          %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<2x3x{dtype}>) -> tensor<3x2x{dtype}>
          return %0 : tensor<3x2x{dtype}>
        }}"""
    )
    HoistParams(max_growth=0).run(module, PassLog())
    (spec,) = read_signature(module).parameters
    assert (spec.name, spec.shape) == ("w_transposed", (3, 2))
