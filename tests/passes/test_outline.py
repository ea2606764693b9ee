"""Functions made of equal parts, and loops of their calls: the same values, and the way back."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func, stablehlo
from prepared_programs import assert_equal, mark_weights, run_prepared
from random_programs import DTYPES, Program, elements_of, type_of
from reference_interpreter import evaluate

from oxide.dialects.context import make_context, parse_module
from oxide.passes import functions
from oxide.passes.base import PassLog
from oxide.passes.hoist_params import HoistParams
from oxide.passes.inline import Inline
from oxide.passes.manager import clone_module, verify_module
from oxide.passes.outline import Outline
from oxide.passes.outline.repeats import Repeat, find_repeats
from oxide.passes.roll import Roll
from oxide.passes.weight_values import values_read
from oxide.signature import read_signature

SHAPE = (2, 3)


def repeated_program(seed: int, repeats: int, between: int, wide: bool) -> tuple[ir.Module, list[np.ndarray]]:
    """A random block, `repeats` times: each on the result of the one before and weights of its own, with `between`
    other operations in between."""
    rng = np.random.default_rng(seed)
    arguments = [
        rng.choice(elements_of(dtype), shape) for shape in [(), *[SHAPE] * (repeats + 1)] for dtype in DTYPES
    ]
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        types = [type_of(array.shape, array.dtype) for array in arguments]
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", (types, types[:1]))
        with ir.InsertionPoint(main.add_entry_block()):
            scalars, rest = list(main.arguments)[: len(DTYPES)], list(main.arguments)[len(DTYPES) :]
            x = rest[0]
            outer = Program(seed + 1, wide=wide)
            outer.values = [*scalars, x]
            for number in range(1, repeats + 1):
                weights = rest[len(DTYPES) * number :][: len(DTYPES)]
                x = block(seed, x, [*scalars, *weights], wide)
                outer.values.append(x)
                for _ in range(between):
                    outer.values.append(outer.step())
            func.ReturnOp([x, outer.values[-1]])
        results = [x.type, outer.values[-1].type]
        main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, results))
        assert module.operation.verify()
    return module, arguments


def block(seed: int, x: ir.Value, values: list[ir.Value], wide: bool) -> ir.Value:
    """Twelve random operations; the last one reads x and the last value of its type."""
    program = Program(seed, wide=wide)
    program.values = [*values, x]
    for _ in range(12):
        program.values.append(program.step())
    last = [value for value in program.values if value.type == x.type][-1]
    return stablehlo.maximum(stablehlo.tanh(last), x)


def shuffle(block: ir.Block, seed: int) -> None:
    """Put the operations of a block without effects into any order in which they are there before they are used."""
    rng = np.random.default_rng(seed)
    *waiting, last = (view.operation for view in block.operations)
    placed = set[ir.Value](block.arguments)
    while waiting:
        ready = [op for op in waiting if placed.issuperset(values_read(op))]
        op = ready[rng.integers(len(ready))]
        op.move_before(last)
        placed.update(op.results)
        waiting.remove(op)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 2), st.integers(2, 5), st.sampled_from([0, 0, 1, 3]), st.booleans(), st.booleans())
def test_values_of_planted_repeats(seed: int, repeats: int, between: int, wide: bool, shuffled: bool) -> None:
    module, arguments = repeated_program(seed, repeats, between, wide)
    before = evaluate(module, arguments)
    if shuffled:
        shuffle(functions.body(module.body.operations[0].operation), seed)
        assert not verify_module(module)
    log = PassLog()
    Outline(min_ops=3).run(module, log)
    assert not verify_module(module)
    assert repeats < 3 or between or shuffled or log.counts["calls made"] >= repeats
    assert_equal(before, evaluate(module, arguments))

    text = str(module)
    Outline(min_ops=3).run(module, PassLog())
    assert str(module) == text

    rolled = clone_module(module)
    Roll(min_repeats=2).run(rolled, PassLog())
    assert not verify_module(rolled)
    assert_equal(before, evaluate(rolled, arguments))

    hoisted = clone_module(module)
    mark_weights(hoisted, 2 * len(DTYPES))
    names = [spec.name for spec in (*read_signature(hoisted).inputs, *read_signature(hoisted).parameters)]
    HoistParams().run(hoisted, PassLog())
    assert not verify_module(hoisted)
    assert_equal(before, run_prepared(hoisted, dict(zip(names, arguments, strict=True))))

    Inline().run(module, PassLog())
    assert not verify_module(module)
    assert_equal(before, evaluate(module, arguments))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 6))
def test_repeats_are_equal_and_apart(tokens: list[int], least: int) -> None:
    numbers = np.array(tokens, np.int64)
    for repeat in find_repeats(numbers, np.zeros(len(tokens) + 1, np.int64), least):
        assert repeat.length >= least
        assert all(b - a >= repeat.length for a, b in zip(repeat.starts, repeat.starts[1:], strict=False))
        assert len({tuple(tokens[start : start + repeat.length]) for start in repeat.starts}) == 1


def test_the_cut_that_fewest_values_cross() -> None:
    tokens = np.array([9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 8])
    crossing = np.array([0, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 0])
    best = find_repeats(tokens, crossing, 3)[0]
    assert best == Repeat((2, 5, 8), 3)


def test_statistics_and_the_time_of_many_blocks() -> None:
    """A thousand blocks of ten operations, each with a weight of its own."""
    count = 1000
    weights = ", ".join(f'%w{i}: tensor<2x2xf32> {{oxide.param = "layers.{i}.weight"}}' for i in range(count))
    kinds = ("sine", "cosine", "tanh", "exponential", "abs", "negate", "floor", "sign")
    lines = ["%x0 = stablehlo.sqrt %x : tensor<2x2xf32>"]
    for i in range(count):
        lines.append(f"%a{i} = stablehlo.dot %x{i}, %w{i} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>")
        names = [f"%a{i}", *(f"%{kind}{i}" for kind in kinds)]
        lines += [
            f"{to} = stablehlo.{kind} {of} : tensor<2x2xf32>"
            for kind, of, to in zip(kinds, names, names[1:], strict=False)
        ]
        lines.append(f"%x{i + 1} = stablehlo.add %x{i}, {names[-1]} : tensor<2x2xf32>")
    text = "\n".join(lines)
    module = parse_module(
        f"func.func @main(%x: tensor<2x2xf32>, {weights}) -> tensor<2x2xf32> {{\n{text}\n"
        f"return %x{count} : tensor<2x2xf32>\n}}"
    )
    log = PassLog()
    Outline().run(module, log)
    assert log.counts == {
        "functions made": 1,
        "calls made": count,
        "operations saved": 10 * (count - 1) - count - 1,
    }
    assert "call @layer(" in str(module)
