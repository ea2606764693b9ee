"""Weights are mapped, not copied: what an import allocates does not grow with them."""

from __future__ import annotations

import pytest
from benchmarks.import_memory import MEBIBYTE, external_model, measure, one_file_model

# What importing and saving may need besides the weights.
OVERHEAD = 300 * MEBIBYTE


@pytest.mark.parametrize("make", [external_model, one_file_model])
def test_five_gibibytes_are_imported(tmp_path, make):
    """Sparse files: no room on the disk is taken.  protobuf alone refuses messages over 2 GiB."""
    found = measure(make(tmp_path, 5 << 30))
    assert found["peak"] < OVERHEAD


def test_saving_needs_the_weights_once(tmp_path):
    weights = 256 * MEBIBYTE
    found = measure(external_model(tmp_path, weights), tmp_path / "saved.mlirbc")
    assert (tmp_path / "saved.safetensors").stat().st_size >= weights
    assert found["peak"] < weights + OVERHEAD
    assert found["anonymous"] < OVERHEAD
