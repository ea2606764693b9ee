"""PJRT: models compiled by XLA for the devices JAX has a client for."""

from __future__ import annotations

from jaxlib.mlir import ir

from oxide.backends.pjrt.client import unoptimized_hlo
from oxide.backends.pjrt.executable import Executable, compile_model
from oxide.backends.pjrt.program import bytecode
from oxide.backends.pjrt.stateful import StatefulExecutable
from oxide.passes.manager import run_pipeline
from oxide.signature import read_signature, require_static

__all__ = ["Executable", "StatefulExecutable", "compile_model", "hlo_text"]


def hlo_text(module: ir.Module) -> str:
    """XLA HLO text of a module, before XLA optimises it; what `hoist-params` moved is part of it.

    Raises OxideError where shapes are dynamic.
    """
    require_static(read_signature(module), "HLO")
    return unoptimized_hlo(bytecode(run_pipeline(module, "inline-prepare")))
