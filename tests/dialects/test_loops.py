"""hlo.loop: states, stacked elements, positions, run-time counts and conditions."""

from collections.abc import Callable

import numpy as np
import pytest
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects import hlo
from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.hlo.loops import Loop

X = np.array([1, 2], np.float32)


def run(body: Callable, *arrays: np.ndarray) -> list[np.ndarray]:
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        hlo.function(module, "main", [hlo.make_type(a.shape, a.dtype) for a in arrays], body)
        module.body.operations[0].attributes["sym_visibility"] = ir.StringAttr.get("public")
        module.operation.verify()
        return evaluate(module, list(arrays))


def doubling(index: ir.Value, state: ir.Value) -> hlo.Step:
    return hlo.Step([hlo.add(state, state)], [hlo.Element(state)])


def flat(done: Loop) -> list[ir.Value]:
    return [*done.state, *done.stacked]


def test_state_and_stacked_elements() -> None:
    last, stacked = run(lambda x: flat(hlo.loop(3, doubling, [x])), X)
    np.testing.assert_array_equal(last, X * 8)
    np.testing.assert_array_equal(stacked, [X, X * 2, X * 4])


def test_elements_land_at_their_position_and_axis() -> None:
    def body(index: ir.Value, state: ir.Value) -> hlo.Step:
        backwards = hlo.subtract(hlo.constant(2, np.int32), index)
        return hlo.Step([hlo.add(state, 1)], [hlo.Element(state, 1, backwards)])

    _, stacked = run(lambda x: flat(hlo.loop(3, body, [x])), X)
    np.testing.assert_array_equal(stacked, np.stack([X + 2, X + 1, X], axis=1))


def test_count_and_condition_at_run_time() -> None:
    def body(index: ir.Value, state: ir.Value) -> hlo.Step:
        return hlo.Step([hlo.add(state, state)], (), hlo.less(hlo.reduce_max(state), 4))

    def loops(x: ir.Value, count: ir.Value, go: ir.Value) -> list[ir.Value]:
        counted = hlo.loop(count, body, [x]).state
        endless = hlo.loop(None, body, [x])
        entered = hlo.loop(None, body, [x], proceed=go).state
        return [*counted, *endless.state, *entered, endless.iterations]

    counted, endless, skipped, iterations = run(loops, X, np.array(2, np.int32), np.array(False))
    assert iterations == 2
    np.testing.assert_array_equal(counted, X * 4)
    np.testing.assert_array_equal(endless, X * 4)
    np.testing.assert_array_equal(skipped, X)


def test_no_iteration_gives_empty_stacks() -> None:
    last, stacked = run(lambda x: flat(hlo.loop(0, doubling, [x])), X)
    np.testing.assert_array_equal(last, X)
    assert stacked.shape == (0, 2)


def test_loop_in_a_loop_sees_both_states() -> None:
    def outer(index: ir.Value, state: ir.Value) -> hlo.Step:
        return hlo.Step(hlo.loop(2, lambda i, s: hlo.Step([hlo.add(s, state)]), [state]).state)

    (last,) = run(lambda x: flat(hlo.loop(2, outer, [x])), X)
    np.testing.assert_array_equal(last, X * 9)


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (lambda x: hlo.loop(2, lambda i, s: hlo.Step([hlo.reduce_sum(s)]), [x]), "changes its state from"),
        (lambda x: hlo.loop(None, doubling, [x]), "number of iterations must be known"),
        (lambda x: hlo.loop(None, lambda i, s: hlo.Step([s]), [x]), "never ends"),
    ],
)
def test_refused_loops_leave_nothing_behind(loop: Callable, message: str) -> None:
    def body(x: ir.Value) -> list[ir.Value]:
        with pytest.raises(OxideError, match=message):
            loop(x)
        return [x]

    np.testing.assert_array_equal(run(body, X)[0], X)


def test_branches_are_traced_once() -> None:
    calls: list[str] = []

    def branch(name: str, value: ir.Value) -> Callable[[], list[ir.Value]]:
        def build() -> list[ir.Value]:
            calls.append(name)
            return [value]

        return build

    (result,) = run(lambda p, x: hlo.if_(p, branch("true", x), branch("false", hlo.negate(x))), np.array(False), X)
    assert calls == ["true", "false"]
    np.testing.assert_array_equal(result, -X)
