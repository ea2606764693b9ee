"""Operators that treat every element, or every row along the axis, by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oxide.dialects import hlo
from oxide.frontends.bounded import Bounded
from oxide.frontends.onnx.bounded_rules.call import Call, buffer_of, masked, only, rule, same_size

UNARY = """
    Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Cos Cosh Dropout Elu Erf Exp Floor Gelu
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid
    Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu
"""
OF_SEVERAL = """
    Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Clip Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean
    Min Mod Mul Or PRelu Pow Sub Sum Where Xor
"""


@rule(*UNARY.split(), *OF_SEVERAL.split())
def elementwise(call: Call) -> list[Any]:
    """Operands broadcast; along the axis all of them have one size or are of size 1."""
    if call.attributes.get("broadcast"):
        call.refuse("the broadcasting of opsets before 7 is not supported")
    given = [value for value in call.operands if value is not None]
    bounded = [value for value in given if isinstance(value, Bounded)]
    # Dimensions are aligned at the end.
    distances = {hlo.rank(value.buffer) - value.axis for value in bounded}
    if len(distances) > 1 or not all(same_size(value, bounded[0]) for value in bounded[1:]):
        call.refuse("its inputs have sizes that depend on data in different ways")
    (distance,) = distances
    for value in given:
        if not isinstance(value, Bounded) and hlo.rank(value) >= distance and hlo.shape(value)[-distance] != 1:
            call.refuse(f"an input of shape {hlo.shape(value)} has another size along that axis")
    results = call.on_buffers()
    return [Bounded(r, hlo.rank(r) - distance, bounded[0].count) for r in results]


@rule("CastLike")
def cast_like(call: Call) -> list[Any]:
    """Of the second operand only the type matters."""
    x = call.operands[0]
    (result,) = call.on_buffers()
    return [Bounded(result, x.axis, x.count) if isinstance(x, Bounded) else result]


@rule("QuantizeLinear", "DequantizeLinear")
def quantization(call: Call) -> list[Any]:
    """By one scale for all elements."""
    x = only(call, 0)
    if any(value is not None and hlo.size(value) != 1 for value in call.operands[1:]):
        call.refuse("more than one scale is not supported")
    return [Bounded(r, x.axis, x.count) for r in call.on_buffers()]


# Operators on images and their like, whose samples along dimension 0 do not mix.
BY_SAMPLE = """
    AveragePool BatchNormalization Conv ConvTranspose DepthToSpace GlobalAveragePool GlobalMaxPool
    GroupNormalization InstanceNormalization LRN MaxPool Resize SpaceToDepth Upsample
"""


@rule(*BY_SAMPLE.split())
def by_sample(call: Call) -> list[Any]:
    x = only(call, 0)
    if x.axis != 0 or call.attributes.get("training_mode"):
        call.refuse(f"dimension {x.axis} is not one of samples that do not mix")
    return [Bounded(r, 0, x.count) for r in call.on_buffers()]


@rule("RoiAlign", "MaxRoiPool")
def by_region(call: Call) -> list[Any]:
    """One result for each region of interest."""
    regions = [value for value in call.operands[1:] if isinstance(value, Bounded)]
    is_image = not isinstance(call.operands[0], Bounded)
    if not (is_image and len(regions) == len(call.operands) - 1 and all(r.axis == 0 for r in regions)):
        call.refuse("only the number of regions may depend on data")
    if not all(same_size(r, regions[0]) for r in regions[1:]):
        call.refuse("regions and their batch indices must be as many")
    return [Bounded(r, 0, regions[0].count) for r in call.on_buffers()]


@rule("Softmax", "LogSoftmax", "Hardmax")
def softmax(call: Call) -> list[Any]:
    x = only(call, 0)
    rank = hlo.rank(x.buffer)
    if call.node.version < 13:
        if x.axis >= call.axis(1, rank):
            call.refuse("softmax over that axis needs opset 13")
    elif x.axis == call.axis(-1, rank):
        return [Bounded(call.run(masked(x, hlo.lowest(hlo.dtype(x.buffer))))[0], x.axis, x.count)]
    return [Bounded(call.on_buffers()[0], x.axis, x.count)]


@rule("LayerNormalization", "RMSNormalization")
def normalization(call: Call) -> list[Any]:
    """Mean and inverse deviation keep the dimensions."""
    x = only(call, 0)
    if x.axis >= call.axis(-1, hlo.rank(x.buffer)):
        call.refuse("normalisation over that axis is not supported")
    return [Bounded(r, x.axis, x.count) for r in call.on_buffers()]


@rule("OneHot")
def one_hot(call: Call) -> list[Any]:
    x = only(call, 0)
    place = call.axis(-1, hlo.rank(x.buffer) + 1)
    return [Bounded(call.on_buffers()[0], x.axis + (place <= x.axis), x.count)]


@rule("CumSum", "CumProd")
def cumulative(call: Call) -> list[Any]:
    """Padding at the end is neutral, so that it does not count backwards either."""
    x = only(call, 0)
    neutral = 1 if call.node.op_type == "CumProd" else 0
    return [Bounded(call.on_buffers(masked(x, neutral))[0], x.axis, x.count)]


# ----------------------------------------------------------------------------------------------- products


@rule("MatMul")
def matmul(call: Call) -> list[Any]:
    ranks = [hlo.rank(buffer_of(value)) for value in call.operands]
    if min(ranks) < 2:
        call.refuse(f"operands of rank {ranks} are not supported")
    # Counted from the end: rows (2) of the first, columns (1) of the second, 3 and on of the batch.
    return _product(call, (1, 2), lambda operand, distance: (2, 1)[operand] if distance < 3 else distance)


@rule("Gemm")
def gemm(call: Call) -> list[Any]:
    bias = call.operand(2)
    first = next((v for v in call.operands[:2] if isinstance(v, Bounded)), None)
    if isinstance(bias, Bounded) or first is None:
        call.refuse("a bias of a size that depends on data is not supported")
    flips = bool(call.attributes.get("transA")), bool(call.attributes.get("transB"))
    contracted = (2 if flips[0] else 1, 1 if flips[1] else 2)
    result = _product(call, contracted, lambda operand, distance: (2, 1)[operand])
    if bias is not None and isinstance(result[0], Bounded):
        distance = 2 - result[0].axis
        if hlo.rank(bias) >= distance and hlo.shape(bias)[-distance] != 1:
            call.refuse(f"a bias of shape {hlo.shape(bias)} has another size along that axis")
    return result


def _product(call: Call, contracted: tuple[int, int], place: Callable[[int, int], int]) -> list[Any]:
    """Of two operands; `contracted` and what `place` maps to the result's are dimensions counted from the end."""
    bounded = [(i, v) for i, v in enumerate(call.operands[:2]) if isinstance(v, Bounded)]
    distances = [hlo.rank(v.buffer) - v.axis for _, v in bounded]
    summed = [d == contracted[i] for (i, _), d in zip(bounded, distances, strict=True)]
    if len(bounded) == 2 and not same_size(bounded[0][1], bounded[1][1]):
        call.refuse("its inputs have sizes that depend on data in different ways")
    if all(summed) and len(bounded) == 2:
        return [call.on_buffers(*(masked(v, 0) for _, v in bounded))[0]]
    batch = len(bounded) == 2 and distances[0] == distances[1] and distances[0] > 2
    if any(summed) or (len(bounded) == 2 and not batch):
        call.refuse("the sizes of its inputs depend on data in different ways")
    (number, x), distance = bounded[0], distances[0]
    if distance > 2 and len(bounded) == 1:
        other = call.operands[1 - number]
        if hlo.rank(other) >= distance and hlo.shape(other)[-distance] != 1:
            call.refuse(f"an input of shape {hlo.shape(other)} has another size along that axis")
    result = call.on_buffers()[0]
    return [Bounded(result, hlo.rank(result) - place(number, distance), x.count)]
