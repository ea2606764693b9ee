"""Model: a StableHLO module together with its weights.  What every front end returns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxlib.mlir import ir

if TYPE_CHECKING:
    from oxide.executable import Executable


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of an input, output or parameter; a dynamic dimension is None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype


@dataclass
class Model:
    """A StableHLO module whose public `@main` is the model, and the values of its weights by name."""

    module: ir.Module
    parameters: Mapping[str, np.ndarray]
    name: str = "model"

    @property
    def inputs(self) -> list[TensorSpec]:
        raise NotImplementedError

    @property
    def outputs(self) -> list[TensorSpec]:
        raise NotImplementedError

    @property
    def parameter_specs(self) -> list[TensorSpec]:
        raise NotImplementedError

    def run_passes(self, pipeline: str) -> Model:
        raise NotImplementedError

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        target_version: str = "current",
        inline_weights: bool = False,
    ) -> list[str]:
        """Write `.mlir`, `.mlirbc`, `.py` or `.hlo` (the suffix chooses).  Returns the paths written."""
        raise NotImplementedError

    def to_jax_source(self, *, parameters_file: str | None = None) -> Any:
        raise NotImplementedError

    def compile(
        self,
        platform: str = "cpu",
        *,
        device: int = 0,
        options: Mapping[str, str | bool | int | float] | None = None,
        cache: bool = True,
    ) -> Executable:
        raise NotImplementedError
