"""The checker of buffer plans rejects every plan in which values that are needed overlap, and no other."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest
from called_programs import called_twice
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxlib.mlir import ir
from plan_mutations import ALIGNMENT, main_of, mutate, placed, set_arena, set_numbers
from random_programs import random_program
from reference_interpreter import evaluate

from oxide.dialects.attributes import integers
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.assign_buffers.attributes import SLICE
from oxide.passes.assign_buffers.checker import check_plan
from oxide.passes.assign_buffers.executor import execute
from oxide.passes.base import PassLog
from oxide.passes.functions import body
from oxide.passes.fuse import Fuse

Results = Literal["separate", "arena"]


def assigned(module: ir.Module, results: Results = "separate") -> ir.Module:
    AssignBuffers(results=results).run(module, PassLog())
    return module


def accepted(module: ir.Module) -> bool:
    try:
        check_plan(module)
    except OxideError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.integers(1, 3))
def test_a_changed_plan_is_rejected_or_the_numbers_stay_right(
    seed: int, fused: bool, called: bool, changes: int
) -> None:
    """With calls, loops, branches and views: what the checker accepts computes the reference's numbers."""
    module, arguments = random_program(seed, operations=20)
    if called:
        module = called_twice(module)
    expected = evaluate(module, arguments)
    if fused:
        Fuse().run(module, PassLog())
    assigned(module)
    if not placed(module):
        return
    rng = np.random.default_rng(seed)
    for _ in range(changes):
        mutate(module, rng)
    if accepted(module):
        for wanted, found in zip(expected, execute(module, arguments), strict=True):
            np.testing.assert_array_equal(found, wanted)


# Programs in which nothing may share memory, so that overlap alone decides whether a plan is right.


def straight_line(rng: np.random.Generator) -> ir.Module:
    """Reversals, and concatenations of columns, which lie interleaved: no views, and nothing in place."""
    widths = [int(width) for width in rng.integers(1, 40, 2)]
    lines: list[str] = []
    arguments = ", ".join(f"%v{i}: {_matrix(width)}" for i, width in enumerate(widths))
    for new in range(2, int(rng.integers(4, 12))):
        left, right = (int(index) for index in rng.integers(max(0, new - 5), new, 2))
        if rng.random() < 0.5:
            widths.append(widths[left])
            lines.append(f"%v{new} = stablehlo.reverse %v{left}, dims = [1] : {_matrix(widths[left])}")
        else:
            widths.append(widths[left] + widths[right])
            kinds = f"({_matrix(widths[left])}, {_matrix(widths[right])}) -> {_matrix(widths[new])}"
            lines.append(f"%v{new} = stablehlo.concatenate %v{left}, %v{right}, dim = 1 : {kinds}")
    last = len(widths) - 1
    body = "\n".join(lines)
    kind = _matrix(widths[last])
    return parse_module(f"func.func @main({arguments}) -> {kind} {{\n{body}\nreturn %v{last} : {kind}\n}}")


def _matrix(width: int) -> str:
    return f"tensor<3x{width}xf32>"


def overlapping(module: ir.Module) -> Iterator[tuple[int, int]]:
    """Pairs of operations whose results share bytes although both are needed at some time.

    A result is needed from the operation that makes it to the last that reads it, both included.
    """
    ops = [view.operation for view in body(main_of(module)).operations]
    needed: list[tuple[int, int, int, int]] = []
    for time, op in enumerate(ops[:-1]):
        users = [later for later, user in enumerate(ops) if op.results[0] in list(user.operands)]
        offset, size = integers(op, SLICE)
        needed.append((time, max(users, default=time), offset, offset + size))
    for first, (start, end, low, high) in enumerate(needed):
        for second, (other_start, other_end, other_low, other_high) in enumerate(needed[:first]):
            if max(start, other_start) <= min(end, other_end) and max(low, other_low) < min(high, other_high):
                yield first, second


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_a_plan_is_rejected_exactly_when_live_values_overlap(seed: int, data: st.DataObject) -> None:
    module = assigned(straight_line(np.random.default_rng(seed)), "arena")
    assert not list(overlapping(module))
    ops = placed(module)
    set_arena(module, 1 << 30)
    for _ in range(data.draw(st.integers(1, 3))):
        op = data.draw(st.sampled_from(ops))
        offset, size = integers(op, SLICE)
        target = integers(data.draw(st.sampled_from(ops)), SLICE)[0]
        shift = ALIGNMENT * data.draw(st.integers(-3, 3))
        set_numbers(op, SLICE, [max(data.draw(st.sampled_from([offset, target])) + shift, 0), size])
    # Dead values may be written anywhere; a read of what was overwritten, or of what is being written, is an error.
    assert accepted(module) == (not list(overlapping(module)))


CARRIED = """func.func @main(%n: tensor<i32>, %x: tensor<16xf32>) -> tensor<16xf32> {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %i, %a = stablehlo.while(%i0 = %one, %a0 = %x) : tensor<i32>, tensor<16xf32>
    cond {
      %p = stablehlo.compare LT, %i0, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %i1 = stablehlo.add %i0, %one : tensor<i32>
      %r = stablehlo.reverse %a0, dims = [0] : tensor<16xf32>
      %s = stablehlo.add %a0, %r : tensor<16xf32>
      stablehlo.return %i1, %s : tensor<i32>, tensor<16xf32>
    }
  return %a : tensor<16xf32>
}"""


@pytest.mark.parametrize(
    ("victim", "number", "message"),
    [
        ("stablehlo.compare", 1, "carried value is overwritten inside the loop"),
        ("stablehlo.reverse", 1, "reverse writes over its own operand 0"),
        ("stablehlo.add", 1, "reads operand 0 after its bytes were overwritten"),
    ],
)
def test_what_a_loop_carries_is_not_overwritten(victim: str, number: int, message: str) -> None:
    module = assigned(parse_module(CARRIED))
    loop = next(op for op in placed(module) if op.name == "stablehlo.while")
    op = next(op for op in placed(module) if op.name == victim)
    set_numbers(op, SLICE, [integers(loop, SLICE)[2 * number], integers(op, SLICE)[1]])
    with pytest.raises(OxideError, match=message):
        check_plan(module)


def test_a_donated_argument_is_not_overwritten_while_it_is_needed() -> None:
    module = assigned(
        parse_module("""func.func @main(%x: tensor<16xf32> {jax.buffer_donor = true}) -> tensor<16xf32> {
          %0 = stablehlo.reverse %x, dims = [0] : tensor<16xf32>
          %1 = stablehlo.add %0, %x : tensor<16xf32>
          return %1 : tensor<16xf32>
        }""")
    )
    set_numbers(placed(module)[0], SLICE, [0, 64])
    set_numbers(placed(module)[1], SLICE, [64, 64])
    with pytest.raises(OxideError, match="writes over its own operand 0") as error:
        check_plan(module)
    assert "add reads operand 1 after its bytes were overwritten" in str(error.value)
