"""GridSample, DeformConv, RoiAlign and MaxRoiPool against onnxruntime, Col2Im against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx_builders import import_and_run
from onnx_oracle import check, one_node

from oxide.dialects.diagnostics import OxideError

RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("align_corners", [0, 1])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_grid_sample_far_outside(mode: str, padding_mode: str, align_corners: int) -> None:
    x, grid = normal(2, 3, 5, 7), normal(2, 4, 6, 2) * 2
    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    check(one_node("GridSample", {"x": x, "grid": grid}, opset=20, **options), x, grid, atol=1e-4)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_grid_sample_of_volumes_and_single_elements(mode: str) -> None:
    x, grid = normal(1, 2, 4, 1, 6), normal(1, 3, 2, 4, 3)
    proto = one_node("GridSample", {"x": x, "grid": grid}, opset=20, mode=mode, padding_mode="reflection")
    check(proto, x, grid, atol=1e-4)


def test_nearest_keeps_wide_integers() -> None:
    x = np.arange(6).reshape(1, 1, 2, 3) + (1 << 60)
    grid = np.array([[[[-1, -1], [1, 1], [3, 0]]]], np.float32)
    proto = one_node("GridSample", {"x": x, "grid": grid}, opset=20, mode="nearest", align_corners=1)
    np.testing.assert_array_equal(import_and_run(proto, x, grid)[0], [[[[1 << 60, (1 << 60) + 5, 0]]]])


@pytest.mark.parametrize(
    "options",
    [
        {"group": 2, "offset_group": 2, "pads": [1, 1, 1, 1]},
        {"strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2]},
    ],
)
def test_deform_conv(options: dict[str, Any]) -> None:
    strides, pads = options.get("strides", [1, 1]), options.get("pads", [0] * 4)
    dilations, groups = options.get("dilations", [1, 1]), options.get("offset_group", 1)
    x, kernel = normal(2, 4, 7, 8), (3, 2)
    out = [
        (x.shape[2 + i] + pads[i] + pads[i + 2] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i in range(2)
    ]
    inputs = {
        "x": x,
        "w": normal(6, 4 // options.get("group", 1), *kernel),
        "offset": normal(2, groups * 12, *out) * 2,
        "b": normal(6),
        "mask": normal(2, groups * 6, *out),
    }
    check(one_node("DeformConv", inputs, opset=19, **options), *inputs.values(), atol=1e-3)


BOXES = np.array([[5, 5, 5, 5], [0, 0, 9, 7], [-6, 3, 30, 8], [2.5, 1.2, 4.9, 20], [12, 9, 14, 11]], np.float32)
IMAGES = np.array([0, 1, 1, 0, 1])


@pytest.mark.parametrize("coordinates", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align(mode: str, ratio: int, coordinates: str) -> None:
    inputs = {"x": normal(2, 3, 12, 15), "rois": BOXES, "batch": IMAGES}
    proto = one_node(
        "RoiAlign",
        inputs,
        opset=16,
        mode=mode,
        sampling_ratio=ratio,
        coordinate_transformation_mode=coordinates,
        output_height=3,
        output_width=4,
        spatial_scale=0.7,
    )
    check(proto, *inputs.values())


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_max_roi_pool(scale: float) -> None:
    inputs = {"x": normal(2, 3, 12, 15), "rois": np.column_stack([IMAGES, BOXES]).astype(np.float32)}
    proto = one_node("MaxRoiPool", inputs, opset=13, pooled_shape=[3, 4], spatial_scale=scale)
    check(proto, *inputs.values())


def test_col2im_drops_what_is_padding() -> None:
    x = normal(2, 18, 20)
    proto = one_node(
        "Col2Im",
        {"x": x},
        weights={"image": np.array([4, 10]), "block": np.array([3, 2])},
        opset=18,
        strides=[1, 2],
        pads=[1, 0, 1, 0],
    )
    folded = torch.nn.functional.fold(torch.from_numpy(x), (4, 10), (3, 2), padding=(1, 0), stride=(1, 2))
    np.testing.assert_allclose(import_and_run(proto, x)[0], folded.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes", "message"),
    [
        ("DepthToSpace", (1, 6, 2, 2), {"blocksize": 2}, "6 channels do not divide"),
        ("DepthToSpace", (1, 4, 2, 2), {"blocksize": 2, "mode": "RCD"}, "mode is 'RCD'"),
        ("SpaceToDepth", (1, 1, 3, 2), {"blocksize": 2}, "3 by 2 does not divide"),
    ],
)
def test_refused(op_type: str, shape: tuple[int, ...], attributes: dict[str, Any], message: str) -> None:
    x = normal(*shape)
    with pytest.raises(OxideError, match=message):
        import_and_run(one_node(op_type, {"x": x}, opset=13, **attributes), x)
