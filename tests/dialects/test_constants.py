"""Constants survive numpy -> MLIR -> numpy for every element type, splats stay small."""

import numpy as np
import pytest
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects import constants, dtypes
from oxide.dialects.context import make_context, parse_module

DTYPES = sorted(dtypes._TABLE)


def roundtrip(array: np.ndarray) -> np.ndarray:
    """Through a constant that is printed and parsed, so the attribute is one the bindings did not make."""
    context = make_context()
    with context, ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            stablehlo.constant(constants.dense(array))
        again = parse_module(str(module), context)
        result = constants.constant_value(again.body.operations[0].results[0])
        assert result is not None
        return np.array(result)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
@pytest.mark.parametrize("spelling", DTYPES)
def test_roundtrip_keeps_every_bit(spelling: str, count: int) -> None:
    dtype = dtypes._TABLE[spelling]
    rng = np.random.default_rng(count)
    if dtype.kind == "c":
        array = (rng.standard_normal(count) + 1j * rng.standard_normal(count)).astype(dtype)
    elif dtypes.is_float(dtype):
        array = np.abs(rng.standard_normal(count)).astype(dtype)
        array[: count // 3] = np.array(1).astype(dtype)
    else:
        array = rng.integers(0, 4, count).astype(dtype)
        if not dtypes.is_unsigned(dtype) and dtype != np.bool_:
            array = (array.astype(np.int64) - 2).astype(dtype)
    result = roundtrip(array)
    assert result.dtype == dtype
    assert result.tobytes() == array.tobytes()


@pytest.mark.parametrize("spelling", ["f16", "bf16", "f32", "f64", "f8E5M2", "complex<f32>"])
def test_nan_infinity_and_signed_zero(spelling: str) -> None:
    array = np.array([np.nan, np.inf, -np.inf, -0.0]).astype(dtypes._TABLE[spelling])
    result = roundtrip(array)
    np.testing.assert_array_equal(result.astype(np.complex128), array.astype(np.complex128))
    assert np.signbit(np.real(result).astype(np.float64))[3]


def test_a_splat_of_any_shape_stays_small() -> None:
    context = make_context()
    with context, ir.Location.unknown():
        attribute = constants.dense(np.broadcast_to(np.float32(0.5), (1 << 20, 1 << 20)))
        assert attribute.is_splat
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            value = stablehlo.constant(attribute)
        array = constants.constant_value(value)
    assert array is not None
    assert array.shape == (1 << 20, 1 << 20)
    assert array.strides == (0, 0)
    assert array[5, 7] == np.float32(0.5)
