"""ai.onnx.ml operators against onnxruntime, on random models of the kinds that converters write."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from oxide import OxideError, import_onnx

KINDS = {np.float32: 1, np.float64: 11, np.int64: 7, np.int32: 6}
rng = np.random.default_rng(7)
X = rng.standard_normal((9, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def fresh_numbers():
    """Every test draws the same numbers, whichever ran before it on this worker."""
    global rng
    rng = np.random.default_rng(7)


def ml_model(op, inputs, outputs=("y",), kinds=(TensorProto.FLOAT,), version=3, **attributes):
    node = helper.make_node(
        op, [f"x{i}" for i in range(len(inputs))], list(outputs), domain="ai.onnx.ml", **attributes
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(f"x{i}", KINDS[a.dtype.type], a.shape) for i, a in enumerate(inputs)],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(outputs, kinds, strict=True)],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def check(op, *inputs, rtol=1e-5, atol=1e-6, **options):
    """Our results are onnxruntime's."""
    proto = ml_model(op, inputs, **options)
    feeds = {f"x{i}": a for i, a in enumerate(inputs)}
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    have = import_onnx(proto).compile(cache=False).run(feeds)
    for ours, theirs in zip(have.values(), map(np.asarray, session.run(None, feeds)), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=rtol, atol=atol)


CLASSIFIER = {"outputs": ("y", "z"), "kinds": (TensorProto.INT64, TensorProto.FLOAT)}


# ------------------------------------------------------------------------------------------------ features


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer(norm):
    x = X.copy()
    x[0] = 0
    check("Normalizer", x, norm=norm)


def test_scaler_of_integers():
    check("Scaler", np.arange(8, dtype=np.int64).reshape(2, 4), offset=[1.0, 2, 3, 4], scale=[0.5, 2, 3, 1])


def test_binarizer():
    check("Binarizer", X, threshold=0.3)


@pytest.mark.parametrize("replaced", [np.nan, 3.0])
def test_imputer(replaced):
    x = X.copy()
    x[1, 2] = x[4, 0] = replaced
    check("Imputer", x, imputed_value_floats=[1.0, 2, 3, 4], replaced_value_float=replaced)


def test_imputer_of_integers():
    x = np.array([[1, -1], [-1, 4]], np.int64)
    check("Imputer", x, kinds=(7,), imputed_value_int64s=[9], replaced_value_int64=-1)


def test_one_hot_encoder():
    check("OneHotEncoder", np.array([[1, 7], [3, 5]], np.int64), cats_int64s=[1, 3, 5], zeros=1)


def test_feature_vectorizer():
    check("FeatureVectorizer", X, np.arange(18, dtype=np.float32).reshape(9, 2), inputdimensions=[4, 2])


@pytest.mark.parametrize("version", [3, 4])
def test_label_encoder(version):
    x = np.array([[1.0, np.nan], [2.0, 5.0]], np.float32)
    attributes = {"keys_floats": [1.0, np.nan, 2.0], "values_int64s": [10, 20, 30], "default_int64": -5}
    check("LabelEncoder", x, kinds=(7,), version=version, **attributes)


# ---------------------------------------------------------------------------------------------- linear, SVM


@pytest.mark.parametrize("post_transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("classes", [2, 3])
def test_linear_classifier(post_transform, classes):
    attributes = {
        "coefficients": rng.standard_normal(4 * classes).tolist(),
        "intercepts": rng.standard_normal(classes).tolist(),
        "classlabels_ints": [5, 3, 8][:classes],
        "post_transform": post_transform,
    }
    check("LinearClassifier", X, **CLASSIFIER, **attributes)


@pytest.mark.parametrize("post_transform", ["NONE", "LOGISTIC"])
def test_linear_classifier_with_one_row(post_transform):
    attributes = {
        "coefficients": rng.standard_normal(4).tolist(),
        "intercepts": [0.1],
        "classlabels_ints": [5, 3],
        "post_transform": post_transform,
    }
    check("LinearClassifier", X, **CLASSIFIER, **attributes)


def test_linear_regressor():
    attributes = {"coefficients": rng.standard_normal(8).tolist(), "intercepts": [1.0, 2.0], "targets": 2}
    check("LinearRegressor", X, **attributes)


def test_probit():
    x = rng.uniform(0.05, 0.95, (9, 2)).astype(np.float32)
    attributes = {"coefficients": [1.0, 0, 0, 1.0], "targets": 2, "post_transform": "PROBIT"}
    check("LinearRegressor", x, rtol=1e-4, **attributes)


SVM = {"kernel_params": [0.4, 0.2, 3.0], "support_vectors": rng.standard_normal(6 * 4).tolist()}


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
@pytest.mark.parametrize("one_class", [0, 1])
def test_svm_regressor(kernel, one_class):
    weights = rng.standard_normal(6).tolist()
    options = {"coefficients": weights, "rho": [0.3], "n_supports": 6, "one_class": one_class}
    check("SVMRegressor", X, kernel_type=kernel, rtol=1e-4, **SVM, **options)


@pytest.mark.parametrize("per_class", [[2, 4], [2, 3, 1]])
@pytest.mark.parametrize("probability", [False, True])
def test_svm_classifier(per_class, probability):
    classes = len(per_class)
    pairs = classes * (classes - 1) // 2
    attributes = {
        "classlabels_ints": [4, 2, 9][:classes],
        "coefficients": rng.standard_normal(6 * (classes - 1)).tolist(),
        "rho": rng.standard_normal(pairs).tolist(),
        "vectors_per_class": per_class,
        "kernel_type": "RBF",
    }
    if probability:
        attributes |= {"prob_a": [-1.2] * pairs, "prob_b": [0.1] * pairs}
    check("SVMClassifier", X, rtol=1e-4, **CLASSIFIER, **SVM, **attributes)


@pytest.mark.parametrize("post_transform", ["NONE", "SOFTMAX"])
def test_svm_classifier_without_support_vectors(post_transform):
    attributes: dict[str, Any] = {
        "coefficients": rng.standard_normal(4 * 3).tolist(),
        "rho": [0.3],
        "kernel_params": SVM["kernel_params"],
        "post_transform": post_transform,
    }
    check("SVMClassifier", X, classlabels_ints=[4, 2, 9], **CLASSIFIER, **attributes)
    two = attributes | {"coefficients": attributes["coefficients"][:8]}
    with pytest.raises(OxideError, match="LinearClassifier"):
        import_onnx(ml_model("SVMClassifier", [X], classlabels_ints=[4, 2], **CLASSIFIER, **two))


def zip_map_model(scores, **attributes):
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    element = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    output = helper.make_value_info("y", helper.make_sequence_type_proto(element))
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", 1, scores.shape)], [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 1)], ir_version=8)


def test_zip_map_is_the_tensor_of_its_scores():
    labels = [7, 3, 5, -1]
    proto = zip_map_model(X, classlabels_int64s=labels)
    maps: Any = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": X})[0]
    have = np.asarray(import_onnx(proto).compile(cache=False).run({"x": X})["y"])
    np.testing.assert_array_equal(have, np.array([[scores[label] for label in labels] for scores in maps]))


def test_zip_map_of_strings_is_refused():
    with pytest.raises(OxideError, match=r"integer labels or zipmap=False"):
        import_onnx(zip_map_model(X, classlabels_strings=["a", "b", "c", "d"]))


# ---------------------------------------------------------------------------------------------------- trees


def random_forest(trees, depth, modes, targets, low=-1.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """The node and leaf attributes of full and not so full random trees; `targets` are those leaves vote for."""
    columns = {
        key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    }
    leaves = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(trees):
        counter = iter(range(1 << (depth + 1)))

        def grow(level, tree=tree, counter=counter):
            mine = next(counter)
            row = len(columns["nodeids"])
            is_leaf = level == depth or (level > 0 and rng.random() < 0.2)
            fields = (tree, mine, int(rng.integers(4)), float(rng.standard_normal()), "LEAF", 0, 0)
            for key, value in zip(columns, fields, strict=True):
                columns[key].append(value)
            if is_leaf:
                for target in targets:
                    for key, value in zip(leaves, (tree, mine, target, float(rng.uniform(low, 1))), strict=True):
                        leaves[key].append(value)
            else:
                columns["modes"][row] = str(rng.choice(modes))
                columns["truenodeids"][row] = grow(level + 1)
                columns["falsenodeids"][row] = grow(level + 1)
            return mine

        grow(0)
    attributes = {f"nodes_{key}": value for key, value in columns.items()}
    attributes["nodes_missing_value_tracks_true"] = rng.integers(0, 2, len(columns["modes"])).tolist()
    return attributes, leaves


MIXED = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"]
WITH_NAN = np.where(rng.random(X.shape) < 0.1, np.nan, X).astype(np.float32)


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("modes", [["BRANCH_LEQ"], MIXED])
def test_tree_regressor(aggregate, modes):
    attributes, leaves = random_forest(5, 4, modes, [0, 1])
    attributes |= {f"target_{key}": value for key, value in leaves.items()}
    options = {"n_targets": 2, "base_values": [0.5, -1.0], "aggregate_function": aggregate}
    check("TreeEnsembleRegressor", WITH_NAN, **attributes, **options)


@pytest.mark.parametrize("post_transform", ["NONE", "LOGISTIC"])
def test_tree_regressor_with_one_target(post_transform):
    attributes, leaves = random_forest(3, 3, ["BRANCH_LT"], [0])
    attributes |= {f"target_{key}": value for key, value in leaves.items()}
    check("TreeEnsembleRegressor", X, n_targets=1, post_transform=post_transform, **attributes)


@pytest.mark.parametrize("post_transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("low", [-1.0, 0.0])
@pytest.mark.parametrize("base", [False, True])
def test_tree_classifier(post_transform, classes, low, base):
    attributes, leaves = random_forest(4, 3, ["BRANCH_LEQ"], range(classes), low)
    attributes |= {f"class_{key}": value for key, value in leaves.items()}
    if base:
        attributes["base_values"] = [0.2, -0.3, 0.4][:classes]
    options = {"classlabels_int64s": [4, 1, 7][:classes], "post_transform": post_transform}
    if classes == 3:
        check("TreeEnsembleClassifier", X, **CLASSIFIER, **attributes, **options)
    elif not base:  # where both of two classes vote, onnxruntime's labels are not those of the higher score
        proto = ml_model("TreeEnsembleClassifier", [X], **CLASSIFIER, **attributes, **options)
        labels, scores = (np.asarray(v) for v in import_onnx(proto).compile(cache=False)(X))
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        np.testing.assert_allclose(scores, np.asarray(session.run(None, {"x0": X})[1]), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(labels, np.array([4, 1])[scores.argmax(1)])


@pytest.mark.parametrize("post_transform", ["NONE", "LOGISTIC"])
@pytest.mark.parametrize("low", [-1.0, 0.0])
@pytest.mark.parametrize("voting", [0, 1])
@pytest.mark.parametrize("base", [[], [0.2]])
def test_tree_classifier_with_one_voting_class(post_transform, low, voting, base):
    attributes, leaves = random_forest(4, 3, ["BRANCH_LEQ"], [voting], low)
    attributes |= {f"class_{key}": value for key, value in leaves.items()}
    if base:
        attributes["base_values"] = base
    options = {"classlabels_int64s": [4, 1], "post_transform": post_transform}
    if base and voting == 1:
        with pytest.raises(OxideError, match="base values"):
            import_onnx(ml_model("TreeEnsembleClassifier", [X], **CLASSIFIER, **attributes, **options))
        return
    check("TreeEnsembleClassifier", X, **CLASSIFIER, **attributes, **options)


def test_malformed_trees_are_refused():
    attributes, leaves = random_forest(1, 2, ["BRANCH_LEQ"], [0])
    attributes |= {f"target_{key}": value for key, value in leaves.items()}
    attributes["nodes_truenodeids"] = [0] * len(attributes["nodes_modes"])
    with pytest.raises(OxideError, match="form a cycle"):
        import_onnx(ml_model("TreeEnsembleRegressor", [X], n_targets=1, **attributes))


def test_string_labels_are_refused():
    attributes = {"coefficients": [1.0] * 8, "classlabels_strings": ["a", "b"]}
    with pytest.raises(OxideError, match="string labels"):
        import_onnx(ml_model("LinearClassifier", [X], **CLASSIFIER, **attributes))
