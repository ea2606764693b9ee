"""Facts about operations that passes share: which are elementwise, and which do nothing but yield results.

Listed by name because the bindings do not expose MLIR's effect interface for queries.  What is not listed
(custom calls, collectives, infeed, rng, unknown dialects) is taken to have effects.
"""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.dialects.attributes import symbol

_PURE_STABLEHLO = """
abs add after_all and atan2 batch_norm_grad batch_norm_inference batch_norm_training bitcast_convert broadcast
broadcast_in_dim case cbrt ceil cholesky clamp compare complex composite concatenate constant convert convolution
cosine count_leading_zeros create_token divide dot dot_general dynamic_broadcast_in_dim dynamic_conv
dynamic_gather dynamic_iota dynamic_pad dynamic_reshape dynamic_slice dynamic_update_slice exponential
exponential_minus_one fft floor gather get_dimension_size get_tuple_element if imag iota is_finite log
log_plus_one logistic map maximum minimum multiply negate not optimization_barrier or pad popcnt power real
real_dynamic_slice reduce reduce_precision reduce_window remainder reshape return reverse rng_bit_generator
round_nearest_afz round_nearest_even rsqrt scatter select select_and_scatter set_dimension_size shift_left
shift_right_arithmetic shift_right_logical sign sine slice sort sqrt subtract tan tanh torch_index_select
transpose triangular_solve tuple uniform_dequantize uniform_quantize while xor
"""
PURE: frozenset[str] = frozenset(f"stablehlo.{name}" for name in _PURE_STABLEHLO.split())

# Element i of the result depends on element i of the operands (or on rank-0 operands) alone.
_ELEMENTWISE = """
abs add and atan2 cbrt ceil clamp compare complex convert cosine count_leading_zeros divide exponential
exponential_minus_one floor imag is_finite log log_plus_one logistic maximum minimum multiply negate not or
popcnt power real reduce_precision remainder round_nearest_afz round_nearest_even rsqrt select shift_left
shift_right_arithmetic shift_right_logical sign sine sqrt subtract tan tanh xor
"""
_ELEMENTWISE_CHLO = """
acos acosh asin asinh atan atanh conj cosh digamma erf erf_inv erfc is_inf is_neg_inf is_pos_inf lgamma next_after
polygamma sinh square tan zeta
"""
ELEMENTWISE = frozenset(f"stablehlo.{name}" for name in _ELEMENTWISE.split()) | frozenset(
    f"chlo.{name}" for name in _ELEMENTWISE_CHLO.split()
)

# Operands that hold sizes, by operation.  Where they are constants the operation has a static form.
SHAPE_OPERANDS: dict[str, tuple[int, ...]] = {
    "stablehlo.dynamic_broadcast_in_dim": (1,),
    "stablehlo.dynamic_conv": (2,),
    "stablehlo.dynamic_gather": (2,),
    "stablehlo.dynamic_iota": (0,),
    "stablehlo.dynamic_pad": (2, 3, 4),
    "stablehlo.dynamic_reshape": (1,),
    "stablehlo.real_dynamic_slice": (1, 2, 3),
    "stablehlo.set_dimension_size": (1,),
}

# The attribute that names the function an operation runs.
CALLEE_ATTRIBUTE = {"func.call": "callee", "stablehlo.composite": "decomposition"}


class Effects:
    """Answers whether operations of one module are pure, looking into regions and called functions."""

    def __init__(self, module: ir.Module) -> None:
        self._symbols = ir.SymbolTable(module.operation)
        self._functions: dict[str, bool] = {}

    def is_pure(self, op: ir.Operation) -> bool:
        """True when running `op` can be skipped, or repeated, without anyone noticing but through its results.

        A loop that may not end counts as pure, as it does for MLIR and XLA.
        """
        name = op.name
        if name in CALLEE_ATTRIBUTE:
            return self._is_pure_function(symbol(op, CALLEE_ATTRIBUTE[name]))
        if name not in PURE and not name.startswith("chlo."):
            return False
        return all(
            self.is_pure(inner.operation)
            for region in op.regions
            for block in region.blocks
            for inner in block.operations
        )

    def _is_pure_function(self, name: str) -> bool:
        if name not in self._functions:
            self._functions[name] = False  # a recursive call finds this, and stays
            self._functions[name] = self._only_pure_operations(name)
        return self._functions[name]

    def _only_pure_operations(self, name: str) -> bool:
        if name not in self._symbols:
            return False
        function = self._symbols[name].operation
        # A declaration without a body may do anything.
        if len(function.regions) != 1 or not len(function.regions[0].blocks):
            return False
        return all(
            inner.operation.name == "func.return" or self.is_pure(inner.operation)
            for block in function.regions[0].blocks
            for inner in block.operations
        )
