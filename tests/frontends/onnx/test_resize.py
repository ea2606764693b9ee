"""Resize and Upsample against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto
from onnx_builders import import_and_run, model, node, value
from onnx_oracle import check, one_node, onnxruntime_results

from oxide import import_onnx
from oxide.dialects.diagnostics import OxideError
from oxide.frontends.onnx.ops import resize_coordinates as rc

SHAPE = (1, 2, 6, 9)
X = np.random.default_rng(0).random(SHAPE, np.float32) * 100


def resize(
    *,
    scales: list[float] | None = None,
    sizes: list[int] | None = None,
    roi: list[float] | None = None,
    x: np.ndarray = X,
    opset: int = 19,
    **attributes: Any,
) -> ModelProto:
    given = {"roi": (roi, np.float32), "scales": (scales, np.float32), "sizes": (sizes, np.int64)}
    weights = {name: np.array(v, dtype) for name, (v, dtype) in given.items() if v is not None}
    order = ["x", *[name if name in weights else "" for name in given]]
    return one_node("Resize", {"x": x}, weights=weights, order=order, opset=opset, **attributes)


MODES = ["nearest", "linear", "cubic"]
COORDINATES = ["half_pixel", "pytorch_half_pixel", "asymmetric", "half_pixel_symmetric"]


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", MODES)
def test_coordinates(mode: str, coordinates: str) -> None:
    """1/3 is not a float: nearest must still find every third element."""
    check(resize(scales=[1, 1, 1 / 3, 1.5], mode=mode, coordinate_transformation_mode=coordinates), X, atol=1e-3)


@pytest.mark.parametrize("mode", MODES)
def test_align_corners_to_sizes(mode: str) -> None:
    check(resize(sizes=[1, 2, 13, 4], mode=mode, coordinate_transformation_mode="align_corners"), X, atol=1e-3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_align_corners_by_scales_before_19(opset: int, mode: str) -> None:
    """Corners of the integer output; 6 by 1.6 is 9.6, of which 9 are there."""
    options: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": "align_corners", "opset": opset}
    check(resize(scales=[1, 1, 1.6, 0.4], roi=[], **options), X, atol=1e-3)


def test_align_corners_by_scales_in_19() -> None:
    """Corners of the fractional output, as in ONNX's resize_downsample_scales_linear_align_corners."""
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    options: dict[str, Any] = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    (y,) = import_and_run(resize(scales=[1, 1, 0.6, 0.6], x=x, **options), x)
    np.testing.assert_allclose(np.asarray(y), [[[[1, 3.142857]]]], rtol=1e-6)


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_crop_by_scales_before_19(opset: int) -> None:
    options: dict[str, Any] = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear"}
    roi = [0, 0, 0.4, 0.6, 1, 1, 0.9, 0.8]
    check(resize(scales=[1, 1, 0.7, 1.3], roi=roi, opset=opset, **options), X, atol=1e-3)


@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_nearest_modes(nearest: str) -> None:
    check(resize(scales=[1, 1, 1 / 3, 2.5], nearest_mode=nearest), X)
    check(resize(scales=[1, 1, 0.5, 2], nearest_mode=nearest, coordinate_transformation_mode="asymmetric"), X)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_crop(mode: str) -> None:
    roi = [0, 0, 0.4, 0.6, 1, 1, 1.2, 0.8]
    options = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 10.0}
    check(resize(sizes=[1, 2, 5, 4], roi=roi, mode=mode, **options), X, atol=1e-3)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_keep_aspect_ratio_of_chosen_axes(policy: str) -> None:
    check(resize(sizes=[20, 11], axes=[3, 2], mode="linear", keep_aspect_ratio_policy=policy), X, atol=1e-3)


def test_cubic_coefficient_and_exclude_outside() -> None:
    options = {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}
    check(resize(sizes=[1, 2, 13, 4], **options), X, atol=1e-3)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_antialias_without_outside(mode: str) -> None:
    """onnxruntime never counts what is outside when it filters."""
    check(resize(sizes=[1, 2, 3, 4], mode=mode, antialias=1, exclude_outside=1), X, atol=1e-3)


def test_long_axes_are_gathered() -> None:
    x = np.random.default_rng(1).random((1, 1, 2, 300), np.float32)
    proto = resize(scales=[1, 1, 1, 1.7], mode="linear", x=x)
    assert "stablehlo.gather" in str(import_onnx(proto).module)
    check(proto, x, atol=1e-3)


def test_whole_factors_repeat_and_slice() -> None:
    grown = str(import_onnx(resize(scales=[1, 1, 2, 3])).module)
    shrunk = str(import_onnx(resize(scales=[1, 1, 0.5, 1 / 3], coordinate_transformation_mode="asymmetric")).module)
    assert "broadcast_in_dim" in grown
    assert "slice" in shrunk
    assert "gather" not in grown + shrunk


def test_integers_round_and_saturate() -> None:
    x = np.array([[[[0, 255, 255, 0]]]], np.uint8)
    (y,) = import_and_run(resize(scales=[1, 1, 1, 2], mode="cubic", x=x), x)
    y = np.asarray(y)
    assert y.dtype == np.uint8
    assert (y.max(), y.min()) == (255, 0)


@pytest.mark.parametrize(
    ("op_type", "opset", "scale"), [("Resize", 10, 0.5), ("Resize", 10, 1.5), ("Upsample", 9, 1.5)]
)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_first_versions(op_type: str, opset: int, scale: float, mode: str) -> None:
    scales = np.array([1, 1, scale, scale], np.float32)
    check(one_node(op_type, {"x": X}, weights={"s": scales}, opset=opset, mode=mode), X, atol=1e-3)


def test_upsample_7() -> None:
    check(one_node("Upsample", {"x": X}, opset=7, scales=[1.0, 1.0, 2.0, 3.0]), X)


# ---------------------------------------------------------------------------------------------- open sizes


def check_open(proto: ModelProto, *shapes: tuple[int, ...]) -> None:
    """Imported once, the model gives what onnxruntime gives for inputs of several shapes."""
    executable = import_onnx(proto).compile(cache=False)
    for shape in shapes:
        x = np.random.default_rng(2).random(shape, np.float32) * 100
        (wanted,) = onnxruntime_results(proto, [x])
        y = np.asarray(executable(x))
        assert y.shape == wanted.shape
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-3)


def opened(proto: ModelProto) -> ModelProto:
    """The same model with the height and width of its input open."""
    for dimension, name in zip(proto.graph.input[0].type.tensor_type.shape.dim[2:], "hw", strict=True):
        dimension.dim_param = name
    return proto


@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"])
@pytest.mark.parametrize("mode", MODES)
def test_open_sizes_by_scales(mode: str, coordinates: str) -> None:
    """Fractions that floor exactly; onnxruntime counts whole corners, as opset 18 says."""
    options: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": coordinates, "opset": 18}
    check_open(
        opened(resize(scales=[1, 1, 2.5, 0.75], roi=[], **options)), (1, 2, 6, 9), (1, 2, 3, 4), (1, 2, 1, 2)
    )


@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("mode", MODES)
def test_open_sizes_to_sizes(mode: str, coordinates: str) -> None:
    options: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": coordinates}
    check_open(opened(resize(sizes=[1, 2, 13, 1], **options)), (1, 2, 6, 9), (1, 2, 20, 1))


@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_open_sizes_nearest_modes(nearest: str) -> None:
    check_open(opened(resize(sizes=[1, 2, 13, 4], nearest_mode=nearest)), (1, 2, 6, 9), (1, 2, 20, 3))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_to_the_size_of_another(mode: str) -> None:
    """As a feature pyramid does: F.interpolate(x, y.shape[2:])."""
    inputs = [value("x", (1, 2, "h", "w")), value("like", (1, 2, "a", "b"))]
    nodes = [node("Shape", ["like"], ["s"]), node("Resize", ["x", "", "", "s"], ["y"], mode=mode)]
    proto = model(nodes, inputs, [value("y", (1, 2, "a", "b"))], opset=19)
    executable = import_onnx(proto).compile(cache=False)
    for size, target in (((6, 9), (13, 5)), ((3, 4), (3, 8))):
        x, like = (np.random.default_rng(3).random((1, 2, *s), np.float32) for s in (size, target))
        (wanted,) = onnxruntime_results(proto, [x, like])
        np.testing.assert_allclose(np.asarray(executable(x, like)), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("open_axis", [0, 2])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coordinates", sorted(rc.COORDINATES))
def test_open_sizes_import_or_are_refused_by_node(coordinates: str, mode: str, open_axis: int) -> None:
    """Which sizes must be known is said, whatever the mode; those that stay as they are never must be."""
    options: dict[str, Any] = {"coordinate_transformation_mode": coordinates, "mode": mode}
    proto = resize(scales=[1, 1, 0.7, 1.3], roi=[0.0] * 4 + [1.0] * 4, **options)
    proto.graph.input[0].type.tensor_type.shape.dim[open_axis].dim_param = "n"
    if open_axis == 0:
        import_onnx(proto)
    else:
        with pytest.raises(OxideError, match="the size n must be known here, and depends on n"):
            import_onnx(proto)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of the inputs scales and sizes"),
        ({"scales": [1, 1, 0, 1]}, "scales must be positive"),
        ({"sizes": [1, 1]}, "2 elements for 4 axes"),
        ({"sizes": [1, 2, 3, 1 << 40]}, "over the limit"),
        ({"scales": [1, 1, 2, 2], "mode": "spline"}, "'spline' is none of nearest, linear, cubic"),
        ({"scales": [1, 1, 2, 2], "coordinate_transformation_mode": "tf_crop_and_resize"}, "needs the input roi"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OxideError, match=message):
        import_onnx(resize(**options))
