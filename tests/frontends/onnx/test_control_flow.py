"""If, Loop and Scan against onnxruntime, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
from onnx import ModelProto
from onnx_builders import import_and_run, run
from onnx_oracle import check, onnxruntime_results

from oxide import import_onnx
from oxide.bounded import read_bounds, trim
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.weights import Weights

X = np.array([1, 2, 3], np.float32)


def parse(text: str, opset: int = 19) -> ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": {opset}]> {text}')


@pytest.mark.parametrize("taken", [True, False])
def test_if_at_run_time(taken: bool) -> None:
    proto = parse("""g (float[3] x, bool c) => (float[3] y) {
        y = If(c) <then_branch = a () => (float[3] z) { z = Add(x, x) },
                   else_branch = b () => (float[3] w) { w = Neg(x) }> }""")
    check(proto, X, np.array(taken))


def test_if_with_a_known_condition_lowers_one_branch() -> None:
    proto = parse("""g (float[3] x) => (float[a] y) {
        c = Constant<value = bool {0}>()
        y = If(c) <then_branch = a () => (float[3] z) { z = Add(x, x) },
                   else_branch = b () => (float[6] w) { w = Concat<axis = 0>(x, x) }> }""")
    assert "stablehlo.if" not in str(import_onnx(proto).module)
    check(proto, X)


def test_branches_of_different_shapes_are_refused() -> None:
    proto = parse("""g (float[3] x, bool c) => (float[a] y) {
        y = If(c) <then_branch = a () => (float[3] z) { z = Add(x, x) },
                   else_branch = b () => (float[6] w) { w = Concat<axis = 0>(x, x) }> }""")
    with pytest.raises(OxideError, match=r"branch 1 returns \['tensor<6xf32>'\], branch 0"):
        import_onnx(proto)


COUNTED = """g (float[3] x, int64 n) => (float[3] y) {
    y = Loop(n, "", x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t) {
        on = Identity(go)  k = Cast<to = 1>(i)  u = Add(s, k)  t = Mul(u, x) }> }"""
CONDITIONAL = """g (float[3] x, bool start) => (float[3] y) {
    y = Loop("", start, x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t) {
        t = Add(s, x)  m = ReduceMax<keepdims = 0>(t)  limit = Constant<value = float {10.5}>()
        on = Less(m, limit) }> }"""


@pytest.mark.parametrize("count", [0, 1, 4])
def test_loop_with_a_count_at_run_time(count: int) -> None:
    check(parse(COUNTED), X, np.array(count))


@pytest.mark.parametrize("start", [True, False])
def test_loop_with_a_condition(start: bool) -> None:
    check(parse(CONDITIONAL), X, np.array(start))


def test_loop_stacks_scan_outputs() -> None:
    proto = parse("""g (float[3] x) => (float[3] y, float[5, 3] z) {
        n = Constant<value = int64 {5}>()
        y, z = Loop(n, "", x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t, float[3] o) {
            on = Identity(go)  t = Add(s, x)  o = Neg(t) }> }""")
    module = str(import_onnx(proto).module)
    assert module.count("stablehlo.while") == 1
    check(proto, X)


@pytest.mark.parametrize(("limit", "start"), [(5, True), (2, True), (5, False)])
def test_scan_outputs_of_a_loop_that_may_end_early(limit: int, start: bool) -> None:
    proto = parse(f"""g (float[3] x, bool start) => (float[3] y, float[n, 3] z) {{
        most = Constant<value = int64 {{{limit}}}>()
        y, z = Loop(most, start, x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t, float[3] o) {{
            t = Add(s, x)  m = ReduceMax<keepdims = 0>(t)  end = Constant<value = float {{10.5}}>()
            on = Less(m, end)  o = Neg(t) }}> }}""")
    imported = import_onnx(proto)
    results = trim(run(imported, X, np.array(start)), read_bounds(imported.module))
    for result, wanted in zip(results, onnxruntime_results(proto, [X, np.array(start)]), strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_scan_outputs_without_a_limit_are_refused() -> None:
    proto = parse("""g (float[3] x, int64 n) => (float[3] y, float[n, 3] z) {
        y, z = Loop(n, "", x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t, float[3] o) {
            on = Identity(go)  t = Add(s, x)  o = Neg(t) }> }""")
    with pytest.raises(OxideError, match="make the trip count a constant"):
        import_onnx(proto)


def test_loop_whose_state_grows_is_unrolled() -> None:
    proto = parse("""g (float[3] x) => (float[a] y) {
        n = Constant<value = int64 {4}>()  one = Constant<value = float[1] {2}>()
        y = Loop(n, "", x) <body = b (int64 i, bool go, float[p] s) => (bool on, float[q] t) {
            on = Identity(go)  t = Concat<axis = 0>(s, one) }> }""")
    assert "stablehlo.while" not in str(import_onnx(proto).module)
    check(proto, X)


def test_loop_in_a_loop() -> None:
    proto = parse("""g (float[3] x) => (float[3] y) {
        n = Constant<value = int64 {3}>()
        y = Loop(n, "", x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t) {
            on = Identity(go)  k = Cast<to = 1>(i)
            q = Loop(n, "", s) <body = c (int64 j, bool run, float[3] u) => (bool keep, float[3] v) {
                keep = Identity(run)  w = Add(u, k)  v = Mul(w, x) }>
            t = Sub(q, x) }> }""")
    check(proto, X)


def test_endless_loop_is_refused() -> None:
    proto = parse("""g (float[3] x) => (float[3] y) {
        y = Loop("", "", x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t) {
            on = Identity(go)  t = Neg(s) }> }""")
    with pytest.raises(OxideError, match="the loop never ends"):
        import_onnx(proto)


@pytest.mark.parametrize("count", ["n", "k"])
def test_what_is_absent_is_no_condition(count: str) -> None:
    proto = parse(f"""g (float[3] x, int64 n) => (float[3] y) {{
        k = Constant<value = int64 {{3}}>()
        y = Loop({count}, "", x) <body = b (int64 i, bool go, float[3] s) => (optional(bool) on, float[3] t) {{
            on = Optional<type = bool>()  t = Add(s, x) }}> }}""")
    with pytest.raises(OxideError, match="whether to go on, must be a tensor of one bool"):
        import_onnx(proto)


def test_what_is_absent_cannot_be_stacked() -> None:
    proto = parse("""g (float[3] x) => (float[3] y) {
        k = Constant<value = int64 {3}>()
        y, z = Loop(k, "", x) <body = b (int64 i, bool go, float[3] s) => (bool on, float[3] t, optional(float) o) {
            on = Identity(go)  t = Add(s, x)  o = Optional<type = float>() }> }""")
    with pytest.raises(OxideError, match="a scan output of its body must be a tensor"):
        import_onnx(proto)


def test_a_condition_may_be_a_list_of_one() -> None:
    proto = parse("""g (float[3] x) => (float[3] y) {
        n = Constant<value = int64 {9}>()
        y = Loop(n, "", x) <body = b (int64 i, bool go, float[3] s) => (bool[1] on, float[3] t) {
            t = Add(s, x)  limit = Constant<value = float[1] {10.5}>()
            m = ReduceMax<keepdims = 0>(t)  on = Less(m, limit) }> }""")
    check(proto, X)


def test_unrolling_has_a_limit() -> None:
    proto = parse("""g (float[3] x) => (float[a] y) {
        n = Constant<value = int64 {1000000000}>()
        y = Loop(n, "", x) <body = b (int64 i, bool go, float[p] s) => (bool on, float[q] t) {
            on = Identity(go)  t = Concat<axis = 0>(s, x) }> }""")
    with pytest.raises(OxideError, match="the loop body changes its state"):
        import_onnx(proto)


def test_scan_axes_and_directions() -> None:
    proto = parse("""g (float[2] s, float[4, 2] x, float[2, 4] w) => (float[2] t, float[4, 2] a, float[2, 4] b) {
        t, a, b = Scan(s, x, w) <num_scan_inputs = 2, scan_input_axes = [0, -1], scan_input_directions = [0, 1],
            scan_output_axes = [0, 1], scan_output_directions = [1, 0],
            body = step (float[2] u, float[2] xi, float[2] wi) => (float[2] v, float[2] p, float[2] q) {
                v = Add(u, xi)  p = Mul(v, wi)  q = Sub(v, wi) }> }""")
    random = np.random.default_rng(0)
    check(proto, *[random.random(shape, np.float32) for shape in [(2,), (4, 2), (2, 4)]])


def test_scan_8_stops_at_each_length() -> None:
    proto = parse(
        """g (int64[2] n, float[2, 3] s, float[2, 4, 3] x) => (float[2, 3] t, float[2, 4, 3] a) {
        t, a = Scan(n, s, x) <num_scan_inputs = 1, directions = [1],
            body = step (float[3] u, float[3] xi) => (float[3] v, float[3] p) {
                v = Add(u, xi)  p = Mul(v, xi) }> }""",
        opset=8,
    )
    x = np.random.default_rng(0).random((2, 4, 3), np.float32)
    check(proto, np.array([4, 2]), np.ones((2, 3), np.float32), x)


def test_sequences_are_gone_after_import() -> None:
    proto = parse("""g (float[3] x) => (float[a] y, int64 n, bool here) {
        one = Constant<value = int64 {1}>()  two = Constant<value = int64 {2}>()
        back = Constant<value = int64 {-1}>()  empty = SequenceEmpty()  first = SequenceInsert(empty, x)
        minus = Neg(x)  both = SequenceInsert(first, minus, one)
        three = Loop(two, "", both) <body = b (int64 i, bool go, seq(float) s) => (bool on, seq(float) t) {
            on = Identity(go)  e = SequenceAt(s, i)  d = Add(e, e)  t = SequenceInsert(s, d) }>
        fewer = SequenceErase(three, one)
        mapped = SequenceMap(fewer, x) <body = m (float[3] p, float[3] q) => (float[3] r) { r = Mul(p, q) }>
        y = ConcatFromSequence<axis = 0>(mapped)
        n = SequenceLength(mapped)
        last = SequenceAt(mapped, back)  maybe = Optional(last)  here = OptionalHasElement(maybe) }""")
    y, n, here = import_and_run(proto, X)
    np.testing.assert_array_equal(y, np.concatenate([X, 2 * X, -2 * X]) * np.tile(X, 3))
    assert (n, here) == (3, True)


@pytest.mark.parametrize("position", [0, 1, -1])
def test_sequence_at_run_time(position: int) -> None:
    proto = parse("""g (float[3] x, int64 p) => (float[3] y) {
        a = Neg(x)  s = SequenceConstruct(x, a)  y = SequenceAt(s, p) }""")
    check(proto, X, np.array(position))


def test_position_outside_of_a_sequence() -> None:
    proto = parse("""g (float[3] x) => (float[3] y) {
        p = Constant<value = int64 {2}>()  a = Neg(x)  s = SequenceConstruct(x, a)  y = SequenceAt(s, p) }""")
    with pytest.raises(OxideError, match="position 2 is out of range for 2 places"):
        import_onnx(proto)


def test_nothing_known_of_a_body_outlives_its_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop erases the operations of its first trace, and later ones may get their addresses."""
    seen: list[Weights] = []
    forget = Weights.forget
    monkeypatch.setattr(Weights, "forget", lambda self: (seen.append(self), forget(self))[1])
    proto = parse("""g (float[3] x, int64 n) => (float[3] y) {
        t = Constant<value = bool {1}>()
        y = Loop(n, t, x) <body = b (int64 i, bool c, float[3] s) => (bool d, float[3] r) {
            d = Identity(c)
            axes = Constant<value_ints = [0]>()
            wide = Unsqueeze(s, axes)
            r = Squeeze(wide, axes) }> }""")
    np.testing.assert_array_equal(import_and_run(proto, X, np.array(2))[0], X)
    assert seen
    assert not any(weights._known for weights in seen)
