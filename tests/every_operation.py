"""Random StableHLO programs out of every operation the reference interpreter or XLA runs, at every element type.

`OPERATIONS` has a row for each operation of the interpreter, `RUN_BY_XLA` one for each of the others: the element
types it takes, and a function that writes it down.  `NOT_RUN` says why the rest is missing.  Values include NaN,
infinities, zeros of both signs, the smallest subnormal, the largest and smallest integers, empty tensors and
scalars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import operation_writers as write
import xla_operation_writers as by_xla
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
    "tuple": Operation(ALL, write.tuple_),
    "uniform_quantize": Operation(("f32",), write.quantised),
    "composite": Operation(SIGNED + FLOATS + BOOL, write.composite),
    "composite/call": Operation(SIGNED + FLOATS + BOOL, write.calls),
}

_XLA_FLOATS = ("f32", "f64")
_XLA_NUMBERS = (*WIDE_FLOATS, "i8", "i16", "i32", "i64", "ui8", "ui32")

# What XLA runs and the interpreter does not.
RUN_BY_XLA: dict[str, Operation] = {
    "all_gather": Operation(_XLA_NUMBERS, by_xla.all_gather),
    "all_reduce": Operation(_XLA_NUMBERS, by_xla.all_reduce),
    "all_to_all": Operation(_XLA_NUMBERS, by_xla.all_to_all),
    "batch_norm_grad": Operation(_XLA_FLOATS, by_xla.batch_norm_grad),
    "batch_norm_inference": Operation(_XLA_FLOATS, by_xla.batch_norm_inference),
    "batch_norm_training": Operation(_XLA_FLOATS, by_xla.batch_norm_training),
    "broadcast": Operation((*_XLA_NUMBERS, *BOOL, *COMPLEX), by_xla.broadcast),
    "cholesky": Operation(_XLA_FLOATS, by_xla.cholesky),
    "collective_permute": Operation(_XLA_NUMBERS, by_xla.collective_permute),
    "dot": Operation((*WIDE_FLOATS, "i32"), by_xla.dot),
    "einsum": Operation(("f16", "f32", "f64", "i32"), by_xla.einsum),
    "fft": Operation(_XLA_FLOATS, by_xla.fft),
    "partition_id": Operation(("ui32",), by_xla.identity_of_the_device("partition_id")),
    "real_dynamic_slice": Operation((*_XLA_NUMBERS, *BOOL), by_xla.real_dynamic_slice),
    "reduce_scatter": Operation(_XLA_NUMBERS, by_xla.reduce_scatter),
    "replica_id": Operation(("ui32",), by_xla.identity_of_the_device("replica_id")),
    "rng_bit_generator": Operation(("ui8", "ui32", "ui64"), by_xla.rng_bit_generator),
    "set_dimension_size": Operation(("f32", "i32"), by_xla.set_dimension_size),
    "torch_index_select": Operation((*_XLA_NUMBERS, *BOOL), by_xla.torch_index_select),
    "triangular_solve": Operation(_XLA_FLOATS, by_xla.triangular_solve),
}

# Written by the functions of other operations.
_WRITTEN_WITH = {
    "dynamic_broadcast_in_dim",
    "dynamic_reshape",
    "dynamic_pad",
    "dynamic_conv",
    "dynamic_gather",
    "get_tuple_element",
    "return",
    "uniform_dequantize",
}

_STRUCTURE = "not run: tests/passes/test_effects.py sees that it stays"
NOT_RUN = {
    **dict.fromkeys(
        [
            "after_all",
            "collective_broadcast",
            "async_done",
            "async_start",
            "create_token",
            "cross-replica-sum",
            "custom_call",
            "infeed",
            "outfeed",
            "recv",
            "rng",
            "send",
        ],
        _STRUCTURE,
    ),
    "unary_einsum": "nothing here runs it: tests/passes/test_effects.py sees that it stays",
}


ROWS = {**OPERATIONS, **RUN_BY_XLA}


def runnable_by_xla() -> dict[str, list[str]]:
    """The element types of each operation that XLA's CPU client runs; it crashes on some of the narrower ones."""
    known = {*_XLA_NUMBERS, "ui16", "ui64", *BOOL, *COMPLEX}
    # XLA has no quantised types, and takes the first value of a reduction for one that changes nothing.
    without = {"uniform_quantize", "reduce", "reduce_window", "select_and_scatter"}
    return {
        name: elements
        for name, row in ROWS.items()
        if name not in without and (elements := [element for element in row.elements if element in known])
    }


def covered() -> set[str]:
    return {name.partition("/")[0] for name in ROWS} | _WRITTEN_WITH


def program(seed: int, operations: Sequence[tuple[str, str]]) -> tuple[ir.Module, list[np.ndarray]]:
    """A module that does these operations, given as (row, element type), and arguments for its `@main`."""
    with make_context() as context, ir.Location.unknown():
        maker = Maker(seed)
        for name, element in operations:
            maker.results.append(ROWS[name].write(maker, element))
        return parse_module(maker.text(), context), [array for _, array in maker.arguments]
