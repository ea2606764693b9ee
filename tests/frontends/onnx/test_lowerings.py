"""Operators without a lowering are listed, and what lowerings of others must keep to."""

from __future__ import annotations

import numpy as np
import pytest
from jaxlib.mlir import ir
from onnx import TensorProto, helper, numpy_helper
from onnx_builders import import_and_run, model, node, sample, value

from oxide import OxideError, import_onnx
from oxide.frontends.onnx.registry import REGISTRY, lowering

X = sample()


@pytest.fixture
def scratch_registry(monkeypatch):
    """Lowerings that a test registers are forgotten after it."""
    monkeypatch.setattr("oxide.frontends.onnx.registry.REGISTRY", dict(REGISTRY))


# ------------------------------------------------------------------------ what is said about unsupported


def test_all_unsupported_operators_are_listed_at_once():
    nodes = [
        node("Foo", ["x"], ["a"], name="foo1", domain="my.ops"),
        node("Relu", ["a"], ["b"]),
        *(node("Bar", ["b"], [f"c{i}"], name=f"bar{i}", domain="my.ops") for i in range(6)),
        node("Baz", ["c0"], ["y"], name="baz"),
    ]
    with pytest.raises(OxideError, match=r"3 operators are not supported \(8 nodes\)") as raised:
        import_onnx(model(nodes, opsets={"my.ops": 1}))
    assert [d.message for d in raised.value.diagnostics] == [
        'my.ops.Bar: the domain "my.ops" is unknown and the model has no function of this name '
        '(6 nodes: "bar0", "bar1", "bar2", "bar3" and 2 more)',
        'Baz: opset 21 of "ai.onnx" has no such operator (1 node: "baz")',
        'my.ops.Foo: the domain "my.ops" is unknown and the model has no function of this name (1 node: "foo1")',
    ]


def test_unsupported_operators_in_subgraphs_are_listed():
    body = helper.make_graph([node("Foo", ["x"], ["o"], domain="my.ops", name="deep")], "g", [], [value("o")])
    nodes = [node("If", ["c"], ["y"], then_branch=body, else_branch=body)]
    proto = model(nodes, ["x", value("c", (), TensorProto.BOOL)], opsets={"my.ops": 1})
    with pytest.raises(OxideError) as raised:
        import_onnx(proto)
    assert any('(2 nodes: "deep", "deep")' in d.message for d in raised.value.diagnostics)


@pytest.mark.usefixtures("scratch_registry")
def test_a_version_without_a_lowering_says_which_there_are(monkeypatch):
    from oxide.frontends.onnx import registry

    monkeypatch.delitem(registry.REGISTRY, ("", "Neg", 13))
    with pytest.raises(OxideError) as raised:
        import_onnx(model([node("Neg", ["x"], ["y"], name="act")]))
    assert raised.match(r"Neg-13: Oxide lowers Neg 1, 6 \(1 node: \"act\"\)")


def test_the_lowering_of_the_opset_is_used():
    """Clip's limits are attributes up to opset 10 and inputs from 11 on."""
    old = model([node("Clip", ["x"], ["y"], max=0.5)], opset=6)
    np.testing.assert_array_equal(import_and_run(old, X)[0], np.minimum(X, 0.5))
    with pytest.raises(OxideError, match="cannot import node") as raised:
        import_onnx(model([node("Clip", ["x"], ["y"], max=0.5)], opset=11))
    assert raised.match('attribute "max" is not one of this operator')


# ----------------------------------------------------------------------------------- lowerings of others


@pytest.mark.usefixtures("scratch_registry")
class TestContract:
    def test_inputs_attributes_and_outputs(self):
        seen = {}

        @lowering("Probe", 3, domain="test")
        def probe(node, a, b=None, c=None, *rest, f: float, i: int = 7, s: str = "d", fs=None, t=None, g=None):
            seen.update(b=b, rest=len(rest), f=f, i=i, s=s, fs=fs, t=t, g=g, node=node)
            return [a, None, a]

        subgraph = helper.make_graph([node("Relu", ["p"], ["q"])], "sub", [value("p")], [value("q")])
        call = node(
            "Probe", ["x", "", "x", "x", "x"], ["y", "", "z"],
            domain="test", name="p", f=0.5, fs=[1.0, 2.0], t=numpy_helper.from_array(np.arange(3)), g=subgraph,
        )  # fmt: skip
        import_onnx(model([call], ["x"], ["y", "z"], opsets={"test": 5}))
        assert (seen["b"], seen["rest"], seen["f"], seen["i"], seen["s"]) == (None, 2, 0.5, 7, "d")
        assert seen["fs"] == [1.0, 2.0]
        np.testing.assert_array_equal(seen["t"], np.arange(3))
        assert (seen["g"].inputs, seen["g"].outputs) == (["p"], ["q"])
        n = seen["node"]
        assert (n.name, n.op_type, n.domain, n.version, n.opset("test"), n.opset()) == (
            "p",
            "Probe",
            "test",
            3,
            5,
            21,
        )
        assert (n.output_count, n.wants(0), n.wants(1), n.wants(2), n.wants(3)) == (3, True, False, True, False)

    @pytest.mark.parametrize(
        ("inputs", "attributes", "message"),
        [
            (["x", "x", "x"], {"k": 1}, "it has 3 inputs, the operator takes at most 2"),
            ([], {"k": 1}, r"the required input a \(number 0\) is missing"),
            (["", "x"], {"k": 1}, r"the required input a \(number 0\) is missing"),
            (["x"], {}, "the required attribute k is missing"),
            (["x"], {"k": 1, "q": 2}, 'attribute "q" is not one of this operator\'s: k'),
        ],
    )
    def test_refused_calls(self, inputs, attributes, message):
        lowering("Probe", 1, domain="test")(lambda node, a, b=None, *, k: a)
        call = node("Probe", inputs, ["y"], domain="test", name="p", **attributes)
        with pytest.raises(OxideError, match='cannot import node "p"') as raised:
            import_onnx(model([call], opsets={"test": 1}))
        assert raised.match(message)
        assert raised.value.diagnostics[0].location == 'loc("p")'

    def test_too_few_results(self):
        lowering("Probe", 1, domain="test")(lambda node, a: a)
        call = node("Probe", ["x"], ["y", "z"], domain="test")
        with pytest.raises(OxideError, match="returned 1 values for 2 outputs"):
            import_onnx(model([call], ["x"], ["y", "z"], opsets={"test": 1}))

    def test_a_wanted_result_that_is_missing(self):
        lowering("Probe", 1, domain="test")(lambda node, a: (a, None))
        call = node("Probe", ["x"], ["y", "z"], domain="test")
        with pytest.raises(OxideError, match='no value for output 1 \\("z"\\)'):
            import_onnx(model([call], ["x"], ["y", "z"], opsets={"test": 1}))

    def test_exceptions_of_a_lowering_name_the_node(self):
        lowering("Probe", 1, domain="test")(lambda node, a: 1 / 0)
        with pytest.raises(OxideError, match='cannot import node "p"') as raised:
            import_onnx(model([node("Probe", ["x"], ["y"], name="p", domain="test")], opsets={"test": 1}))
        assert raised.match("internal error: ZeroDivisionError")

    def test_invalid_ir_names_the_node(self):
        def broken(node, a):
            return ir.Operation.create("stablehlo.add", operands=[a], results=[a.type]).results[0]

        lowering("Probe", 1, domain="test")(broken)
        with pytest.raises(OxideError, match="a lowering built invalid StableHLO") as raised:
            import_onnx(model([node("Probe", ["x"], ["y"], name="p", domain="test")], opsets={"test": 1}))
        assert any("p" in d.location for d in raised.value.diagnostics)
