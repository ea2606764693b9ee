"""Contractions: dot_general, numpy's matmul, convolution."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size, require_equal
from oxide.dialects.hlo.core import (
    DType,
    create,
    dtype,
    element_type,
    i64,
    i64_array,
    i64_pairs,
    is_static,
    make_type,
    rank,
    shape,
    sizes,
    window_count,
)
from oxide.dialects.hlo.elementwise import broadcast_shapes
from oxide.dialects.hlo.shape_ops import broadcast_to, reshape


def dot_general(
    x: ir.Value,
    y: ir.Value,
    *,
    contract: tuple[Sequence[int], Sequence[int]],
    batch: tuple[Sequence[int], Sequence[int]] = ((), ()),
    result_dtype: DType | None = None,
    precision: str | None = None,
) -> ir.Value:
    """`stablehlo.dot_general`: result dimensions are batch, then x's free, then y's free ones.

    `result_dtype` asks for accumulation in another dtype (int8 x int8 -> int32).  `precision` (DEFAULT, HIGH,
    HIGHEST) bounds how far a device may round the operands.
    """
    sx, sy = shape(x), shape(y)
    for (i, j), what in [(p, "contracted") for p in zip(*contract, strict=True)] + [
        (p, "batch") for p in zip(*batch, strict=True)
    ]:
        require_equal(sx[i], sy[j], f"{what} dimensions differ: {sx[i]} (of {sx}) and {sy[j]} (of {sy})")
    dims = [sx[i] if isinstance(sx[i], int) else sy[j] for i, j in zip(*batch, strict=True)]
    dims += [d for i, d in enumerate(sx) if i not in batch[0] and i not in contract[0]]
    dims += [d for i, d in enumerate(sy) if i not in batch[1] and i not in contract[1]]
    numbers = stablehlo.DotDimensionNumbers.get(
        list(batch[0]), list(batch[1]), list(contract[0]), list(contract[1])
    )
    attributes: dict[str, ir.Attribute] = {"dot_dimension_numbers": numbers}
    if precision is not None:
        attributes["precision_config"] = ir.ArrayAttr.get([stablehlo.PrecisionAttr.get(precision)] * 2)
    target = make_type(dims, result_dtype or dtype(x))
    return create("stablehlo.dot_general", [x, y], [target], attributes).results[0]


def matmul(x: ir.Value, y: ir.Value, *, result_dtype: DType | None = None) -> ir.Value:
    """numpy's matmul: vectors are promoted, leading dimensions broadcast.

    An unbatched right operand is contracted directly, so `[..., n, k] @ [k, m]` stays one dot without batch.
    """
    if rank(x) == 0 or rank(y) == 0:
        raise OxideError("matmul needs operands of rank 1 or more")
    if rank(y) <= 2:
        return dot_general(x, y, contract=([rank(x) - 1], [0]), result_dtype=result_dtype)
    if rank(x) == 1:
        row = matmul(reshape(x, [1, *shape(x)]), y, result_dtype=result_dtype)
        dims = shape(row)
        return reshape(row, [*dims[:-2], dims[-1]])
    lead = broadcast_shapes(shape(x)[:-2], shape(y)[:-2])
    x = broadcast_to(x, [*lead, *shape(x)[-2:]])
    y = broadcast_to(y, [*lead, *shape(y)[-2:]])
    axes = list(range(len(lead)))
    return dot_general(x, y, contract=([len(lead) + 1], [len(lead)]), batch=(axes, axes), result_dtype=result_dtype)


def convolution(
    x: ir.Value,
    kernel: ir.Value,
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[Size, Size]],
    input_dilation: Sequence[int] | None = None,
    kernel_dilation: Sequence[int] | None = None,
    groups: int = 1,
    batch_groups: int = 1,
    layout: tuple[str, str, str] | None = None,
    reverse_kernel: bool = False,
    result_dtype: DType | None = None,
) -> ir.Value:
    """N-dimensional convolution (cross-correlation unless `reverse_kernel`).

    `layout` spells operand, kernel and result dimensions as lax does (`("NCHW", "OIHW", "NCHW")`); the default
    is channels first with O, I leading in the kernel.  `padding` is (low, high) per spatial dimension and may
    be negative.  Raises OxideError when channel counts do not fit the groups.
    """
    spatial = rank(x) - 2
    letters = "".join(chr(ord("a") + i) for i in range(spatial))
    lhs, rhs, out = layout or (f"NC{letters}", f"OI{letters}", f"NC{letters}")
    if layout:
        letters = "".join(c for c in lhs if c not in "NC")
    sx, sk = shape(x), shape(kernel)
    if len(sk) != len(sx) or spatial < 0:
        raise OxideError(f"convolution of input {sx} with kernel {sk}: ranks differ or are below 2")
    if min(groups, batch_groups) < 1:
        raise OxideError(f"convolution in {groups} groups of channels and {batch_groups} of the batch")
    inner, outer = sk[rhs.index("I")], sk[rhs.index("O")]
    message = (
        f"convolution of input {sx} ({lhs}) with kernel {sk} ({rhs}) in {groups} groups: "
        f"the input needs {inner * groups} channels and the {outer} outputs must divide by the groups"
    )
    for have, want in ((sx[lhs.index("C")], inner * groups), (outer % groups, 0), (outer % batch_groups, 0)):
        require_equal(have, want, message)
    input_dilation = list(input_dilation or [1] * spatial)
    kernel_dilation = list(kernel_dilation or [1] * spatial)
    sizes_of = {"N": sx[lhs.index("N")] // batch_groups, "C": outer}
    for i, letter in enumerate(letters):
        sizes_of[letter] = window_count(
            sx[lhs.index(letter)],
            sk[rhs.index(letter)],
            stride=strides[i],
            padding=padding[i],
            base_dilation=input_dilation[i],
            window_dilation=kernel_dilation[i],
        )
    numbers = stablehlo.ConvDimensionNumbers.get(
        lhs.index("N"),
        lhs.index("C"),
        [lhs.index(c) for c in letters],
        rhs.index("I"),
        rhs.index("O"),
        [rhs.index(c) for c in letters],
        out.index("N"),
        out.index("C"),
        [out.index(c) for c in letters],
    )
    attributes: dict[str, ir.Attribute] = {
        "window_strides": i64_array(strides),
        "lhs_dilation": i64_array(input_dilation),
        "rhs_dilation": i64_array(kernel_dilation),
        "dimension_numbers": numbers,
        "feature_group_count": i64(groups),
        "batch_group_count": i64(batch_groups),
    }
    if reverse_kernel:
        attributes["window_reversal"] = ir.DenseBoolArrayAttr.get([True] * spatial)
    element = element_type(x) if result_dtype is None else result_dtype
    target = make_type([sizes_of[c] for c in out], element)
    if all(is_static(pair) for pair in padding):
        attributes["padding"] = i64_pairs(padding)
        return create("stablehlo.convolution", [x, kernel], [target], attributes).results[0]
    amounts = reshape(sizes([amount for pair in padding for amount in pair]), [spatial, 2])
    return create("stablehlo.dynamic_conv", [x, kernel, amounts], [target], attributes).results[0]
