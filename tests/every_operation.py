"""Random StableHLO programs out of every operation the reference interpreter runs, at every element type.

`OPERATIONS` has a row for each operation: the element types it takes, and a function that writes it down.
`NOT_RUN` says why the others are missing.  Values include NaN, infinities, zeros of both signs, the smallest
subnormal, the largest and smallest integers, empty tensors and scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import operation_writers as write
from jaxlib.mlir import ir
from operation_writers import Write
from program_maker import ALL, BOOL, COMPLEX, FLOATS, INTEGERS, REAL, SIGNED, WIDE_FLOATS, Maker

from oxide.dialects.context import make_context, parse_module


@dataclass(frozen=True)
class Operation:
    """One row: which element types, and how it is written for one of them."""

    elements: tuple[str, ...]
    write: Write


_EXACT = ("ceil", "floor", "round_nearest_afz", "round_nearest_even", "sqrt")
_ROUNDED = (
    "cosine",
    "exponential",
    "exponential_minus_one",
    "log",
    "log_plus_one",
    "logistic",
    "rsqrt",
    "sine",
    "tan",
    "tanh",
)

# The names are StableHLO's; a name may stand in several rows with `/` and what tells them apart behind it.
OPERATIONS: dict[str, Operation] = {
    **{name: Operation(FLOATS, write.elementwise(name)) for name in _EXACT},
    **{name: Operation(FLOATS, write.rounded(name)) for name in [*_ROUNDED, "cbrt"]},
    **{f"{name}/complex": Operation(COMPLEX, write.rounded(name)) for name in [*_ROUNDED, "sqrt"]},
    **{name: Operation(FLOATS, write.rounded(name, 2)) for name in ("atan2", "power")},
    **{name: Operation(ALL, write.elementwise(name, 2)) for name in ("add", "multiply")},
    "subtract": Operation(REAL + COMPLEX, write.elementwise("subtract", 2)),
    **{name: Operation(REAL + BOOL, write.elementwise(name, 2)) for name in ("maximum", "minimum")},
    **{name: Operation(INTEGERS + BOOL, write.elementwise(name, 2)) for name in ("and", "or", "xor")},
    **{name: Operation(INTEGERS, write.elementwise(name)) for name in ("popcnt", "count_leading_zeros")},
    **{
        name: Operation(INTEGERS, write.elementwise(name, 2))
        for name in ("shift_left", "shift_right_arithmetic", "shift_right_logical")
    },
    **{name: Operation(REAL, write.division(name)) for name in ("divide", "remainder")},
    **{name: Operation(SIGNED + FLOATS, write.elementwise(name)) for name in ("abs", "sign")},
    **{name: Operation(COMPLEX, write.parts(name)) for name in ("real", "imag")},
    "abs/complex": Operation(COMPLEX, write.magnitude),
    "sign/complex": Operation(COMPLEX, write.rounded("sign")),
    "negate": Operation(REAL + COMPLEX, write.elementwise("negate")),
    "not": Operation(INTEGERS + BOOL, write.elementwise("not")),
    "is_finite": Operation(FLOATS, write.elementwise("is_finite", result="i1")),
    "reduce_precision": Operation(WIDE_FLOATS, write.reduce_precision),
    "compare": Operation(ALL, write.compare),
    "select": Operation(ALL, write.select),
    "clamp": Operation(REAL, write.clamp),
    "convert": Operation(ALL, write.convert),
    "bitcast_convert": Operation(("i8", "ui8", "i16", "f16", "bf16", "i32", "f32", "i64", "f64"), write.bitcast),
    "complex": Operation(COMPLEX, write.complex_),
    "constant": Operation(REAL + BOOL, write.constant),
    "iota": Operation(REAL + COMPLEX, write.iota),
    "dynamic_iota": Operation(REAL, write.dynamic_iota),
    "broadcast_in_dim": Operation(ALL, write.broadcast_in_dim),
    "reshape": Operation(ALL, write.reshape),
    "transpose": Operation(ALL, write.transpose),
    "reverse": Operation(ALL, write.reverse),
    "slice": Operation(ALL, write.slice_),
    "dynamic_slice": Operation(ALL, write.dynamic_slice),
    "dynamic_update_slice": Operation(ALL, write.dynamic_update_slice),
    "concatenate": Operation(ALL, write.concatenate),
    "pad": Operation(ALL, write.pad),
    "reduce": Operation(REAL + BOOL, write.reduce),
    "reduce_window": Operation(REAL + BOOL, write.reduce_window),
    "select_and_scatter": Operation(REAL, write.select_and_scatter),
    "sort": Operation(REAL, write.sort),
    "map": Operation(REAL + BOOL, write.map_),
    "dot_general": Operation(REAL, write.dot_general),
    "convolution": Operation(REAL, write.convolution),
    "gather": Operation(ALL, write.gather),
    "scatter": Operation(REAL + BOOL, write.scatter),
    "if": Operation(ALL, write.branches("if", 2, "i1")),
    "case": Operation(ALL, write.branches("case", 3, "i32")),
    "while": Operation(ALL, write.while_),
    "get_dimension_size": Operation(ALL, write.size),
    "optimization_barrier": Operation(ALL, write.elementwise("optimization_barrier")),
}

# Written by the functions of other operations.
_WRITTEN_WITH = {
    "dynamic_broadcast_in_dim",
    "dynamic_reshape",
    "dynamic_pad",
    "dynamic_conv",
    "dynamic_gather",
    "return",
}

NOT_RUN = {
    **dict.fromkeys(
        [
            "all_gather",
            "all_reduce",
            "all_to_all",
            "async_done",
            "async_start",
            "collective_broadcast",
            "collective_permute",
            "cross-replica-sum",
            "infeed",
            "outfeed",
            "partition_id",
            "recv",
            "reduce_scatter",
            "replica_id",
            "send",
        ],
        "needs several devices or a host",
    ),
    **dict.fromkeys(
        [
            "batch_norm_grad",
            "batch_norm_inference",
            "batch_norm_training",
            "broadcast",
            "cholesky",
            "dot",
            "einsum",
            "fft",
            "real_dynamic_slice",
            "rng",
            "rng_bit_generator",
            "torch_index_select",
            "triangular_solve",
            "unary_einsum",
        ],
        "the interpreter does not run it",
    ),
    **dict.fromkeys(["uniform_dequantize", "uniform_quantize"], "quantised types do not cross the bindings"),
    **dict.fromkeys(
        [
            "after_all",
            "create_token",
            "custom_call",
            "composite",
            "get_tuple_element",
            "set_dimension_size",
            "tuple",
        ],
        "its results are no plain tensors, or it names a function: tests of their own",
    ),
}


def covered() -> set[str]:
    return {name.partition("/")[0] for name in OPERATIONS} | _WRITTEN_WITH


def program(seed: int, operations: Sequence[tuple[str, str]]) -> tuple[ir.Module, list[np.ndarray]]:
    """A module that does these operations, given as (row, element type), and arguments for its `@main`."""
    with make_context() as context, ir.Location.unknown():
        maker = Maker(seed)
        for name, element in operations:
            maker.results.append(OPERATIONS[name].write(maker, element))
        return parse_module(maker.text(), context), [array for _, array in maker.arguments]
