"""A node whose operands do not fit its operator is refused by name: kinds, element types, ranks, ranges."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, defs, helper
from onnx_builders import graph, model, node, relu_model, value

from oxide import OxideError, import_onnx

F32, F64, I64, BOOL = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.BOOL
I8 = TensorProto.INT8


def refusal(proto: ModelProto) -> OxideError:
    with pytest.raises(OxideError) as raised:
        import_onnx(proto)
    assert "internal error" not in str(raised.value), str(raised.value)
    return raised.value


def refused_at(name: str, proto: ModelProto, pattern: str) -> None:
    error = refusal(proto)
    assert f'loc("{name}")' in [d.location for d in error.diagnostics], str(error)
    assert re.search(pattern, str(error)), str(error)


def one(op_type: str, *inputs, weights=None, outputs=("y",), opset=21, **attributes) -> ModelProto:
    """A model of one node called "bad"; inputs are shapes or (shape, element type), weights follow them."""
    declared = []
    for number, given in enumerate(inputs):
        shape, dtype = given if given and isinstance(given[0], tuple) else (given, F32)
        declared.append(value(f"x{number}", shape, dtype))
    names = [v.name for v in declared] + list(weights or {})
    untyped = [helper.make_empty_tensor_value_info(name) for name in outputs]
    nodes = [node(op_type, names, list(outputs), name="bad", **attributes)]
    return model(nodes, declared, untyped, weights=weights, opset=opset)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


# --------------------------------------------------------------------------------- kinds and element types


@pytest.mark.parametrize(
    ("proto", "pattern"),
    [
        (one("Reshape", (2, 3), weights={"s": floats(6)}), r'input 1 \("s"\) is float, .* takes integer'),
        (one("Where", ((2,), I64), (2,), (2,)), r'input 0 \("x0"\) is integer, the operator takes bool'),
        (one("ConvInteger", ((1, 0, 3, 3), I8), ((2, 1, 1, 1), I8), group=0), "in 0 groups"),
        (
            one("NonMaxSuppression", (1, 2, 4), (1, 1, 2), weights={"limit": np.zeros(0, np.int64)}),
            "'max_output_boxes_per_class' must be one number",
        ),
        (one("Sqrt", ((2,), I64)), r'input 0 \("x0"\) is integer, the operator takes float'),
        (one("Not", (2,)), "is float, the operator takes bool"),
        (one("ReduceSum", ((2,), TensorProto.COMPLEX64)), "is complex, the operator takes float or integer"),
        (one("Range", ((), BOOL), ((), BOOL), ((), BOOL)), "is bool, the operator takes float or integer"),
        (one("SequenceLength", (2,)), "is float, the operator takes a sequence"),
    ],
)
def test_operands_of_the_wrong_kind(proto, pattern):
    refused_at("bad", proto, pattern)


def test_sequence_where_a_tensor_is_needed():
    nodes = [node("SequenceConstruct", ["x"], ["s"], name="make"), node("Relu", ["s"], ["y"], name="bad")]
    refused_at("bad", model(nodes), r'input 0 \("s"\) is a sequence, the operator takes float')


def test_absent_operand_among_variadic_ones():
    refused_at("bad", model([node("Sum", ["x", "", "x"], ["y"], name="bad")]), "input 1 is absent")


@pytest.mark.parametrize(
    "proto",
    [
        one("Conv", (1, 2, 4, 4), ((3, 2, 3, 3), F64)),
        one("MatMul", (2, 3), ((3, 2), F64)),
        one("Concat", (2, 3), ((2, 3), I64), axis=0),
        one("Pad", (2, 3), weights={"p": ints(0, 0, 1, 1), "v": np.float64(1)}),
        one("Where", ((2,), BOOL), (2,), ((2,), F64)),
        one("ScatterND", (4,), ((2, 1), I64), ((2,), F64)),
    ],
    ids=lambda proto: proto.graph.node[0].op_type,
)
def test_operands_that_must_share_an_element_type(proto):
    refused_at("bad", proto, r"input \d .* has element type .*; they must be the same")


def test_element_types_newer_than_the_operator_are_fine():
    """Conv-11 predates bfloat16; a lowering treats it as every other float."""
    kinds = ((1, 2, 4, 4), TensorProto.BFLOAT16), ((3, 2, 3, 3), TensorProto.BFLOAT16)
    assert "bf16" in str(import_onnx(one("Conv", *kinds, opset=13)).module)


# ------------------------------------------------------------------------------------------ ranks and lengths


@pytest.mark.parametrize(
    ("proto", "pattern"),
    [
        (one("Trilu", (3,)), "'input' must have rank at least 2"),
        (one("Trilu", (3, 3), ((2,), I64)), "'k' must be one number"),
        (one("Reshape", (2, 3), weights={"s": ints(6)[None]}), r"'shape' must be a list .* \(1, 1\)"),
        (one("Tile", (2, 3), weights={"r": ints(2)}), r"1 repeats for an input of shape \(2, 3\)"),
        (one("CumSum", (2, 3), weights={"a": ints(0, 1)}), "'axis' must be one number"),
        (one("OneHot", ((2,), I64), weights={"d": ints(), "v": floats(0, 1)}), "'depth' must be one number"),
        (one("OneHot", ((2,), I64), weights={"d": ints(3), "v": floats(0)}), r"values must be \[off, on\]"),
        (one("ReverseSequence", (4,), ((4,), I64)), "'input' must have rank at least 2"),
        (one("ReverseSequence", (4, 2), ((4,), I64)), r"sequence_lens of shape \(4,\)"),
        (one("ReverseSequence", (4, 2), ((2,), I64), time_axis=1), "do not fit|the axes are 0 and 1"),
        (one("Conv", (2, 3), (2, 3, 1)), "'X' must have rank at least 3"),
        (one("Conv", (1, 2, 4, 4), (3, 2, 3)), "'W' must have rank 4"),
        (one("Conv", (1, 2, 4, 4), (3, 1, 3, 3)), "do not fit 1 groups"),
        (one("Conv", (1, 2, 4, 4), (3, 2, 3, 3), (2,)), "one value a channel"),
        (one("ConvTranspose", (1, 2, 4), (2, 3)), "'W' must have rank 3"),
        (one("ConvTranspose", (1, 2, 4), (2, 3, 3), group=0), "do not fit 0 groups"),
        (one("MaxPool", (2, 3), kernel_shape=[2]), "'X' must have rank at least 3"),
        (one("MaxUnpool", (1, 1, 2, 2), ((1, 1, 2, 2), I64), kernel_shape=[2]), "kernel_shape is"),
        (one("MaxUnpool", (1, 1, 2, 2), ((1, 1, 2), I64), kernel_shape=[2, 2]), "differ in shape"),
        (one("InstanceNormalization", (1, 2, 3), (3,), (3,)), "one value for each channel"),
        (one("GroupNormalization", (), (1,), (1,), num_groups=1), "'X' must have rank at least 2"),
        (one("LRN", (3,), size=3), "'X' must have rank at least 2"),
        (one("LRN", (1, 3), size=0), "size is 0"),
        (one("DFT", (2,)), "'input' must have rank at least 2"),
        (one("Attention", *[(1, 1, 2, 0)] * 3, opset=24), "the heads have no elements"),
        (one("QuantizeLinear", (2,), (), opset=23, precision=TensorProto.UINT8), "precision is uint8"),
        (one("Gather", (0, 3), ((2,), I64)), r"cannot be gathered from shape \(0, 3\)"),
        (one("BitCast", ((2,), TensorProto.COMPLEX64), opset=26, to=F64), "cannot reinterpret complex64"),
        (one("GatherND", (2, 3), ((), I64)), "'indices' must have rank at least 1"),
        (one("GatherND", (2, 3), ((4, 3), I64)), "more coordinates"),
        (one("GatherND", (2, 3), ((5, 1), I64), batch_dims=1), "do not share 1 dimensions"),
        (one("GatherElements", (2, 3), ((2,), I64)), "'indices' must have rank 2"),
        (one("ScatterND", (4, 2), ((3, 1), I64), (3,)), r"the indices need \(3, 2\)"),
        (one("ScatterElements", (4, 2), ((1, 2), I64), (2, 2)), "differ in shape"),
        (one("ScatterElements", (4, 2), ((2,), I64), (2,)), "'indices' must have rank 2"),
        (one("Attention", (1, 1, 2, 4), (1, 1, 2, 4), (1, 1, 2, 4), (), opset=24), "'attn_mask' must have rank"),
    ],
    ids=lambda v: v.graph.node[0].op_type if isinstance(v, ModelProto) else "",
)
def test_operands_of_the_wrong_rank_or_length(proto, pattern):
    refused_at("bad", proto, pattern)


# ------------------------------------------------------------------------------------------ out of range


@pytest.mark.parametrize(
    ("proto", "pattern"),
    [
        (one("AveragePool", (1, 1, 4), kernel_shape=[2], pads=[1 << 40, 0]), "over the limit"),
        (one("LpPool", (1, 1, 4), kernel_shape=[(1 << 63) - 1], auto_pad="SAME_LOWER"), "over the limit"),
        (one("HannWindow", weights={"n": np.int64(1 << 31)}), "size is 2147483648"),
        (one("Pad", (3,), weights={"p": ints(1 << 31, 0)}, mode="reflect"), "make 3 elements more than"),
        (one("Pad", (1 << 31,), weights={"p": ints(1, 1)}, mode="reflect"), "make 2147483648 elements more than"),
        (one("LpPool", (1, 1, 4), kernel_shape=[2], p=0), "p is 0"),
        (
            one("Dropout", (1 << 31,), weights={"r": np.float32(0.5), "t": np.bool_(True)}),
            "draws are over the limit",
        ),
        (one("Range", weights={"a": np.float32(0), "b": np.float32("nan"), "c": np.float32(1)}), "is not defined"),
        (one("TopK", (3,), weights={"k": ints(4)}, outputs=("y", "z")), "4 elements from a dimension of size 3"),
        (one("TopK", (3,), weights={"k": ints(-1)}, outputs=("y", "z")), "-1 elements"),
        (one("Flatten", (2, 3), axis=5), "axis 5 is out of range"),
        (one("Concat", (2,), (2,), axis=-2), "axis -2 is out of range"),
        (one("DepthToSpace", (1, 4, 2, 2), blocksize=0), "blocks of 0"),
        (one("Cast", (2,), to=99), "element type 99"),
        (one("EyeLike", (2, 2), dtype=0), "element type UNDEFINED"),
        (one("Conv", (1, 2, 4, 4), (3, 2, 3, 3), strides=[0, 1]), "strides is"),
        (one("Softmax", (2, 3), axis=-3), "axis -3 is out of range"),
    ],
    ids=lambda v: v.graph.node[0].op_type if isinstance(v, ModelProto) else "",
)
def test_numbers_out_of_range(proto, pattern):
    refused_at("bad", proto, pattern)


@pytest.mark.parametrize(
    ("attribute", "choice"),
    [
        ("Pad", {"mode": "mirror"}),
        ("AveragePool", {"kernel_shape": [2], "auto_pad": "SAME"}),
        ("Resize", {"mode": "quadratic"}),
        ("Resize", {"nearest_mode": "up"}),
        ("Resize", {"coordinate_transformation_mode": "centre"}),
        ("GridSample", {"padding_mode": "none"}),
        ("Gelu", {"approximate": "erf"}),
        ("ScatterElements", {"reduction": "mean"}),
        ("DepthToSpace", {"blocksize": 2, "mode": "CDR"}),
        ("RNN", {"hidden_size": 2, "direction": "up"}),
    ],
)
def test_unknown_enumerators(attribute, choice):
    operands = {
        "Pad": ([(2, 3)], {"p": ints(0, 0, 1, 1)}),
        "AveragePool": ([(1, 1, 4)], {}),
        "Resize": ([(1, 1, 4, 4)], {"r": floats(), "s": floats(1, 1, 2, 2)}),
        "GridSample": ([(1, 1, 4, 4), (1, 2, 2, 2)], {}),
        "Gelu": ([(2, 3)], {}),
        "ScatterElements": ([(2, 3), ((2, 3), I64), (2, 3)], {}),
        "DepthToSpace": ([(1, 4, 2, 2)], {}),
        "RNN": ([(3, 1, 2), (1, 2, 2), (1, 2, 2)], {}),
    }
    inputs, weights = operands[attribute]
    chosen = list(choice.values())[-1]
    refused_at("bad", one(attribute, *inputs, weights=weights, **choice), re.escape(str(chosen)))


FEATURES: dict[str, dict[str, Any]] = {
    "FeatureVectorizer": {},
    "Imputer": {"imputed_value_floats": [0.0]},
    "LinearClassifier": {"coefficients": [1.0], "classlabels_ints": [0, 1]},
    "LinearRegressor": {"coefficients": [1.0]},
    "Normalizer": {},
    "Scaler": {},
    "SVMClassifier": {"coefficients": [1.0], "classlabels_ints": [0, 1, 2], "rho": [0.0]},
    "SVMRegressor": {"coefficients": [1.0], "rho": [0.0]},
}


@pytest.mark.parametrize("op_type", FEATURES)
def test_features_of_rank_0(op_type):
    outputs = ["y", "z"] if op_type.endswith("Classifier") else ["y"]
    nodes = [node(op_type, ["x"], outputs, name="bad", domain="ai.onnx.ml", **FEATURES[op_type])]
    ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
    refused_at("bad", model(nodes, [value("x", ())], ends, opsets={"ai.onnx.ml": 1}), "must have rank")


def test_coordinates_that_are_floats():
    """Microsoft's operators have no schema that says so."""
    nodes = [node("GatherND", ["x", "i"], ["y"], name="bad", domain="com.microsoft")]
    ends = [helper.make_empty_tensor_value_info("y")]
    proto = model(nodes, [value("x"), value("i", (4, 1))], ends, opsets={"com.microsoft": 1})
    refused_at("bad", proto, "indices must be integers, not float32")


def test_embedded_words_of_rank_3():
    nodes = [node("EmbedLayerNormalization", ["i", "", "w", "p"], ["y"], name="bad", domain="com.microsoft")]
    inputs = [value("i", (1, 2, 3), TensorProto.INT32), value("w", (9, 4)), value("p", (5, 4))]
    ends = [helper.make_empty_tensor_value_info("y")]
    refused_at("bad", model(nodes, inputs, ends, opsets={"com.microsoft": 1}), "'input_ids' must have rank 2")


def test_lists_of_a_tree_that_differ_in_length():
    """TreeEnsemble's tables are read together; a leaf of a target that is not there is refused as well."""
    attributes: dict[str, Any] = {
        "n_targets": 1,
        "nodes_falseleafs": [1],
        "nodes_falsenodeids": [1],
        "nodes_featureids": [0],
        "nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [1], [0]),
        "nodes_splits": helper.make_tensor("s", F32, [1], [0.5]),
        "nodes_trueleafs": [1],
        "nodes_truenodeids": [0],
        "leaf_targetids": [0, 0],
        "leaf_weights": helper.make_tensor("w", F32, [2], [1.0, 2.0]),
        "tree_roots": [0],
    }

    def tree(**changes) -> ModelProto:
        nodes = [node("TreeEnsemble", ["x"], ["y"], name="bad", domain="ai.onnx.ml", **{**attributes, **changes})]
        return model(nodes, [value("x", (4, 1))], [value("y", (4, 1))], opsets={"ai.onnx.ml": 5})

    import_onnx(tree())
    refused_at("bad", tree(nodes_trueleafs=[1, 1]), "differ in length")
    refused_at("bad", tree(leaf_targetids=[0, 7]), "leaf_targetids must be 0 to n_targets")
    refused_at("bad", tree(tree_roots=[-5]), "refers to a node outside")
    refused_at("bad", tree(nodes_truenodeids=[9]), "refers to a node outside")
    refused_at("bad", tree(nodes_featureids=[-1]), "a feature is negative")


def test_skips_beyond_the_row_cost_nothing():
    """TfIdfVectorizer: distances that no row is long enough for are not tried one by one."""
    proto = one(
        "TfIdfVectorizer",
        ((1, 4), I64),
        opset=9,
        max_gram_length=2,
        min_gram_length=1,
        max_skip_count=1 << 60,
        mode="TF",
        ngram_counts=[0, 2],
        ngram_indexes=[0, 1, 2, 3],
        pool_int64s=[1, 2, 1, 2, 2, 3],
    )
    import_onnx(proto)


# --------------------------------------------------------------------------- faults of the graph name its nodes


def test_opset_errors_name_nodes():
    missing, old, new, huge = (relu_model() for _ in range(4))
    huge.graph.node[0].domain = huge.opset_import[0].domain = "com.microsoft"
    huge.opset_import[0].version = (1 << 63) - 1
    del missing.opset_import[:]
    old.opset_import[0].version = 0
    new.opset_import[0].version = defs.onnx_opset_version() + 1
    for proto, pattern in (
        (missing, "imports no opset"),
        (old, "in version 0"),
        (new, "newer onnx package"),
        (huge, "Relu"),
    ):
        refused_at("act", proto, pattern)


@pytest.mark.parametrize("kind", ["input", "output", "initializer"])
def test_repeated_names_name_the_nodes_that_use_them(kind):
    proto = model([node("Add", ["x", "w"], ["y"], name="add")], weights={"w": np.ones((2, 3), np.float32)})
    values = getattr(proto.graph, kind)
    values.append(values[0])
    refused_at("add", proto, f"more than one graph {kind} is called")


def test_input_over_the_limit_is_named():
    assert 'input "x": a tensor of shape' in str(
        refusal(model([node("Relu", ["x"], ["y"])], [value("x", (1 << 60,))]))
    )


def test_initializer_of_an_absurd_empty_shape():
    proto = model([node("Add", ["x", "w"], ["y"])])
    proto.graph.initializer.append(TensorProto(name="w", data_type=F32, dims=[0, 1 << 62, 8], raw_data=b""))
    assert 'tensor "w": a shape of' in str(refusal(proto))


def test_graph_attribute_without_a_type():
    """An attribute that holds a graph but says no type, as models of IR version 1 may: refused by name."""
    branch = graph([node("Relu", ["x"], ["b"])], [], [value("b")])
    choose = node("If", ["c"], ["y"], name="bad")
    choose.attribute.add(name="then_branch").g.CopyFrom(branch)
    choose.attribute.add(name="else_branch", type=AttributeProto.GRAPH).g.CopyFrom(branch)
    refused_at("bad", model([choose], ["x", value("c", (), BOOL)]), "attribute then_branch must be graph")


def test_large_ranges_are_not_computed_at_import():
    """ArgMax over 2^31 elements counts positions; the counts are no constant of 16 GiB."""
    proto = one("ArgMax", (1 << 31,))
    assert "stablehlo.iota" in str(import_onnx(proto).module)
