"""What the verifiers of composites share."""

from __future__ import annotations

from collections.abc import Sequence

from jaxlib.mlir import ir

from oxide.dialects import dims, dtypes, hlo
from oxide.dialects.diagnostics import OxideError

Types = Sequence[ir.RankedTensorType]

# A dynamic dimension of a finished module: nothing is known of it.
_UNKNOWN = dims.symbol("?")


def require_float(types: Types) -> None:
    for tensor in types:
        if not dtypes.is_float(dtypes.to_numpy(tensor.element_type)):
            raise OxideError(f"a floating point tensor is needed, not {tensor}")


def require_axis(tensor: ir.RankedTensorType, axis: int) -> None:
    if not 0 <= axis < tensor.rank:
        raise OxideError(f"axis {axis} is out of range for {tensor}")


def sizes(tensor: ir.RankedTensorType) -> tuple[dims.Size, ...]:
    if tensor.has_static_shape or isinstance(tensor.encoding, ir.StringAttr):
        return hlo.type_shape(tensor)
    return tuple(_UNKNOWN if tensor.is_dynamic_dim(i) else d for i, d in enumerate(tensor.shape))
