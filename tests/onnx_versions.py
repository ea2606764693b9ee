"""One node of every operator version that ONNX's own cases leave out and that has a lowering of its own.

What it must give is onnxruntime's answer, or numpy's where onnxruntime has no kernel for so old a version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class VersionCase:
    """`expected` maps the inputs, then the weights, to the outputs; None asks onnxruntime.

    `refused` is what the diagnostic says where no tensor program can be right.
    """

    op_type: str
    versions: Sequence[int]
    inputs: Mapping[str, Array]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expected: Callable[..., Any] | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)
    outputs: Sequence[str] = ("y",)
    domain: str = ""
    refused: str = ""


def _floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _bools(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.bool_)


X = _floats(2, 3, 4)
IMAGE = _floats(1, 2, 5, 6)
ROIS = np.array([[0, 0, 3, 4], [1, 1, 4, 2]], np.float32)
# What version 1 calls the channels' axis: the second operand's shape begins there.
AT_AXIS_1 = {"broadcast": 1, "axis": 1}


def _beside_axis_1(function: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    return lambda a, b: function(a, b[None, :, None])


def _logical(op_type: str, function: Callable[[Array, Array], Array]) -> VersionCase:
    operands = {"a": _bools(2, 3, 4), "b": _bools(3, seed=1)}
    return VersionCase(op_type, [1], operands, AT_AXIS_1, _beside_axis_1(function))


def _comparison(op_type: str, function: Callable[[Array, Array], Array], dtype: type) -> VersionCase:
    operands = {"a": X.round().astype(dtype), "b": X[0, :, 0].round().astype(dtype)}
    return VersionCase(op_type, [1], operands, AT_AXIS_1, _beside_axis_1(function))


def _reductions() -> list[VersionCase]:
    names = ("L1", "L2", "LogSum", "LogSumExp", "Prod", "SumSquare")
    attributes: dict[str, Any] = {"axes": [0, 2], "keepdims": 0}
    return [VersionCase(f"Reduce{name}", [1, 11, 13], {"x": np.abs(X) + 1}, attributes) for name in names]


def _lp_pool(x: Array) -> Array:
    """Windows of 2 by 3 without gaps, p = 3."""
    blocks = np.abs(x[:, :, :4]).reshape(1, 2, 2, 2, 2, 3) ** 3
    return blocks.sum((3, 5)) ** (1 / 3)


def _upsampled(x: Array) -> Array:
    return x.repeat(2, 2).repeat(3, 3)


def _group_normalized(x: Array, scale: Array, bias: Array) -> Array:
    groups = x.reshape(len(x), len(scale), -1)
    mean, variance = groups.mean(-1, keepdims=True), groups.var(-1, keepdims=True)
    y = (groups - mean) / np.sqrt(variance + 1e-5) * scale[:, None] + bias[:, None]
    return y.reshape(x.shape)


CASES: list[VersionCase] = [
    _logical("And", np.logical_and),
    _logical("Or", np.logical_or),
    _logical("Xor", np.logical_xor),
    _comparison("Equal", np.equal, np.int32),
    _comparison("Greater", np.greater, np.float32),
    _comparison("Less", np.less, np.float32),
    *_reductions(),
    VersionCase("Cast", [1], {"x": X * 3}, {"to": "INT32"}, lambda x: x.astype(np.int32)),
    VersionCase("Clip", [1], {"x": X}, {"min": -0.5, "max": 0.25}, lambda x: x.clip(-0.5, 0.25)),
    VersionCase("Clip", [1], {"x": X}, {"min": 0.1}, lambda x: np.maximum(x, np.float32(0.1))),
    VersionCase("Concat", [1], {"a": X, "b": X + 1}, {}, lambda a, b: np.concatenate([a, b], 1)),
    VersionCase("Dropout", [1, 6], {"x": X}, {"is_test": 1, "ratio": 0.3}, lambda x: x),
    VersionCase(
        "GlobalLpPool", [1], {"x": X}, {"p": 3.0}, lambda x: (np.abs(x) ** 3).sum(2, keepdims=True) ** (1 / 3)
    ),
    VersionCase("GlobalLpPool", [2, 22], {"x": X}, {"p": 1}, lambda x: np.abs(x).sum(2, keepdims=True)),
    VersionCase(
        "GridSample",
        [16],
        {"x": IMAGE, "grid": _floats(1, 3, 4, 2, seed=2)},
        {"mode": "bilinear", "padding_mode": "reflection", "align_corners": 1},
    ),
    VersionCase(
        "GroupNormalization",
        [18],
        {"x": _floats(2, 6, 3)},
        {"num_groups": 3},
        _group_normalized,
        {"scale": _floats(3, seed=3), "bias": _floats(3, seed=4)},
    ),
    VersionCase("Hardmax", [1, 11], {"x": X}),
    VersionCase("Hardmax", [1, 11], {"x": X}, {"axis": 2}),
    VersionCase("LpPool", [1], {"x": IMAGE}, {"kernel_shape": [2, 3], "strides": [2, 3], "p": 3.0}, _lp_pool),
    VersionCase(
        "Pad",
        [1],
        {"x": X},
        {"paddings": [0, 1, 0, 2, 0, 3], "value": 0.5},
        lambda x: np.pad(x, [(0, 2), (1, 0), (0, 3)], constant_values=0.5),
    ),
    VersionCase("Reshape", [1], {"x": X}, {"shape": [0, -1, 2]}, lambda x: x.reshape(2, 6, 2)),
    VersionCase(
        "Resize", [10], {"x": IMAGE}, {"mode": "linear"}, weights={"s": np.array([1, 1, 1.5, 2], np.float32)}
    ),
    VersionCase(
        "RoiAlign",
        [10],
        {"x": IMAGE, "rois": ROIS},
        {"output_height": 2, "output_width": 3, "sampling_ratio": 2},
        weights={"batch": np.zeros(2, np.int64)},
    ),
    VersionCase("Selu", [1], {"x": X}, {"alpha": 1.5}, lambda x: 1.0507 * np.where(x > 0, x, 1.5 * np.expm1(x))),
    VersionCase(
        "Tile",
        [1],
        {"x": X},
        {},
        lambda x, tiles, axis: np.concatenate([x, x], 1),
        {"tiles": np.array(2, np.float32), "axis": np.array(1, np.float32)},
    ),
    VersionCase("TopK", [1], {"x": X}, {"k": 2, "axis": 1}, outputs=("values", "indices")),
    VersionCase("Upsample", [1], {"x": IMAGE}, {"height_scale": 2.0, "width_scale": 3.0}, _upsampled),
    VersionCase("Upsample", [7], {"x": IMAGE}, {"scales": [1.0, 1.0, 2.0, 3.0]}),
    VersionCase(
        "LabelEncoder",
        [2],
        {"x": np.array([1, 5, 2, 7], np.int64)},
        {"keys_int64s": [1, 2, 7], "values_floats": [0.5, 1.5, 2.5], "default_float": -1.0},
        domain="ai.onnx.ml",
    ),
    VersionCase(
        "LabelEncoder",
        [1],
        {"x": np.array([0, 1], np.int64)},
        {"classes_strings": ["a", "b"]},
        domain="ai.onnx.ml",
        refused="strings, which have no tensor type",
    ),
    VersionCase(
        "Multinomial",
        [7, 22],
        {"x": _floats(2, 3)},
        {"sample_size": 4},
        refused="ONNX does not say which random numbers these are",
    ),
]
