"""Matrix products and convolutions."""

from __future__ import annotations

import ast
import string
from collections.abc import Sequence
from typing import Any, cast

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits
from oxide.backends.jax_source.shape_ops import constant_integers
from oxide.backends.jax_source.syntax import attribute, binary, call, literal
from oxide.dialects.attributes import integer
from oxide.dialects.attributes import string as text
from oxide.dialects.dims import Size

_PRECISIONS = {"DEFAULT": None, "HIGH": "lax.Precision.HIGH", "HIGHEST": "lax.Precision.HIGHEST"}
# jax.lax.DotAlgorithmPreset by the parts of StableHLO's dot_algorithm: (operand type, components, accumulation,
# primitive operations).
_PRESETS = {
    ("f16", 1, "f16", 1): "F16_F16_F16",
    ("f16", 1, "f32", 1): "F16_F16_F32",
    ("bf16", 1, "bf16", 1): "BF16_BF16_BF16",
    ("bf16", 1, "f32", 1): "BF16_BF16_F32",
    ("bf16", 1, "f32", 3): "BF16_BF16_F32_X3",
    ("bf16", 1, "f32", 6): "BF16_BF16_F32_X6",
    ("bf16", 1, "f32", 9): "BF16_BF16_F32_X9",
    ("tf32", 1, "f32", 1): "TF32_TF32_F32",
    ("tf32", 1, "f32", 3): "TF32_TF32_F32_X3",
    ("f32", 1, "f32", 1): "F32_F32_F32",
    ("f64", 1, "f64", 1): "F64_F64_F64",
}


@emits("stablehlo.dot_general")
def dot_general(e: Emitter, op: ir.OpView) -> Emitted:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    return product(
        e,
        op,
        list(numbers.lhs_contracting_dimensions),
        list(numbers.rhs_contracting_dimensions),
        list(numbers.lhs_batching_dimensions),
        list(numbers.rhs_batching_dimensions),
    )


@emits("stablehlo.dot")
def dot(e: Emitter, op: ir.OpView) -> Emitted:
    return product(e, op, [e.type(op.operands[0]).rank - 1], [0], [], [])


def product(
    e: Emitter,
    op: ir.OpView,
    lhs_contract: list[int],
    rhs_contract: list[int],
    lhs_batch: list[int],
    rhs_batch: list[int],
) -> ast.expr:
    """`x @ w` with `.T` where a matrix product says it, `jnp.einsum` otherwise."""
    lhs, rhs = op.operands
    left, right, result = e.type(lhs), e.type(rhs), e.type(op.results[0])
    x, w = e.simple(lhs), e.simple(rhs)
    precision = _precision(op)
    wanted = None if left.element == right.element == result.element else e.dtype(result.element)
    if left.element != right.element or left.element == "i1":
        dims = ((tuple(lhs_contract), tuple(rhs_contract)), (tuple(lhs_batch), tuple(rhs_batch)))
        return call("lax.dot_general", x, w, literal(dims), precision=precision, preferred_element_type=wanted)
    operands = _matrices(x, w, left.rank, right.rank, lhs_contract, rhs_contract, lhs_batch, rhs_batch)
    if operands is not None:
        if precision is None and wanted is None:
            return binary("@", *operands)
        return call("jnp.matmul", *operands, precision=precision, preferred_element_type=wanted)
    spec = _einsum_spec(left.rank, right.rank, lhs_contract, rhs_contract, lhs_batch, rhs_batch)
    return call("jnp.einsum", literal(spec), x, w, precision=precision, preferred_element_type=wanted)


def _matrices(
    x: ast.expr,
    w: ast.expr,
    left: int,
    right: int,
    lhs_contract: list[int],
    rhs_contract: list[int],
    lhs_batch: list[int],
    rhs_batch: list[int],
) -> tuple[ast.expr, ast.expr] | None:
    """The operands of an equivalent `@`, or None."""
    batch = len(lhs_batch)
    if len(lhs_contract) != 1 or lhs_batch != list(range(batch)) or rhs_batch != lhs_batch:
        return None
    if batch and not (left == right == batch + 2):
        return None
    if not batch and right > 2:
        return None
    if lhs_contract[0] == left - 1:
        pass
    elif left == batch + 2:
        x = attribute(x, "mT" if batch else "T")
    else:
        return None
    last = right - 1
    if right - batch == 2 and rhs_contract[0] == last:
        w = attribute(w, "mT" if batch else "T")
    return x, w


def _einsum_spec(
    left: int,
    right: int,
    lhs_contract: list[int],
    rhs_contract: list[int],
    lhs_batch: list[int],
    rhs_batch: list[int],
) -> str:
    letters = iter(string.ascii_letters)
    lhs = [next(letters) for _ in range(left)]
    shared = dict(zip(rhs_batch + rhs_contract, lhs_batch + lhs_contract, strict=True))
    rhs = [lhs[shared[d]] if d in shared else next(letters) for d in range(right)]
    used = set(lhs_batch + lhs_contract)
    out = [lhs[d] for d in lhs_batch] + [c for d, c in enumerate(lhs) if d not in used]
    out += [c for d, c in enumerate(rhs) if d not in shared]
    return f"{''.join(lhs)},{''.join(rhs)}->{''.join(out)}"


def _precision(op: ir.OpView) -> ast.expr | None:
    if "algorithm" in op.attributes and str(op.attributes["algorithm"]) != "unit":
        return _algorithm(stablehlo.DotAlgorithm(op.attributes["algorithm"]))
    if "precision_config" not in op.attributes:
        return None
    config = cast(ir.ArrayAttr, op.attributes["precision_config"])
    names = [stablehlo.PrecisionAttr(a).value for a in config]
    nodes = [literal(None) if _PRECISIONS[n] is None else syntax.path(str(_PRECISIONS[n])) for n in names]
    if all(n == "DEFAULT" for n in names):
        return None
    if len(set(names)) == 1:
        return nodes[0]
    return syntax.tuple_(
        syntax.path("lax.Precision.DEFAULT") if n == "DEFAULT" else node
        for n, node in zip(names, nodes, strict=True)
    )


def _algorithm(algorithm: stablehlo.DotAlgorithm) -> ast.expr:
    kind = str(algorithm.lhs_precision_type)
    parts = (
        kind,
        algorithm.lhs_component_count,
        str(algorithm.accumulation_type),
        algorithm.num_primitive_operations,
    )
    same = kind == str(algorithm.rhs_precision_type) and algorithm.rhs_component_count == parts[1]
    preset = _PRESETS.get(parts) if same and not algorithm.allow_imprecise_accumulation else None
    if preset is None:
        raise Unsupported(f"the dot algorithm {algorithm} has no name in JAX")
    return syntax.path(f"lax.DotAlgorithmPreset.{preset}")


@emits("stablehlo.einsum")
def einsum(e: Emitter, op: ir.OpView) -> Emitted:
    spec = literal(text(op.operation, "einsum_config"))
    return call("jnp.einsum", spec, *(e.array(v) for v in op.operands))


@emits("stablehlo.unary_einsum")
def unary_einsum(e: Emitter, op: ir.OpView) -> Emitted:
    return call("jnp.einsum", literal(text(op.operation, "einsum_config")), e.array(op.operands[0]))


@emits("stablehlo.convolution", "stablehlo.dynamic_conv")
def convolution(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.conv_general_dilated`; arguments that have their default are left out."""
    lhs, rhs = op.operands[:2]
    left, right, result = e.type(lhs), e.type(rhs), e.type(op.results[0])
    if left.element != right.element:
        raise Unsupported(f"operands of two element types, {left.element} and {right.element}")
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    spatial = left.rank - 2
    ones = [1] * spatial
    x, kernel = e.simple(lhs), e.simple(rhs)
    flipped = [
        numbers.kernel_spatial_dimensions[i] for i, reverse in enumerate(_bools(op, "window_reversal")) if reverse
    ]
    if flipped:
        kernel = call("jnp.flip", kernel, axis=literal(tuple(flipped)))
    padding = _padding(e, op, spatial)
    plain = _plain_conv(op, numbers, spatial, result.element == left.element and not flipped)
    if plain is not None:
        return syntax.call(e.helper("conv"), x, kernel, **window_options(padding=padding, **plain))
    options = {
        "lhs_dilation": _list(op, "lhs_dilation", ones),
        "rhs_dilation": _list(op, "rhs_dilation", ones),
    }
    groups = {n: integer(op.operation, n) for n in ("feature_group_count", "batch_group_count")}
    return call(
        "lax.conv_general_dilated",
        x,
        kernel,
        window_strides=literal(tuple(_list(op, "window_strides", ones))),
        padding=literal("VALID" if all(n == 0 for pair in padding for n in pair) else padding),
        **{k: None if v == ones else literal(tuple(v)) for k, v in options.items()},
        dimension_numbers=literal(_layouts(numbers, spatial)),
        **{k: None if v == 1 else literal(v) for k, v in groups.items()},
        precision=_precision(op),
        preferred_element_type=None if result.element == left.element else e.dtype(result.element),
    )


# Where batch, feature and spatial dimensions lie in PyTorch's and ONNX's convolutions.
_PLAIN = (0, 1, 1, 0, 0, 1)


def _plain_conv(
    op: ir.OpView, numbers: stablehlo.ConvDimensionNumbers, spatial: int, plain: bool
) -> dict[str, Any] | None:
    """Stride, dilation and groups of a convolution in PyTorch's layout, None for any other."""
    dims = (
        numbers.input_batch_dimension,
        numbers.input_feature_dimension,
        numbers.kernel_input_feature_dimension,
        numbers.kernel_output_feature_dimension,
        numbers.output_batch_dimension,
        numbers.output_feature_dimension,
    )
    orders = (
        numbers.input_spatial_dimensions,
        numbers.kernel_spatial_dimensions,
        numbers.output_spatial_dimensions,
    )
    ones = [1] * spatial
    ordered = all(list(order) == list(range(2, 2 + spatial)) for order in orders)
    special = _list(op, "lhs_dilation", ones) != ones or integer(op.operation, "batch_group_count") != 1
    if not plain or dims != _PLAIN or not ordered or special or _precision(op) is not None or not spatial:
        return None
    return {
        "stride": _list(op, "window_strides", ones),
        "dilation": _list(op, "rhs_dilation", ones),
        "groups": integer(op.operation, "feature_group_count"),
    }


def window_options(**options: Any) -> dict[str, ast.expr]:
    """Keyword arguments of `conv` and the pools: left out at their default, one number where all agree."""
    shown: dict[str, ast.expr] = {}
    for name, value in options.items():
        if not isinstance(value, int):
            value = tuple(v[0] if isinstance(v, tuple) and v[0] == v[1] else v for v in value)
            if len(set(value)) == 1 and isinstance(value[0], int):
                value = value[0]
        if value != (0 if name == "padding" else 1):
            shown[name] = literal(value)
    return {n: shown[n] for n in ("stride", "padding", "dilation", "groups") if n in shown}


def _list(op: ir.OpView, name: str, default: list[int]) -> list[int]:
    return list(cast(ir.DenseI64ArrayAttr, op.attributes[name])) if name in op.attributes else default


def _bools(op: ir.OpView, name: str) -> list[bool]:
    return list(cast(ir.DenseBoolArrayAttr, op.attributes[name])) if name in op.attributes else []


def pairs(op: ir.OpView, name: str, count: int) -> tuple[tuple[int, int], ...]:
    """A [count, 2] padding attribute; zeros when it is absent."""
    if name not in op.attributes:
        return ((0, 0),) * count
    flat = [int(i) for i in cast(ir.DenseIntElementsAttr, op.attributes[name])]
    if len(flat) == 1:
        flat = flat * (2 * count)
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _padding(e: Emitter, op: ir.OpView, spatial: int) -> tuple[tuple[Size, Size], ...]:
    if op.operation.name == "stablehlo.dynamic_conv":
        known = e.numbers(op.operands[2])
        if known is None:
            raise Unsupported("padding that is neither constant nor follows from the shapes of the inputs")
        return tuple((low, high) for low, high in known)
    return pairs(op, "padding", spatial)


def _layouts(numbers: stablehlo.ConvDimensionNumbers, spatial: int) -> tuple[str, str, str]:
    """`("NCHW", "OIHW", "NCHW")`: the letters of lax for the dimensions of input, kernel and output."""
    letters = {1: "W", 2: "HW", 3: "DHW"}.get(spatial, string.digits[:spatial])

    def layout(first: tuple[str, int], second: tuple[str, int], spatial_dims: Sequence[int]) -> str:
        at = {first[1]: first[0], second[1]: second[0], **dict(zip(spatial_dims, letters, strict=True))}
        return "".join(at[d] for d in sorted(at))

    return (
        layout(
            ("N", numbers.input_batch_dimension),
            ("C", numbers.input_feature_dimension),
            numbers.input_spatial_dimensions,
        ),
        layout(
            ("O", numbers.kernel_output_feature_dimension),
            ("I", numbers.kernel_input_feature_dimension),
            numbers.kernel_spatial_dimensions,
        ),
        layout(
            ("N", numbers.output_batch_dimension),
            ("C", numbers.output_feature_dimension),
            numbers.output_spatial_dimensions,
        ),
    )


__all__ = ["constant_integers", "pairs", "product"]
