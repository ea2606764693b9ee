"""Function bodies: the model's own, and those ONNX's schemas define operators by."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnx import AttributeProto, FunctionProto, TensorProto, helper, reference
from onnx_builders import OPSET, import_and_run, model, node, sample, value

from oxide import OxideError, import_onnx
from oxide.frontends.onnx.registry import REGISTRY

X = sample()
DOMAIN = "local"


def function(
    name: str, nodes, inputs=("a",), outputs=("b",), attributes=(), defaults=(), **kwargs
) -> FunctionProto:
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_function(
        DOMAIN, name, list(inputs), list(outputs), list(nodes), imports, list(attributes), list(defaults), **kwargs
    )


def call(op: str, inputs=("x",), outputs=("y",), **kwargs):
    return node(op, list(inputs), list(outputs), domain=DOMAIN, **kwargs)


def with_functions(nodes, functions, *args, **kwargs):
    return model(nodes, *args, opsets={DOMAIN: 1}, functions=functions, **kwargs)


def reference_to(op: str, inputs, outputs, attribute: str, parameter: str, kind: AttributeProto.AttributeType):
    """A node one of whose attributes is a parameter of the function around it."""
    proto = node(op, inputs, outputs)
    entry = proto.attribute.add()
    entry.name, entry.ref_attr_name, entry.type = attribute, parameter, kind
    return proto


# -------------------------------------------------------------------------------------- the model's own


def test_call():
    scaled = function("Scaled", [node("Add", ["a", "a"], ["t"]), node("Neg", ["t"], ["b"])])
    proto = with_functions([call("Scaled"), call("Scaled", ["y"], ["z"])], [scaled], ["x"], ["z"])
    np.testing.assert_array_equal(import_and_run(proto, X)[0], 4 * X)


def test_names_inside_do_not_meet_names_outside():
    """The body's `x`, `y` and `t` are its own."""
    body = [node("Neg", ["x"], ["t"]), node("Exp", ["t"], ["y"])]
    proto = with_functions(
        [node("Abs", ["x"], ["t"]), call("F", ["t"], ["u"]), node("Add", ["u", "t"], ["y"])],
        [function("F", body, ["x"], ["y"])],
    )
    np.testing.assert_allclose(import_and_run(proto, X)[0], np.exp(-abs(X)) + abs(X), rtol=1e-6)


def test_a_body_sees_nothing_outside():
    proto = with_functions([call("F")], [function("F", [node("Add", ["a", "x"], ["b"], name="inner")])])
    with pytest.raises(OxideError, match="that nothing defines") as raised:
        import_onnx(proto)
    assert raised.match('nothing defines its input "x"')


def test_attribute_references_and_defaults():
    leaky = reference_to("LeakyRelu", ["a"], ["b"], "alpha", "slope", AttributeProto.FLOAT)
    default = helper.make_attribute("slope", 0.5)
    functions = [
        function("Required", [leaky], attributes=["slope"]),
        function("Default", [leaky], defaults=[default]),
    ]

    def leaky_relu(slope):
        return np.where(X < 0, X * np.float32(slope), X)

    for name, given, expected in [
        ("Required", {"slope": 0.25}, 0.25),
        ("Required", {}, 0.01),  # the attribute is left out, and LeakyRelu has a default of its own
        ("Default", {}, 0.5),
        ("Default", {"slope": 0.125}, 0.125),
    ]:
        actual = import_and_run(with_functions([call(name, **given)], functions), X)[0]
        np.testing.assert_allclose(actual, leaky_relu(expected), rtol=1e-6)


def test_attribute_references_pass_through_nested_calls():
    inner = function(
        "Inner", [reference_to("LeakyRelu", ["a"], ["b"], "alpha", "p", AttributeProto.FLOAT)], attributes=["p"]
    )
    middle = reference_to("Inner", ["a"], ["b"], "p", "q", AttributeProto.FLOAT)
    middle.domain = DOMAIN
    outer = function("Outer", [middle], attributes=["q"])
    actual = import_and_run(with_functions([call("Outer", q=0.25)], [outer, inner]), X)[0]
    np.testing.assert_allclose(actual, np.where(X < 0, X * np.float32(0.25), X), rtol=1e-6)


def test_absent_inputs_and_outputs_that_nobody_asks_for():
    body = [node("Clip", ["a", "low", "high"], ["b"]), node("Neg", ["a"], ["c"])]
    clip = function("MyClip", body, ["a", "low", "high"], ["b", "c"])
    proto = with_functions([call("MyClip", ["x", "", "h"])], [clip], weights={"h": np.array(0.5, np.float32)})
    np.testing.assert_array_equal(import_and_run(proto, X)[0], np.minimum(X, 0.5))


def test_overloads_are_different_functions():
    functions = [
        function("F", [node("Neg", ["a"], ["b"])], overload="first"),
        function("F", [node("Abs", ["a"], ["b"])], overload="second"),
    ]
    proto = with_functions([call("F", overload="second")], functions)
    np.testing.assert_array_equal(import_and_run(proto, X)[0], abs(X))


def test_a_function_replaces_the_operator_of_its_name():
    body = helper.make_function(
        "", "Relu", ["a"], ["b"], [node("Neg", ["a"], ["b"])], [helper.make_opsetid("", OPSET)]
    )
    proto = model([node("Relu", ["x"], ["y"])], functions=[body])
    np.testing.assert_array_equal(import_and_run(proto, X)[0], -X)


def test_a_body_follows_the_opset_it_imports():
    """Clip has attributes in opset 6, inputs in the model's own opset."""
    old = helper.make_function(
        DOMAIN, "F", ["a"], ["b"], [node("Clip", ["a"], ["b"], max=0.5)], [helper.make_opsetid("", 6)]
    )
    np.testing.assert_array_equal(import_and_run(with_functions([call("F")], [old]), X)[0], np.minimum(X, 0.5))


def test_locations_of_inner_nodes_are_paths():
    body = [node("Neg", ["a"], ["b"], name="inner")]
    imported = import_onnx(with_functions([call("F", name="outer")], [function("F", body)]))
    assert 'loc("outer/inner")' in str(imported.module.operation.get_asm(enable_debug_info=True))


def test_errors_inside_name_the_path():
    body = [node("MatMul", ["a", "a"], ["b"], name="inner")]
    with pytest.raises(OxideError, match='cannot import node "outer/inner"'):
        import_onnx(with_functions([call("F", name="outer")], [function("F", body)]))


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (call("F", ["x", "x"]), "the call has 2 inputs, the function 1"),
        (call("F", ["x"], ["y", "z"]), "the call asks for 2 outputs, the function has 1"),
        (call("F", beta=1.0), 'the function has no attribute "beta"'),
    ],
)
def test_calls_that_do_not_fit(calls, message):
    proto = with_functions([calls], [function("F", [node("Neg", ["a"], ["b"])])])
    with pytest.raises(OxideError, match=message):
        import_onnx(proto)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_recursion_is_refused(length):
    functions = [
        function(f"F{i}", [node(f"F{(i + 1) % length}", ["a"], ["b"], domain=DOMAIN)]) for i in range(length)
    ]
    with pytest.raises(OxideError, match=r"may not be recursive: .*local\.F0 -> .*local\.F0"):
        import_onnx(with_functions([call("F0")], functions))


def test_recursion_of_a_function_that_is_not_called_does_not_matter():
    functions = [function("F", [node("F", ["a"], ["b"], domain=DOMAIN)])]
    np.testing.assert_array_equal(import_and_run(with_functions([node("Neg", ["x"], ["y"])], functions), X)[0], -X)


def test_deep_nesting_is_refused():
    functions = [
        function(f"F{i}", [node(f"F{i + 1}" if i < 500 else "Neg", ["a"], ["b"], domain=DOMAIN if i < 500 else "")])
        for i in range(501)
    ]
    with pytest.raises(OxideError, match="nested more than 64 deep"):
        import_onnx(with_functions([call("F0")], functions))


def test_two_functions_of_one_name():
    functions = [function("F", [node("Neg", ["a"], ["b"])])] * 2
    with pytest.raises(OxideError, match=r'two functions "local"\."F"'):
        import_onnx(with_functions([call("F")], functions))


def test_unsupported_operators_inside_are_listed_once():
    body = [node("Mystery", ["a"], ["b"], name="inner")]
    proto = with_functions([call("F"), call("F", ["y"], ["z"])], [function("F", body)], ["x"], ["z"])
    with pytest.raises(OxideError, match="1 operator is not supported") as raised:
        import_onnx(proto)
    assert raised.match(r'Mystery: .*\(1 node: "inner"\)')


def test_subgraphs_in_bodies_get_their_attribute_references():
    leaky = reference_to("LeakyRelu", ["a"], ["t"], "alpha", "slope", AttributeProto.FLOAT)
    then = helper.make_graph([leaky], "then", [], [value("t")])
    other = helper.make_graph([node("Neg", ["a"], ["e"])], "else", [], [value("e")])
    branch = node("If", ["c"], ["b"], then_branch=then, else_branch=other)
    f = function("F", [branch], ["a", "c"], attributes=["slope"])
    proto = with_functions([call("F", ["x", "c"], slope=0.25)], [f], ["x", value("c", (), TensorProto.BOOL)])
    expected = np.where(X < 0, X * np.float32(0.25), X)
    np.testing.assert_allclose(import_and_run(proto, X, np.array(True))[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(import_and_run(proto, X, np.array(False))[0], -X)


# ------------------------------------------------------------------------------- bodies given by schemas

# Operators with a body in their schema whose lowering is taken away, so that the body must do.
EXPANDED = [
    ("Elu", {"alpha": 0.5}),
    ("Elu", {}),
    ("HardSigmoid", {}),
    ("HardSwish", {}),
    ("LeakyRelu", {"alpha": 0.25}),
    ("Mish", {}),
    ("PRelu", {}),
    ("Selu", {}),
    ("Softplus", {}),
    ("Softsign", {}),
    ("ThresholdedRelu", {"alpha": 0.1}),
    ("Gelu", {"approximate": "tanh"}),  # the body depends on the node's attributes
    ("Softmax", {"axis": 0}),
    ("LogSoftmax", {}),
    ("Clip", {}),  # and on which inputs it has
]


@pytest.mark.parametrize(("op", "attributes"), EXPANDED, ids=lambda v: v if isinstance(v, str) else None)
def test_schema_body(monkeypatch, op, attributes):
    registry = {key: entry for key, entry in REGISTRY.items() if key[1] != op}
    monkeypatch.setattr("oxide.frontends.onnx.registry.REGISTRY", registry)
    inputs = {"PRelu": ["x", "w"], "Clip": ["x", "", "w"]}.get(op, ["x"])
    weights = {"w": np.array(0.25, np.float32)} if len(inputs) > 1 else {}
    proto = model([node(op, inputs, ["y"], name="outer", **attributes)], weights=weights)
    (expected,) = map(np.asarray, reference.ReferenceEvaluator(proto).run(None, {"x": X}))
    np.testing.assert_allclose(import_and_run(proto, X)[0], expected, rtol=1e-5, atol=1e-6)
    # Nodes of the body have no names a user knows: all are located at the node itself.
    text = str(import_onnx(proto).module.operation.get_asm(enable_debug_info=True))
    assert set(re.findall(r'= loc\("([^"]*)"\)', text)) <= {"outer", "tested", "x", "w"}
