"""Sequences and optionals at a model's boundary: arguments and results by name, packing and unpacking."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.parser
import pytest
from conformance.xla import Program
from onnx import ModelProto

from oxide import import_onnx
from oxide.dialects.diagnostics import OxideError
from oxide.nesting import read_nesting

X = np.array([1, 2, 3], np.float32)


def parse(text: str) -> ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 19]> {text}')


def run(proto: ModelProto, *inputs: Any, **shapes: Any) -> list[Any]:
    imported = import_onnx(proto, shapes=shapes)
    nesting = read_nesting(imported.module)
    return nesting.unpack(Program(imported.module)(nesting.pack(inputs)))


LAST_TWICE = """g (seq(float) xs, float[3] y) => (seq(float) zs) {
    p = Constant<value = int64 {-1}>()  last = SequenceAt(xs, p)
    sum = Add(last, y)  zs = SequenceInsert(xs, sum) }"""
MAYBE = """g (optional(float[3]) x) => (bool here, optional(float[3]) y) {
    here = OptionalHasElement(x)  y = Identity(x) }"""


def test_sequence_in_and_out() -> None:
    (zs,) = run(parse(LAST_TWICE), [X[:1], X], X, xs=[(1,), (3,)])
    assert len(zs) == 3
    for have, want in zip(zs, [X[:1], X, 2 * X], strict=True):
        np.testing.assert_array_equal(have, want)


def test_elements_are_numbered() -> None:
    model = import_onnx(parse(LAST_TWICE), shapes={"xs": [(1,), (3,)]})
    assert [spec.name for spec in model.inputs] == ["xs.0", "xs.1", "y"]
    assert [spec.name for spec in model.outputs] == ["zs.0", "zs.1", "zs.2"]


def test_numbers_avoid_names_of_the_model() -> None:
    proto = parse(
        "g (float[3] x_0, seq(float) x) => (seq(float) y, float[3] y_0) { y = Identity(x) y_0 = Neg(x_0) }"
    )
    for declared in [*proto.graph.input, *proto.graph.output]:
        declared.name = declared.name.replace("_0", ".0")
    proto.graph.node[1].input[:], proto.graph.node[1].output[:] = ["x.0"], ["y.0"]
    model = import_onnx(proto, shapes={"x": [(3,)]})
    assert [spec.name for spec in model.inputs] == ["x.0", "x.0_"]
    assert [spec.name for spec in model.outputs] == ["y.0_", "y.0"]


def test_absent_and_present_optional() -> None:
    here, y = run(parse(MAYBE), None, x=None)
    assert (bool(here), y) == (False, None)
    here, y = run(parse(MAYBE), X, x=(3,))
    assert bool(here)
    np.testing.assert_array_equal(y, X)


def test_plain_models_carry_no_nesting() -> None:
    module = import_onnx(parse("g (float[3] x) => (float[3] y) { y = Neg(x) }")).module
    assert "nested" not in str(module)
    assert read_nesting(module).unpack([1]) == [1]


def test_packing_checks_the_structure() -> None:
    nesting = read_nesting(import_onnx(parse(LAST_TWICE), shapes={"xs": [(3,)]}).module)
    with pytest.raises(OxideError, match=r"nested as \[\[True, True\], True\], the model was imported for"):
        nesting.pack([[X, X], X])


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        (LAST_TWICE, {}, 'input "xs" is a sequence; give the shape of each'),
        (LAST_TWICE, {"xs": [(3,)], "y": None}, 'input "y" is no optional'),
        (LAST_TWICE, {"xs": [(3,)], "z": (1,)}, 'no input is called "z"'),
        (
            "g (float[3] x) => (float[3] y) { y = SequenceConstruct(x) }",
            {},
            "it is a sequence, the model declares a",
        ),
    ],
)
def test_refused(text: str, shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(OxideError, match=message):
        import_onnx(parse(text), shapes=shapes)
