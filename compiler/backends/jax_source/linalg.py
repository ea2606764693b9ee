"""Fourier transforms, factorisations, solvers, random bits, batch normalisation and calls into libraries."""

from __future__ import annotations

import ast
from typing import Any, cast

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.backends.jax_source import syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.registry import Emitted, Unsupported, emits, refuse
from oxide.backends.jax_source.syntax import attribute, call, literal, method
from oxide.dialects.attributes import integer, integers, keyword, string
from oxide.dialects.shapes import is_assertion
from oxide.dialects.shapes.rules import IDENTITIES, TOP_K

_FFT = {"FFT": "jnp.fft.fft", "IFFT": "jnp.fft.ifft", "RFFT": "jnp.fft.rfft", "IRFFT": "jnp.fft.irfft"}
_RANDOM = {
    "DEFAULT": "lax.RandomAlgorithm.RNG_DEFAULT",
    "THREE_FRY": "lax.RandomAlgorithm.RNG_THREE_FRY",
    "PHILOX": "lax.RandomAlgorithm.RNG_PHILOX",
}
# Libraries whose entry points JAX registers itself (typed FFI, api_version 4).
_JAX_LIBRARIES = ("lapack_", "cusolver_", "cublas_", "cu_", "hip", "tpu_")
_FUNCTION_CALLS = {
    "mhlo.acos": "jnp.arccos",
    "mhlo.acosh": "jnp.arccosh",
    "mhlo.asin": "jnp.arcsin",
    "mhlo.asinh": "jnp.arcsinh",
    "mhlo.atan": "jnp.arctan",
    "mhlo.atanh": "jnp.arctanh",
    "mhlo.cosh": "jnp.cosh",
    "mhlo.erf": "lax.erf",
    "mhlo.erf_inv": "lax.erf_inv",
    "mhlo.sinh": "jnp.sinh",
    "mhlo.tan": "jnp.tan",
    "erf_inv": "lax.erf_inv",
}


@emits("stablehlo.fft")
def fft(e: Emitter, op: ir.OpView) -> Emitted:
    kind, lengths = keyword(op.operation, "fft_type"), integers(op.operation, "fft_length")
    x = e.array(op.operands[0])
    if len(lengths) == 1:
        return call(_FFT[kind], x, n=literal(lengths[0]) if kind == "IRFFT" else None)
    return call("lax.fft", x, literal(kind), literal(tuple(lengths)))


@emits("stablehlo.cholesky")
def cholesky(e: Emitter, op: ir.OpView) -> Emitted:
    a = e.array(op.operands[0])
    lower = _true(op, "lower")
    if not lower:
        a = call("jnp.conj", attribute(a, "mT"))
    factor = call("lax.linalg.cholesky", a, symmetrize_input=literal(False))
    return factor if lower else call("jnp.conj", attribute(factor, "mT"))


@emits("stablehlo.triangular_solve")
def triangular_solve(e: Emitter, op: ir.OpView) -> Emitted:
    a, b = (e.array(v) for v in op.operands)
    transpose = keyword(op.operation, "transpose_a")
    flags = {
        "left_side": _true(op, "left_side"),
        "lower": _true(op, "lower"),
        "transpose_a": transpose in ("TRANSPOSE", "ADJOINT"),
        "conjugate_a": transpose == "ADJOINT",
        "unit_diagonal": _true(op, "unit_diagonal"),
    }
    shown = {name: literal(True) if value else None for name, value in flags.items()}
    return call("lax.linalg.triangular_solve", a, b, **shown)


def _true(op: ir.OpView, name: str) -> bool:
    return name in op.attributes and str(op.attributes[name]) == "true"


@emits("stablehlo.rng_bit_generator")
def rng_bit_generator(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.rng_bit_generator`, whose key is uint32[4] where StableHLO's is uint64[2]."""
    state, bits = (e.type(r) for r in op.results)
    key = e.array(op.operands[0])
    pairs = state.element == "ui64" and state.shape == (2,)
    if not pairs and (state.element, state.shape) != ("ui32", (4,)):
        raise Unsupported(f"a generator state of type {state}; JAX has uint32[4] and uint64[2]")
    if pairs:
        key = method(call("lax.bitcast_convert_type", key, e.dtype("ui32")), "reshape", literal(4))
    generated = call(
        "lax.rng_bit_generator",
        key,
        literal(bits.shape),
        dtype=e.dtype(bits.element),
        algorithm=syntax.path(_RANDOM[keyword(op.operation, "rng_algorithm")]),
    )
    if not pairs:
        return generated
    both = e.named(bits, generated, "generated")
    new_key = method(syntax.index(both, literal(0)), "reshape", literal(2), literal(2))
    return [call("lax.bitcast_convert_type", new_key, e.dtype("ui64")), syntax.index(both, literal(1))]


@emits("chlo.top_k")
def top_k(e: Emitter, op: ir.OpView) -> Emitted:
    return call("lax.top_k", e.array(op.operands[0]), literal(integer(op.operation, "k")))


@emits("stablehlo.batch_norm_inference", "stablehlo.batch_norm_training", "stablehlo.batch_norm_grad")
def batch_norm(e: Emitter, op: ir.OpView) -> Emitted:
    helper = e.helper(op.operation.name.removeprefix("stablehlo."))
    epsilon = cast(ir.FloatAttr, op.attributes["epsilon"]).value
    axis = literal(integer(op.operation, "feature_index"))
    return syntax.call(helper, *(e.array(v) for v in op.operands), axis=axis, epsilon=literal(epsilon))


@emits("stablehlo.custom_call")
def custom_call(e: Emitter, op: ir.OpView) -> Emitted:
    target = string(op.operation, "call_target_name")
    if is_assertion(op):
        # The head of the function has the relations of sizes.
        return []
    if target in IDENTITIES and len(op.operands) == len(op.results) == 1:
        return e.term(op.operands[0])
    if target in _FUNCTION_CALLS:
        return call(_FUNCTION_CALLS[target], e.array(op.operands[0]))
    if target in TOP_K:
        return _top_k_call(e, op)
    # JAX names the attributes of typed FFI calls (api_version 4) mhlo.backend_config.
    typed = "mhlo.backend_config" in op.attributes or str(op.attributes.get("api_version", "")).startswith("4")
    if target.startswith(_JAX_LIBRARIES) and typed:
        return _library_call(e, op, target)
    raise Unsupported(f"the custom call target {target!r} has no JAX form")


def _top_k_call(e: Emitter, op: ir.OpView) -> Emitted:
    options = _options(op, "mhlo.attributes")
    if not options.get("largest", True):
        raise Unsupported("a top_k of the smallest elements")
    return call("lax.top_k", e.array(op.operands[0]), literal(e.type(op.results[0]).shape[-1]))


def _library_call(e: Emitter, op: ir.OpView, target: str) -> Emitted:
    """`jax.ffi.ffi_call` of a library that JAX registers: the same kernel with the same attributes."""
    results = [_result(e, r) for r in op.results]
    options: dict[str, ast.expr] = {}
    for name, value in _options(op, "mhlo.backend_config").items():
        if not name.isidentifier():
            raise Unsupported(f"the attribute {name!r} of {target!r} is no Python keyword argument")
        options[name] = value
    call_options: dict[str, ast.expr | None] = {
        "input_layouts": _layouts(op, "operand_layouts"),
        "output_layouts": _layouts(op, "result_layouts", single=len(results) == 1),
        "input_output_aliases": _aliases(op),
        "vmap_method": None,
    }
    shapes = results[0] if len(results) == 1 else syntax.tuple_(results)
    function = e.define(
        call("jax.ffi.ffi_call", literal(target), shapes, **call_options), target.removesuffix("_ffi")
    )
    return syntax.call(function, *(e.array(v) for v in op.operands), **options)


def _result(e: Emitter, value: ir.Value) -> ast.expr:
    type_ = e.type(value)
    return call("jax.ShapeDtypeStruct", literal(type_.shape), e.dtype(type_.element))


def _layouts(op: ir.OpView, name: str, single: bool = False) -> ast.expr | None:
    """The layouts of operands or results as jax.ffi takes them, which is major to minor."""
    if name not in op.attributes:
        return None
    found = cast(ir.ArrayAttr, op.attributes[name])
    orders = [tuple(int(i) for i in cast(ir.DenseIntElementsAttr, a)) for a in found]
    if all(order == tuple(reversed(range(len(order)))) for order in orders):
        return None
    layouts = tuple(order[::-1] for order in orders)
    return literal(layouts[0] if single else layouts)


def _aliases(op: ir.OpView) -> ast.expr | None:
    if "output_operand_aliases" not in op.attributes:
        return None
    pairs: list[tuple[int, int]] = []
    for item in cast(ir.ArrayAttr, op.attributes["output_operand_aliases"]):
        alias = stablehlo.OutputOperandAlias(item)
        output = list(alias.output_tuple_indices)
        pairs.append((alias.operand_index, output[0] if output else 0))
    if not pairs:
        return None
    return ast.Dict([literal(k) for k, _ in pairs], [literal(v) for _, v in pairs])


def _options(op: ir.OpView, name: str) -> dict[str, Any]:
    """The attributes of a call, as nodes of the numpy scalars they were made from."""
    if name not in op.attributes and "backend_config" in op.attributes:
        name = "backend_config"
    if name not in op.attributes or not isinstance(op.attributes[name], ir.DictAttr):
        return {}
    found = cast(ir.DictAttr, op.attributes[name])
    return {(item := found[i]).name: _option(item.attr) for i in range(len(found))}


def _option(value: ir.Attribute) -> ast.expr:
    if isinstance(value, ir.BoolAttr | ir.StringAttr):
        return literal(value.value)
    if isinstance(value, ir.IntegerAttr | ir.FloatAttr):
        kind = str(value.type)
        name = {"f": "float", "u": "uint", "i": "int"}[kind[0]] + kind.lstrip("uif")
        if hasattr(np, name):
            return call(f"np.{name}", literal(value.value))
    raise Unsupported(f"the library attribute {value} cannot be written in Python")


refuse(
    "stablehlo.all_gather stablehlo.all_reduce stablehlo.all_to_all stablehlo.collective_broadcast "
    "stablehlo.collective_permute stablehlo.cross-replica-sum stablehlo.reduce_scatter stablehlo.partition_id "
    "stablehlo.replica_id",
    "it talks to other devices, and the generated function runs on one",
)
refuse(
    "stablehlo.after_all stablehlo.create_token stablehlo.infeed stablehlo.outfeed stablehlo.recv stablehlo.send "
    "stablehlo.async_start stablehlo.async_done",
    "it orders effects outside the function, and the generated function is pure",
)
refuse(
    "stablehlo.uniform_quantize stablehlo.uniform_dequantize",
    "JAX has no quantised types; lower it with stablehlo-legalize-quant-to-math",
)
refuse("stablehlo.rng", "its generator has no state in the program, so the generated function would not be pure")
