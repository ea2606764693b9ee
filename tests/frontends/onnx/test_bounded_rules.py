"""Operators behind results whose size depends on data, against onnxruntime in their true sizes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, parser
from onnx_oracle import onnxruntime_results

from oxide import OxideError, import_onnx

HEADER = '<ir_version: 8, opset_import: ["":17]>'
LARGEST = 2**63 - 1
SIZE = 5, 4
# What the bodies below may name: inputs and initializers.
INPUTS = "float[5,4] x, float[5] row, float[20] long"
CONSTANTS = f"""
    int64[1] at0={{0}}, int64[1] at1={{1}}, int64[1] at2={{2}}, int64[1] at3={{3}}, int64[1] last={{-1}},
    int64[1] third_last={{-3}}, int64[1] most={{{LARGEST}}}, int64[1] least={{{-LARGEST}}}, int64 zero={{0}},
    int64 one={{1}}, int64 end={{-1}}, float none={{0}}, float[1] seven={{7.5}}, float[2] pair={{1, 2}},
    float[2,3] w={{1, 2, 3, 4, 5, 6}}, float[3] bias={{1, 2, 3}}, float[3,1] column={{1, 2, 3}},
    int64[3] two_any_one={{2, -1, 1}}, int64[2] twice={{2, 1}}, int64[4] pads={{1, 0, 0, 0}}, bool yes={{1}}
"""
# Coordinates of the elements that are not zero, as columns and as rows, and the elements.
FOUND = "columns = NonZero(x) rows = Transpose(columns) values = GatherND(x, rows)"
COUNT = "dims = Shape(columns) count = Gather(dims, one) counts = Slice(dims, at1, at2)"

BODIES = {
    "pick_rows": ("float[n,4] y", "r = Slice(rows, at0, at1, at1) i = Squeeze(r, at1) y = Gather(x, i)"),
    "leading_rows": ("float[n,2,4] y", "i = Slice(rows, at0, at3) y = Gather(x, i)"),
    "negative_bounds": ("float[n] y", "y = Slice(values, third_last, last)"),
    "backwards": ("float[n] y", "y = Slice(values, last, least, at0, last)"),
    "every_other": ("float[n] y", "y = Slice(values, at1, most, at0, at2)"),
    "last_element": ("float y", "y = Gather(values, end)"),
    "range_to_the_count": ("int64[n] y", f"{COUNT} y = Range(zero, count, one)"),
    "numbered": (
        "float[5,4] y",
        f"{COUNT} r = Range(zero, count, one) f = Cast<to=1>(r) s = Add(f, values) y = ScatterND(x, rows, s)",
    ),
    "filled_to_the_count": (
        "float[n,2] y",
        f"{COUNT} k = ConstantOfShape(counts) f = Cast<to=1>(rows) u = Unsqueeze(k, at1) y = Add(f, u)",
    ),
    "scatter_one_value": ("float[5,4] y", f"{COUNT} v = Expand(seven, counts) y = ScatterND(x, rows, v)"),
    "scatter_elements": (
        "float[5] y",
        "c = NonZero(row) i = Squeeze(c, at0) u = Gather(row, i) v = Neg(u) y = ScatterElements(row, i, v)",
    ),
    "cut_at_the_count": ("float[n] y", f"{COUNT} y = Slice(long, at0, counts)"),
    "cut_from_the_count": ("float[n] y", f"{COUNT} d = Neg(counts) y = Slice(long, d, most)"),
    "best_ones": ("float[n] y, int64[n] i", f"{COUNT} k = Min(counts, at3) y, i = TopK(values, k)"),
    "concat": ("float[n] y", "e = Exp(values) y = Concat<axis=0>(values, seven, e, values)"),
    "concat_others": ("float[n,4] y", "f = Cast<to=1>(rows) e = Exp(f) y = Concat<axis=1>(f, e)"),
    "softmax": ("float[n] y", "y = Softmax(values)"),
    "sum": ("float y", "y = ReduceSum<keepdims=0>(values)"),
    "mean": ("float y", "y = ReduceMean<keepdims=0>(values)"),
    "max": ("float[1] y", "y = ReduceMax(values)"),
    "best_place": ("int64[1] y", "y = ArgMax(values)"),
    "running_sum_from_the_end": ("float[n] y", "y = CumSum<reverse=1>(values, zero)"),
    "contraction": ("float[2,2] y", "a = Cast<to=1>(columns) b = Cast<to=1>(rows) y = MatMul(a, b)"),
    "rows_of_a_product": ("float[n,3] y", "f = Cast<to=1>(rows) y = Gemm(f, w, bias)"),
    "layer_norm": ("float[n,2] y", "f = Cast<to=1>(rows) y = LayerNormalization(f, pair, pair)"),
    "merge_dimensions": ("int64[n] y", "y = Reshape(columns, last)"),
    "insert_a_dimension": ("int64[2,n,1] y", "q = Unsqueeze(columns, at1) y = Reshape(q, two_any_one)"),
    "computed_shape": (
        "int64[n,2] y",
        f"{COUNT} a = Slice(dims, at0, at1) s = Concat<axis=0>(counts, a) y = Reshape(columns, s)",
    ),
    "one_mask_twice": (
        "float[n] y",
        "m = Greater(x, none) a = NonZero(m) p = Transpose(a) v = GatherND(x, p) o = Greater(x, none)"
        " b = NonZero(o) q = Transpose(b) u = GatherND(x, q) y = Add(v, u)",
    ),
    "compress_twice": (
        "float[n,4] y",
        "b = Cast<to=9>(row) r = Compress<axis=0>(x, b) s = ReduceSum<keepdims=0>(r, at1) g = Greater(s, none)"
        "y = Compress<axis=0>(r, g)",
    ),
    "how_many": ("int64 y", "y = Size(columns)"),
    "broadcast": ("float[n,3] y", "u = Unsqueeze(values, at0) p = Mul(u, column) y = Transpose(p)"),
    "where": ("float[n] y", "c = Greater(values, none) y = Where(c, values, none)"),
    "as_many_iterations": (
        "float t, float[n] y",
        "n = Size(columns) t, y = Loop(n, yes, none) <body = step (int64 i, bool c, float a)"
        " => (bool d, float b, float e) { d = Identity(c) f = Cast<to=1>(i) b = Add(a, f) e = Identity(b) }>",
    ),
    "split": ("int64[1,n] y", "a, b = Split<axis=0>(columns) y = Mul(a, b)"),
    "tile_and_pad": ("int64[5,n] y", "a = Tile(columns, twice) y = Pad(a, pads)"),
}


def true_sizes(proto: ModelProto, inputs: list[np.ndarray]) -> list[np.ndarray]:
    names = [value.name for value in proto.graph.input]
    results = import_onnx(proto).compile(cache=False).run(dict(zip(names, inputs, strict=True)))
    return [np.asarray(value) for value in results.values()]


def check(proto: ModelProto, *inputs: np.ndarray) -> None:
    expected = onnxruntime_results(proto, inputs)
    for have, want in zip(true_sizes(proto, list(inputs)), expected, strict=True):
        assert (have.shape, have.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def parsed(outputs: str, body: str) -> ModelProto:
    return parser.parse_model(f"{HEADER} g ({INPUTS}) => ({outputs}) <{CONSTANTS}> {{ {FOUND} {body} }}")


@pytest.mark.parametrize("name", BODIES)
def test_as_onnxruntime(name):
    rng = np.random.default_rng(0)
    x = np.where(rng.random(SIZE) < 0.5, 0, rng.standard_normal(SIZE)).astype(np.float32)
    check(parsed(*BODIES[name]), x, x[:, 0].copy(), rng.standard_normal(20).astype(np.float32))


REFUSED = {
    "different_sizes": ("float[n] y", "c = NonZero(row) i = Squeeze(c, at0) f = Cast<to=1>(i) y = Add(values, f)"),
    "two_axes": ("float[n,n] y", "u = Unsqueeze(values, at1) y = Mul(u, values)"),
    "squeeze_of_no_axes": ("float[n] y", "u = Unsqueeze(values, at1) y = Squeeze(u)"),
    "fixed_size": ("float[n] y", "y = Add(values, long)"),
    "determinant": ("float[n] y", "u = Unsqueeze(rows, at0) f = Cast<to=1>(u) y = Det(f)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(OxideError, match=r"(?s)loc\(\"y\"\).*depends? on data"):
        import_onnx(parsed(*REFUSED[name]))


BOXES = "float[1,30,4] boxes, float[1,3,30] scores"
LIMITS = "int64 limit={10}, float overlap={0.3}, float least={0.4}"


def test_tail_of_a_detector():
    """The boxes, scores and classes that NonMaxSuppression chose, and of these the five best."""
    results = "float[n,6] detections, float[n] best, float[n,4] best_boxes"
    proto = parser.parse_model(f"""{HEADER} g ({BOXES}) => ({results})
        <{LIMITS}, int64 one={{1}}, int64 two={{2}}, int64[1] at0={{0}}, int64[1] at1={{1}}, int64[1] at3={{3}},
         int64[2] as_column={{-1, 1}}, int64[1] five={{5}}> {{
            chosen = NonMaxSuppression(boxes, scores, limit, overlap, least)
            class = Gather<axis=1>(chosen, one)
            box = Gather<axis=1>(chosen, two)
            all_boxes = Squeeze(boxes, at0)
            their_boxes = Gather<axis=0>(all_boxes, box)
            pairs = Slice(chosen, at1, at3, at1)
            all_scores = Squeeze(scores, at0)
            their_scores = GatherND(all_scores, pairs)
            score_column = Unsqueeze(their_scores, at1)
            class_number = Cast<to=1>(class)
            class_column = Reshape(class_number, as_column)
            detections = Concat<axis=1>(their_boxes, score_column, class_column)
            count = Shape(their_scores)
            k = Min(count, five)
            best, places = TopK(their_scores, k)
            best_boxes = Gather(their_boxes, places)
        }}""")
    rng = np.random.default_rng(1)
    boxes = np.sort(rng.uniform(0, 1, (1, 30, 4)), -1).astype(np.float32)
    check(proto, boxes, rng.uniform(0, 1, (1, 3, 30)).astype(np.float32))


def test_suppression_of_the_boxes_above_a_threshold():
    proto = parser.parse_model(f"""{HEADER} g (float[30,4] boxes, float[30] scores) => (int64[n,3] y)
        <{LIMITS}, float threshold={{0.5}}, int64[1] at0={{0}}, int64[2] at01={{0, 1}}> {{
            keep = Greater(scores, threshold)
            found = NonZero(keep)
            index = Squeeze(found, at0)
            some_boxes = Gather(boxes, index)
            some_scores = Gather(scores, index)
            b = Unsqueeze(some_boxes, at0)
            s = Unsqueeze(some_scores, at01)
            y = NonMaxSuppression(b, s, limit, overlap)
        }}""")
    rng = np.random.default_rng(1)
    boxes = np.sort(rng.uniform(0, 1, (30, 4)), -1).astype(np.float32)
    check(proto, boxes, rng.uniform(0, 1, 30).astype(np.float32))


def test_nothing_found():
    """A count of zero leaves empty results."""
    body = "r = Slice(rows, at0, at1, at1) i = Squeeze(r, at1) y = Gather(x, i) v = Exp(values)"
    zeros = [np.zeros(shape, np.float32) for shape in (SIZE, 5, 20)]
    results = true_sizes(parsed("float[n,4] y, float[n] v", body), zeros)
    assert [value.shape for value in results] == [(0, 4), (0,)]
