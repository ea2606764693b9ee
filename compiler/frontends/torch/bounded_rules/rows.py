"""Operators that treat every element, or every row along the dimensions that depend on data, by itself."""

from __future__ import annotations

from typing import Any

from oxide.dialects import hlo
from oxide.dialects.dims import depends_on_data
from oxide.frontends.bounded import fit
from oxide.frontends.torch.bounded_rules.call import Call, rule


@rule("elementwise", "copy.default", "fill.Scalar", "fill.Tensor", "masked_fill.Tensor", "masked_fill.Scalar")
def elementwise(call: Call) -> Any:
    """Operands broadcast.  The program asserts that sizes which it calls differently are equal."""
    shape = call.result_shape()
    fitted = {}
    for name in call.tensors():
        buffer, own = call.arguments[name], call.shapes[name]
        for axis, size in enumerate(own):
            wanted = shape[len(shape) - len(own) + axis]
            if size != 1 and (depends_on_data(size) or depends_on_data(wanted)):
                buffer = fit(buffer, axis, call.data.room(wanted))
        fitted[name] = buffer
    return call.run(**fitted)


# Their results have room for more where their arguments have; elements that count come from elements that count.
AS_THEY_ARE = """
    _assert_tensor_metadata.default _log_softmax_backward_data.default _to_copy.default alias.default
    clone.default contiguous.default cummax.default cummin.default cumprod.default cumsum.default detach.default
    dropout.default embedding.default empty.memory_format empty_like.default expand.default expand_as.default
    full.default full_like.default gather.default index_select.default lift_fresh.default
    lift_fresh_copy.default logcumsumexp.default mT.default movedim.int movedim.intlist new_empty.default
    new_full.default new_ones.default new_zeros.default numpy_T.default ones.default ones_like.default
    outer.default permute.default rand.default rand_like.default randn.default randn_like.default stack.default
    t.default to.device to.dtype
    to.dtype_layout to.other transpose.int tril.default triu.default type_as.default unsqueeze.default
    zero.default zeros.default zeros_like.default
"""


@rule(*AS_THEY_ARE.split())
def as_they_are(call: Call) -> Any:
    return call.run()


# Operators on samples along dimension 0 that do not mix, and what the samples are called.
BY_SAMPLE = {
    "input": """
        adaptive_avg_pool1d.default adaptive_avg_pool2d.default adaptive_avg_pool3d.default avg_pool1d.default
        avg_pool2d.default avg_pool3d.default conv1d.default conv1d.padding conv2d.default conv2d.padding
        conv3d.default conv3d.padding conv_transpose1d.default conv_transpose2d.input conv_transpose3d.input
        convolution.default group_norm.default instance_norm.default upsample_bicubic2d.vec
        upsample_bilinear2d.vec upsample_linear1d.vec upsample_nearest1d.vec upsample_nearest2d.vec
        upsample_nearest3d.vec upsample_trilinear3d.vec
    """,
    "self": """
        adaptive_max_pool2d.default max_pool1d.default max_pool2d.default max_pool3d.default pixel_shuffle.default
        pixel_unshuffle.default
    """,
}


def _by_sample(name: str) -> Any:
    def by_sample(call: Call) -> Any:
        others = [other for other in call.tensors() if other != name and call.open_axes(other)]
        if others or call.open_axes(name) != [0] or call.get("use_input_stats"):
            call.refuse("it mixes elements along that dimension")
        return call.run()

    return by_sample


for _name, _operators in BY_SAMPLE.items():
    rule(*_operators.split())(_by_sample(_name))


@rule("batch_norm.default")
def batch_norm(call: Call) -> Any:
    """Outside training each element is scaled by the statistics of its channel."""
    if call.arguments["training"] or 1 in call.open_axes("input"):
        call.refuse("statistics of that dimension are not supported")
    return call.run()


@rule("layer_norm.default", "rms_norm.default", "native_layer_norm.default")
def layer_norm(call: Call) -> Any:
    leading = len(call.shapes["input"]) - len(call.arguments["normalized_shape"])
    if any(axis >= leading for axis in call.open_axes("input")):
        call.refuse("normalisation over that dimension is not supported")
    return call.run()


@rule(
    *("median.dim", "nanmedian.dim", "mode.default", "kthvalue.default", "_fft_r2c.default", "_fft_c2r.default"),
    *("_fft_c2c.default", "glu.default", "unfold.default"),
)
def along(call: Call) -> Any:
    """Each line along the dimensions that are named is treated by itself."""
    dim = next(call.arguments[name] for name in ("dim", "dimension") if name in call.arguments)
    named = {call.axis("self", axis) for axis in (dim if isinstance(dim, list) else [dim])}
    if named & set(call.open_axes("self")):
        call.refuse("it is not supported along that dimension")
    return call.run()


@rule("searchsorted.Tensor", "searchsorted.Scalar", "bucketize.Tensor", "bucketize.Scalar")
def search(call: Call) -> Any:
    """Each value by itself."""
    if any(call.open_axes(name) for name in ("sorted_sequence", "boundaries", "sorter")):
        call.refuse("a sorted sequence of such a size is not supported")
    return call.run()


@rule("softmax.int", "log_softmax.int", "_softmax.default", "_log_softmax.default")
def softmax(call: Call) -> Any:
    """What does not count is -inf, whose share is nothing."""
    axis = call.axis("self", call.arguments["dim"])
    x = call.arguments["self"]
    return call.run(self=call.filled("self", hlo.lowest(hlo.dtype(x)), [axis]))
