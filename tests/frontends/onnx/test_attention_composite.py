"""Which Attention nodes become the composite oxide.attention, and with which mask."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper, numpy_helper

from oxide import import_onnx


def attention(length, keys, *, past=0, mask=None, outputs=("y",), **attributes):
    """The imported text of one node: 2 samples, 4 query heads, 2 key heads of size 8."""
    shapes = {"q": (2, 4, length, 8), "k": (2, 2, keys, 8), "v": (2, 2, keys, 8)}
    inputs = ["q", "k", "v", "mask" if mask is not None else ""]
    if past:
        shapes |= {"past_k": (2, 2, past, 8), "past_v": (2, 2, past, 8)}
        inputs += ["past_k", "past_v"]
    weights = [] if mask is None else [numpy_helper.from_array(mask, "mask")]
    graph = helper.make_graph(
        [helper.make_node("Attention", inputs, list(outputs), **attributes)],
        "g",
        [helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs if name],
        weights,
    )
    opset = 25 if any("window" in key for key in attributes) else 24
    return str(import_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])).module)


def composites(text):
    return [line for line in text.splitlines() if 'composite "oxide.attention"' in line]


def operands(line):
    return line.split('"oxide.attention"')[1].split("{")[0].count("%")


def test_grouped_causal_attention_is_the_composite():
    (line,) = composites(attention(5, 5, is_causal=1))
    assert "causal = true" in line
    assert operands(line) == 3


def test_a_decoding_step_needs_no_mask():
    (line,) = composites(attention(1, 1, past=6, is_causal=1, outputs=("y", "present_k", "present_v")))
    assert "causal = false" in line
    assert operands(line) == 3


def test_causal_after_a_cache_is_a_bool_mask():
    (line,) = composites(attention(3, 3, past=6, is_causal=1, outputs=("y", "present_k", "present_v")))
    assert "causal = false" in line
    assert "tensor<3x9xi1>" in line


def test_window_is_a_bool_mask():
    (line,) = composites(attention(6, 6, left_window_size=2))
    assert "tensor<6x6xi1>" in line


@pytest.mark.parametrize(("hidden_row", "guarded"), [(False, False), (True, True)])
def test_rows_without_a_key_are_guarded_only_where_there_can_be_one(hidden_row, guarded):
    mask = np.zeros([4, 6], np.float32)
    mask[:, 5] = -np.inf
    if hidden_row:
        mask[2] = -np.inf
    text = attention(4, 6, mask=mask)
    main = text[text.index("@main") : text.index("return")]
    assert len(composites(text)) == 1
    assert ("stablehlo.select" in main) == guarded


def test_a_soft_cap_is_an_attribute():
    (line,) = composites(attention(4, 4, softcap=2.0))
    assert "soft_cap = 2.0" in line


def test_a_softmax_in_another_precision_is_written_out():
    assert composites(attention(4, 4, softmax_precision=11)) == []
