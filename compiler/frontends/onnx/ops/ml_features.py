"""Feature preparation of ai.onnx.ml: scaling, imputing, encoding.  Numbers only; strings have no tensor type."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.frontends.onnx.registry import Node, lowering

ML = "ai.onnx.ml"


@lowering("ArrayFeatureExtractor", 1, domain=ML)
def array_feature_extractor(node: Node, x: ir.Value, indices: ir.Value) -> ir.Value:
    """Columns of the last dimension; a vector counts as one row."""
    rows = x if hlo.rank(x) > 1 else hlo.expand_dims(x, [0])
    return hlo.take(rows, hlo.reshape(indices, [hlo.size(indices)]), -1)


@lowering("Binarizer", 1, domain=ML)
def binarizer(node: Node, x: ir.Value, *, threshold: float = 0.0) -> ir.Value:
    """1 above the threshold, else 0."""
    if dtypes.is_integer(hlo.dtype(x)):
        return hlo.convert(hlo.greater(x, math.floor(threshold)), hlo.dtype(x))
    return hlo.convert(hlo.greater(x, threshold), hlo.dtype(x))


@lowering("FeatureVectorizer", 1, domain=ML)
def feature_vectorizer(node: Node, *inputs: ir.Value, inputdimensions: list[int] | None = None) -> ir.Value:
    """Rows joined to one float32 row; each input is cropped or padded with zeros to its stated length."""
    for number, x in enumerate(inputs):
        node.check_rank(x, f"X[{number}]", least=1)
    lengths = inputdimensions or [hlo.size(x) // max(hlo.shape(x)[0], 1) for x in inputs]
    if len(lengths) != len(inputs):
        raise node.error(f"inputdimensions has {len(lengths)} entries for {len(inputs)} inputs")
    parts: list[ir.Value] = []
    for x, length in zip(inputs, lengths, strict=True):
        count = hlo.shape(x)[0]
        rows = hlo.convert(hlo.reshape(x, [count, hlo.size(x) // max(count, 1)]), np.float32)
        parts.append(hlo.pad(rows, 0, [0, 0], [0, length - hlo.shape(rows)[1]]))
    return hlo.concatenate(parts, 1)


@lowering("Imputer", 1, domain=ML)
def imputer(
    node: Node,
    x: ir.Value,
    *,
    imputed_value_floats: list[float] | None = None,
    imputed_value_int64s: list[int] | None = None,
    replaced_value_float: float = 0.0,
    replaced_value_int64: int = 0,
) -> ir.Value:
    """The replaced value (which may be NaN) becomes the imputed one, one for all columns or one a column."""
    node.check_rank(x, "X", least=1)
    is_float = dtypes.is_float(hlo.dtype(x))
    values = imputed_value_floats if is_float else imputed_value_int64s
    if not values or len(values) not in (1, hlo.shape(x)[-1]):
        kind = "floats" if is_float else "int64s"
        raise node.error(f"imputed_value_{kind} has {len(values or [])} entries for {hlo.shape(x)[-1]} columns")
    if is_float:
        missing = hlo.is_nan(x) if math.isnan(replaced_value_float) else hlo.equal(x, replaced_value_float)
    else:
        missing = hlo.equal(x, replaced_value_int64)
    return hlo.select(missing, hlo.like(x, node.constant(np.array(values).astype(hlo.dtype(x)))), x)


@lowering("Normalizer", 1, domain=ML)
def normalizer(node: Node, x: ir.Value, *, norm: str = "MAX") -> ir.Value:
    """Rows over their largest element, sum of magnitudes or Euclidean length; rows where that is 0 stay."""
    node.check_rank(x, "X", least=1)
    x = hlo.convert(x, np.float32)
    last = [hlo.rank(x) - 1]
    if norm == "MAX":
        length = hlo.reduce_max(x, last, keepdims=True)
    elif norm == "L1":
        length = hlo.reduce_sum(hlo.abs(x), last, keepdims=True)
    elif norm == "L2":
        length = hlo.sqrt(hlo.reduce_sum(hlo.multiply(x, x), last, keepdims=True))
    else:
        raise node.error(f'norm is "{norm}", expected "MAX", "L1" or "L2"')
    return hlo.divide(x, hlo.select(hlo.equal(length, 0), 1.0, length))


@lowering("OneHotEncoder", 1, domain=ML)
def one_hot_encoder(
    node: Node,
    x: ir.Value,
    *,
    cats_int64s: list[int] | None = None,
    cats_strings: list[str] | None = None,
    zeros: int = 1,
) -> ir.Value:
    """float32 [..., categories].  An unknown category gives zeros, also where `zeros` 0 calls it an error."""
    if cats_strings or not cats_int64s:
        raise node.error("only integer categories (cats_int64s) are supported")
    spread = hlo.expand_dims(hlo.convert(x, np.int64), [-1])
    return hlo.convert(hlo.equal(spread, node.constant(np.array(cats_int64s, np.int64))), np.float32)


@lowering("Scaler", 1, domain=ML)
def scaler(
    node: Node, x: ir.Value, *, offset: list[float] | None = None, scale: list[float] | None = None
) -> ir.Value:
    """(x - offset) scale, in float32."""
    node.check_rank(x, "X", least=1)
    x = hlo.convert(x, np.float32)
    for name, values in (("offset", offset), ("scale", scale)):
        if values is None or len(values) not in (1, hlo.shape(x)[-1]):
            raise node.error(f"{name} has {len(values or [])} entries for {hlo.shape(x)[-1]} columns")
    shifted = hlo.subtract(x, node.constant(np.array(offset, np.float32)))
    return hlo.multiply(shifted, node.constant(np.array(scale, np.float32)))


# -------------------------------------------------------------------------------------------- label encoder


@lowering("LabelEncoder", 1, domain=ML)
def label_encoder_1(
    node: Node,
    x: ir.Value,
    *,
    classes_strings: list[str] | None = None,
    default_int64: int = -1,
    default_string: str = "_Unused",
) -> ir.Value:
    raise node.error("LabelEncoder-1 maps between integers and strings, which have no tensor type")


@lowering("LabelEncoder", 2, domain=ML)
def label_encoder_2(
    node: Node,
    x: ir.Value,
    *,
    default_float: float = -0.0,
    default_int64: int = -1,
    default_string: str = "_Unused",
    keys_floats: list[float] | None = None,
    keys_int64s: list[int] | None = None,
    keys_strings: list[str] | None = None,
    values_floats: list[float] | None = None,
    values_int64s: list[int] | None = None,
    values_strings: list[str] | None = None,
) -> ir.Value:
    if keys_strings or values_strings:
        raise node.error("strings have no tensor type")
    keys = _labels(keys_floats, keys_int64s, None)
    values = _labels(values_floats, values_int64s, None)
    return _encode(node, x, keys, values, default_float if values_floats else default_int64, nan_is_key=False)


@lowering("LabelEncoder", 4, domain=ML)
def label_encoder(
    node: Node,
    x: ir.Value,
    *,
    default_float: float = -0.0,
    default_int64: int = -1,
    default_string: str = "_Unused",
    default_tensor: np.ndarray | None = None,
    keys_floats: list[float] | None = None,
    keys_int64s: list[int] | None = None,
    keys_strings: list[str] | None = None,
    keys_tensor: np.ndarray | None = None,
    values_floats: list[float] | None = None,
    values_int64s: list[int] | None = None,
    values_strings: list[str] | None = None,
    values_tensor: np.ndarray | None = None,
) -> ir.Value:
    if keys_strings or values_strings:
        raise node.error("strings have no tensor type")
    keys = _labels(keys_floats, keys_int64s, keys_tensor)
    values = _labels(values_floats, values_int64s, values_tensor)
    default = default_float if values is not None and values.dtype.kind == "f" else default_int64
    if default_tensor is not None:
        if default_tensor.size != 1:
            raise node.error(f"default_tensor must be one number, it has shape {default_tensor.shape}")
        default = default_tensor.item()
    return _encode(node, x, keys, values, default, nan_is_key=True)


def _labels(
    floats: Sequence[float] | None, integers: Sequence[int] | None, tensor: np.ndarray | None
) -> np.ndarray | None:
    if tensor is not None:
        return tensor.reshape(-1)
    if floats:
        return np.array(floats, np.float32)
    return np.array(integers, np.int64) if integers else None


def _encode(
    node: Node,
    x: ir.Value,
    keys: np.ndarray | None,
    values: np.ndarray | None,
    default: float | int | np.generic,
    nan_is_key: bool,
) -> ir.Value:
    """The value at the last key that equals x, else the default; NaN equals NaN with `nan_is_key`."""
    if keys is None or values is None or len(keys) != len(values):
        raise node.error("keys and values must be lists of numbers of the same length")
    table = hlo.convert(node.constant(keys), hlo.dtype(x))
    spread = hlo.expand_dims(x, [-1])
    matches = hlo.equal(spread, table)
    if nan_is_key and dtypes.is_float(hlo.dtype(x)):
        matches = hlo.or_(matches, hlo.and_(hlo.is_nan(spread), hlo.is_nan(table)))
    last = hlo.rank(x)
    position = hlo.argmax(hlo.convert(matches, np.int32), last, index_dtype="int32", last=True)
    found = hlo.reduce(matches, "or", [last])
    return hlo.select(
        found, hlo.take(node.constant(values), position, 0), np.asarray(default).astype(values.dtype)[()]
    )
