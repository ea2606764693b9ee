"""The fuzzer finds nothing in a fixed set of mutants, and would say so if it did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

from fuzz import worker
from fuzz.field_mutations import damage_bytes
from fuzz.mutations import STRUCTURAL, mutant
from onnx import ModelProto
from onnx_builders import relu_model

from oxide import OxideError

SCRIPT = Path(__file__).parent / "onnx_models.py"
MUTANTS = 1500


def test_a_fixed_set_of_mutants(tmp_path):
    command = [sys.executable, str(SCRIPT), "--seconds", "600", "--count", str(MUTANTS), "--finds", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert f"{MUTANTS} mutants: " in result.stdout


def test_mutants_depend_on_the_seed_alone():
    data = relu_model().SerializeToString()
    once, again = ([mutant(data, Random(f"7:{n}")) for n in range(50)] for _ in range(2))
    assert once == again
    assert len({found for found, _ in once}) > 30


def test_every_mutation_can_be_applied():
    for mutation in dict.fromkeys(STRUCTURAL):
        changed = ModelProto()
        for number in range(20):
            changed = relu_model()
            mutation(changed, Random(number))
        changed.SerializeToString()
    assert damage_bytes(b"", Random(0)) == b""


def test_an_error_without_a_name_is_a_find(tmp_path, monkeypatch):
    def raises(error: Exception):
        def import_onnx(*args, **options):
            raise error

        monkeypatch.setattr(worker.oxide, "import_onnx", import_onnx)
        return worker.examine(b"", tmp_path, run=False).kind

    assert raises(OxideError("something is wrong")) == "unnamed"
    assert raises(OxideError('node "n" is wrong')) == "refused"
    assert raises(OxideError('node "n": internal error: KeyError: 1')) == "internal"
    assert raises(KeyError(1)) == "exception"
    assert raises(MemoryError()) == "memory"
