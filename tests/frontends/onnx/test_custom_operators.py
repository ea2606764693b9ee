"""Lowerings that are given to an import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer
from jaxlib.mlir import ir
from onnx import TensorProto, helper, numpy_helper
from onnx_builders import DOMAIN, OPSET, call, import_and_run, model, node, one_call, run, sample, value

from oxide import OnnxLowerings, OxideError, import_onnx, load
from oxide.dialects import hlo
from oxide.verification import LayerReport, verify_layers

X = sample()


def swish(x, *, beta=1.0):
    return x * jax.nn.sigmoid(beta * x)


def expected_swish(x: np.ndarray, beta: float) -> np.ndarray:
    return x / (1 + np.exp(-beta * x))


# --------------------------------------------------------------------------------------- JAX functions


def test_jax_function_by_name():
    proto = one_call("Swish", beta=2.0)
    (y,) = import_and_run(proto, X, lowerings={"my.domain.Swish": swish})
    np.testing.assert_allclose(y, expected_swish(X, 2.0), rtol=1e-5)


def test_load_takes_lowerings(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(one_call("Swish").SerializeToString())
    (y,) = run(load(path, lowerings={"my.domain.Swish": swish}), X)
    np.testing.assert_allclose(y, expected_swish(X, 1.0), rtol=1e-5)


def test_nothing_stays_between_imports():
    import_onnx(one_call("Swish"), lowerings={"my.domain.Swish": swish})
    with pytest.raises(OxideError, match=r"my\.domain\.Swish"):
        import_onnx(one_call("Swish"))


def test_all_attributes_come_as_python_values():
    table = np.arange(3, dtype=np.float32)
    seen: dict[str, Any] = {}

    def record(x, **attributes):
        seen.update(attributes)
        return x + attributes["table"]

    proto = one_call(
        "Record",
        i=3,
        f=0.5,
        s="text",
        ints=[1, 2],
        floats=[0.5],
        strings=["a", "b"],
        table=numpy_helper.from_array(table),
        function=1,
        node=2,
    )
    (y,) = import_and_run(proto, X, lowerings={"my.domain.Record": record})
    np.testing.assert_array_equal(y, X + table)
    np.testing.assert_array_equal(seen.pop("table"), table)
    assert seen == {
        "i": 3,
        "f": 0.5,
        "s": "text",
        "ints": [1, 2],
        "floats": [0.5],
        "strings": ["a", "b"],
        "function": 1,
        "node": 2,
    }


def test_absent_inputs_and_several_outputs():
    def split(x, low, high):
        assert low is None
        return jnp.minimum(x, high), None, jnp.maximum(x, high)

    proto = one_call("Split", ["x", "", "h"], ["a", "", "b"], weights={"h": np.array([0.5, 0, 1], np.float32)})
    imported = import_onnx(proto, lowerings={"my.domain.Split": split})
    a, b = run(imported, X)
    np.testing.assert_array_equal(a, np.minimum(X, [0.5, 0, 1]))
    np.testing.assert_array_equal(b, np.maximum(X, [0.5, 0, 1]))
    assert list(imported.parameters) == ["h"]


def test_small_integers_are_known_and_weights_are_not():
    """Target shapes decide shapes; a weight stays an argument of the module."""

    def affine(x, weight, shape):
        assert isinstance(shape, np.ndarray)
        assert isinstance(weight, Tracer)
        return jnp.reshape(x * weight, shape)

    weights = {"w": np.array([1, 2, 3], np.float32), "shape": np.array([3, 2])}
    proto = one_call("Affine", ["x", "w", "shape"], weights=weights)
    imported = import_onnx(proto, lowerings={"my.domain.Affine": affine})
    np.testing.assert_array_equal(run(imported, X)[0], (X * weights["w"]).reshape(3, 2))


def test_arrays_the_function_closes_over_are_weights():
    table = np.random.default_rng(0).standard_normal((3, 400)).astype(np.float32)
    imported = import_onnx(one_call("Project"), lowerings={"my.domain.Project": lambda x: x @ table})
    ((name, stored),) = imported.parameters.items()
    assert name == "y"
    np.testing.assert_array_equal(stored, table)
    np.testing.assert_allclose(run(imported, X)[0], X @ table, rtol=1e-5, atol=1e-5)


def test_64_bit_integers_stay():
    proto = model(
        [call("Shift", ["i"])],
        [value("i", (2,), TensorProto.INT64)],
        [value("y", (2,), TensorProto.INT64)],
        opsets={DOMAIN: 1},
    )
    big = np.array([1 << 40, -3])
    (y,) = import_and_run(proto, big, lowerings={"my.domain.Shift": lambda i: i + 1})
    np.testing.assert_array_equal(y, big + 1)


def test_control_flow_and_inner_functions_are_inlined():
    @jax.jit
    def inner(x):
        return jnp.where(x > 0, x, 0.1 * x)

    def repeated(x, *, times):
        return jax.lax.fori_loop(0, times, lambda i, v: inner(v) + 1, x)

    imported = import_onnx(one_call("Repeat", times=3), lowerings={"my.domain.Repeat": repeated})
    wanted = X
    for _ in range(3):
        wanted = np.where(wanted > 0, wanted, np.float32(0.1) * wanted) + 1
    np.testing.assert_allclose(run(imported, X)[0], wanted, rtol=1e-5)
    assert len(list(imported.module.body.operations)) == 1


def test_operations_have_the_location_of_the_node():
    imported = import_onnx(one_call("Swish"), lowerings={"my.domain.Swish": swish})
    names = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name.startswith("stablehlo."):
            names.add(ir.NameLoc(op.location).name_str)
        return ir.WalkResult.ADVANCE

    imported.module.operation.walk(visit)
    assert names == {"call"}


def test_inside_a_subgraph_and_a_function_body():
    body = helper.make_function(
        "local", "F", ["a"], ["b"], [call("Swish", ["a"], ["b"])], [helper.make_opsetid(DOMAIN, 1)]
    )
    branch = helper.make_graph([call("Swish", ["x"], ["z"])], "then", [], [value("z")])
    other = helper.make_graph([node("Neg", ["x"], ["n"])], "else", [], [value("n")])
    proto = model(
        [
            node("If", ["c"], ["t"], then_branch=branch, else_branch=other),
            node("F", ["t"], ["y"], domain="local"),
        ],
        ["x", value("c", (), TensorProto.BOOL)],
        opsets={DOMAIN: 1, "local": 1},
        functions=[body],
    )
    (y,) = import_and_run(proto, X, np.array(True), lowerings={"my.domain.Swish": swish})
    np.testing.assert_allclose(y, expected_swish(expected_swish(X, 1.0), 1.0), rtol=1e-5)


# --------------------------------------------------------------------------------------- OnnxLowerings


def test_versions_and_lowerings_in_stablehlo():
    given = OnnxLowerings()

    @given.jax_function("Scale", domain=DOMAIN)
    def scale_1(x):
        return 2 * x

    @given.lowering("Scale", 3, domain=DOMAIN)
    def scale_3(node, x, *, factor: float):
        return hlo.multiply(x, factor)

    for version, attributes, factor in [(1, {}, 2), (2, {}, 2), (3, {"factor": 5.0}, 5), (9, {"factor": 5.0}, 5)]:
        (y,) = import_and_run(one_call("Scale", version=version, **attributes), X, lowerings=given)
        np.testing.assert_array_equal(y, factor * X)
    with pytest.raises(OxideError, match="the required attribute factor is missing"):
        import_onnx(one_call("Scale", version=3), lowerings=given)
    with pytest.raises(ValueError, match=r"my\.domain\.Scale-3 is registered twice"):
        given.jax_function("Scale", 3, domain=DOMAIN)(scale_1)


def test_a_given_lowering_replaces_a_function_of_the_model():
    body = helper.make_function(
        DOMAIN, "Swish", ["a"], ["b"], [node("Neg", ["a"], ["b"])], [helper.make_opsetid("", OPSET)]
    )
    proto = model([call("Swish")], opsets={DOMAIN: 1}, functions=[body])
    np.testing.assert_array_equal(import_and_run(proto, X)[0], -X)
    (y,) = import_and_run(proto, X, lowerings={"my.domain.Swish": swish})
    np.testing.assert_allclose(y, expected_swish(X, 1.0), rtol=1e-5)


def test_an_operator_of_onnx_that_oxide_lacks_can_be_given():
    declared = [value(name, (3,), TensorProto.UINT8) for name in ("x", "y")]
    proto = model([node("ImageDecoder", ["x"], ["y"])], declared[:1], declared[1:])
    stream = np.array([1, 2, 3], np.uint8)
    (y,) = import_and_run(proto, stream, lowerings={"ImageDecoder": lambda x: x[::-1]})
    np.testing.assert_array_equal(y, stream[::-1])


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("function", "attributes", "message"),
    [
        (lambda x: x, {"beta": 2.0}, "does not take this node's inputs and attributes: .*'beta'"),
        (lambda x, y: x, {}, "does not take this node's inputs and attributes: .*'y'"),
        (lambda x: {"a": x}, {}, "returns a dict where an array is expected"),
        (lambda x: x @ x, {}, "JAX cannot trace the function: TypeError: dot_general"),
        (lambda x: (x,), {}, "returned 1 values for 2 outputs"),
        (lambda x: (x, None), {}, 'returned no value for output 1 ."z".'),
        (lambda x: (jax.debug.print("{}", x), x)[1], {}, "calls back into Python"),
    ],
)
def test_functions_that_do_not_fit(function: Callable, attributes, message):
    outputs = ["y", "z"] if "output" in message else ["y"]
    with pytest.raises(OxideError, match=message) as raised:
        import_onnx(one_call("F", outputs=outputs, **attributes), lowerings={"my.domain.F": function})
    assert raised.match('cannot import node "call"')


def test_open_dimensions_are_refused():
    proto = model([call("Swish")], [value("x", ("n", 3))], [value("y", ("n", 3))], opsets={DOMAIN: 1})
    with pytest.raises(OxideError, match=r"JAX functions are traced for fixed sizes, .*; fix its sizes") as raised:
        import_onnx(proto, lowerings={"my.domain.Swish": swish})
    assert raised.match('cannot import node "call"')
    (y,) = import_and_run(proto, X, dims={"n": 2}, lowerings={"my.domain.Swish": swish})
    np.testing.assert_allclose(y, expected_swish(X, 1.0), rtol=1e-5)


def test_graph_attributes():
    branch = helper.make_graph([node("Neg", ["x"], ["z"])], "body", [], [value("z")])
    with pytest.raises(OxideError, match="attribute body is a graph"):
        import_onnx(one_call("F", body=branch), lowerings={"my.domain.F": lambda x, body: x})


def test_errors_of_a_given_lowering_are_not_called_internal():
    given = OnnxLowerings()

    @given.lowering("F", domain=DOMAIN)
    def broken(node, x):
        raise KeyError("oops")

    with pytest.raises(OxideError, match="the lowering that the caller provides raised KeyError"):
        import_onnx(one_call("F"), lowerings=given)


def test_oxides_own_lowerings_are_not_replaced():
    proto = model([node("Relu", ["x"], ["y"])])
    with pytest.raises(OxideError, match="a lowering of it is given, but Oxide has one"):
        import_onnx(proto, lowerings={"Relu": lambda x: x})


def test_what_is_no_lowering():
    with pytest.raises(TypeError, match=r"my\.domain\.F is no function: 3"):
        import_onnx(one_call("F"), lowerings={"my.domain.F": 3})  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="a list is neither"):
        import_onnx(one_call("F"), lowerings=[swish])  # pyright: ignore[reportArgumentType]


def test_the_message_about_unknown_operators_says_how_to_give_one():
    with pytest.raises(OxideError, match=r"lowerings=\{'my\.domain\.Operator': function\}"):
        import_onnx(one_call("Swish"))


def test_layers_of_a_given_lowering_are_verified():
    """onnxruntime has Microsoft's Inverse; a lowering that is wrong is found at its node."""
    nodes = [node("Inverse", ["x"], ["y"], name="inverse", domain="com.microsoft"), node("Neg", ["y"], ["z"])]
    shapes = [value(name, (2, 2)) for name in "xyz"]
    proto = model(nodes, shapes[:1], shapes[1:], opsets={"com.microsoft": 1})
    x = np.array([[2, 1], [1, 3]], np.float32)

    def verified(function: Callable) -> LayerReport:
        lowerings = {"com.microsoft.Inverse": function}
        return verify_layers(proto.SerializeToString(), {"x": x}, lowerings=lowerings)

    assert verified(jnp.linalg.inv).first_divergence is None
    assert verified(lambda x: x.T).node_name == "inverse"
