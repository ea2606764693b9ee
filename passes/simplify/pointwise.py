"""Convolutions whose windows do not overlap in any dimension are products of matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.rewrite import Pattern
from oxide.passes.canonicalize.matching import Declined, is_static, pattern, producer
from oxide.passes.simplify.convolutions import Convolution, read_convolution


def patterns(on_cpu: bool) -> list[Pattern]:
    return [
        pattern(
            "pointwise-convolution",
            "convolution",
            lambda op: _pointwise_convolution(op, on_cpu),
            "convolution(x, w) -> dot(x, w), where in each dimension the window has one element or there is one "
            "window; of x padded, and of every s-th element of x with strides s; groups are batches",
        )
    ]


def _pointwise_convolution(op: ir.Operation, on_cpu: bool) -> ir.Value | Declined | None:
    """A product, of dimensions in the convolution's order; on CPUs of transposed ones too."""
    if not is_static(op):
        return None
    convolution = read_convolution(op)
    if any(min(sizes) != 1 for sizes in zip(convolution.window, convolution.sizes, strict=True)):
        return None
    if convolution.batch_groups != 1:
        return Declined("it has groups in its batch")
    if convolution.groups > 1 and convolution.depth == 1:
        return Declined("its groups have one channel each")
    if any(step != 1 for step in convolution.input_dilation):
        return Declined("it dilates its input")
    labels = _label(convolution)
    orders = labels.orders(on_cpu)
    fitting = [order for order in orders if _in_order(order.result, labels)]
    if not fitting and not on_cpu:
        return Declined("a product would give another order of dimensions")
    return _product(convolution, labels, [*fitting, *orders][0])


@dataclass(frozen=True)
class _Order:
    """Which operand comes first, what dimensions its batches have, and the result's dimensions."""

    kernel_leads: bool
    batch: list[str]
    result: list[str]


@dataclass(frozen=True)
class _Labels:
    """Names of the dimensions of x, of the kernel without those of one element, of the result, and their sizes."""

    x: list[str]
    kernel: list[str]
    result: list[str]
    sizes: dict[str, int]

    def orders(self, on_cpu: bool) -> list[_Order]:
        """Products that compute the convolution; on CPUs also with a copy of the kernel for each image."""
        groups = [label for label in self.x if label == "group"]
        orders = [self._order(kernel_leads, groups) for kernel_leads in (False, True)]
        return [*orders, self._order(True, ["batch", *groups])] if on_cpu else orders

    def _order(self, kernel_leads: bool, batch: list[str]) -> _Order:
        operands = [self.kernel, self.x] if kernel_leads else [self.x, self.kernel]
        free = [label for operand in operands for label in operand if label in self.result and label not in batch]
        return _Order(kernel_leads, batch, [*batch, *free])


def _label(convolution: Convolution) -> _Labels:
    layout, shape = convolution.layout, hlo.shape(convolution.op.results[0])
    groups = ["group"] if convolution.groups > 1 else []
    sizes = {
        "batch": shape[layout.output_batch_dimension],
        "group": convolution.groups,
        "input": convolution.depth,
        "output": shape[layout.output_feature_dimension] // convolution.groups,
    }
    moving: list[list[str]] = []
    window: list[list[str]] = []
    for place, (size, count) in enumerate(zip(convolution.window, convolution.sizes, strict=True)):
        sizes |= {f"window {place}": size, f"image {place}": count}
        moving.append([] if size > 1 else [f"image {place}"])
        window.append([f"window {place}"] if size > 1 else [])
    x = {layout.input_batch_dimension: ["batch"], layout.input_feature_dimension: [*groups, "input"]}
    kernel = {
        layout.kernel_input_feature_dimension: ["input"],
        layout.kernel_output_feature_dimension: [*groups, "output"],
    }
    result = {layout.output_batch_dimension: ["batch"], layout.output_feature_dimension: [*groups, "output"]}
    x |= {axis: moving[i] or window[i] for i, axis in enumerate(layout.input_spatial_dimensions)}
    kernel |= {axis: window[i] for i, axis in enumerate(layout.kernel_spatial_dimensions)}
    result |= {axis: moving[i] for i, axis in enumerate(layout.output_spatial_dimensions)}
    return _Labels(_in_axis_order(x), _in_axis_order(kernel), _in_axis_order(result), sizes)


def _in_axis_order(places: Mapping[int, Sequence[str]]) -> list[str]:
    return [label for axis in sorted(places) for label in places[axis]]


def _in_order(labels: Sequence[str], wanted: _Labels) -> bool:
    """Whether dimensions are in the order of the result; those of size 1 may stand anywhere."""
    left, right = ([label for label in order if wanted.sizes[label] != 1] for order in (labels, wanted.result))
    return left == right


def _product(convolution: Convolution, labels: _Labels, order: _Order) -> ir.Value:
    op = convolution.op
    x = hlo.reshape(_read(convolution), [labels.sizes[label] for label in labels.x])
    kernel = _kernel(convolution, labels)
    operands = [(x, labels.x), (kernel, labels.kernel)]
    if "batch" in order.batch:
        sizes = [labels.sizes[label] for label in ("batch", *labels.kernel)]
        kernel = hlo.broadcast_in_dim(kernel, sizes, range(1, len(sizes)))
        operands[1] = kernel, ["batch", *labels.kernel]
    precision = list(ir.ArrayAttr(op.attributes["precision_config"])) if "precision_config" in op.attributes else []
    if order.kernel_leads:
        operands.reverse()
        precision.reverse()
    (left, lefts), (right, rights) = operands
    summed = [label for label in lefts if label in rights and label not in order.batch]
    product = hlo.dot_general(
        left,
        right,
        contract=([lefts.index(label) for label in summed], [rights.index(label) for label in summed]),
        batch=([lefts.index(label) for label in order.batch], [rights.index(label) for label in order.batch]),
        result_dtype=hlo.dtype(op.results[0]),
    )
    dot = producer(product, "stablehlo.dot_general")
    if dot is not None and precision:
        dot.attributes["precision_config"] = ir.ArrayAttr.get(precision)
    if not _in_order(order.result, labels):
        product = hlo.transpose(product, [order.result.index(label) for label in labels.result])
    return hlo.reshape(product, hlo.shape(op.results[0]))


def _read(convolution: Convolution) -> ir.Value:
    """What the windows read of the input."""
    one = [size == 1 for size in convolution.window]
    counts = np.where(one, convolution.sizes, convolution.window).tolist()
    steps = np.where(one, convolution.strides, convolution.kernel_dilation).tolist()
    return convolution.spatial_slice(convolution.padded(convolution.op.operands[0]), [0] * len(one), counts, steps)


def _kernel(convolution: Convolution, labels: _Labels) -> ir.Value:
    axes = zip(convolution.layout.kernel_spatial_dimensions, convolution.window, convolution.reversed, strict=True)
    turned = hlo.reverse(convolution.op.operands[1], [axis for axis, size, turn in axes if turn and size > 1])
    return hlo.reshape(turned, [labels.sizes[label] for label in labels.kernel])
