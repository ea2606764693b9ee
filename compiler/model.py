"""Model: a StableHLO module together with its weights.  What every front end returns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxlib.mlir import ir

from oxide.parameters import check_parameters
from oxide.signature import Signature, TensorSpec, read_signature

if TYPE_CHECKING:
    from oxide.backends.jax_source import JaxSource
    from oxide.backends.pjrt import Executable, StatefulExecutable
    from oxide.calling import Calling

__all__ = ["Model", "TensorSpec"]


@dataclass
class Model:
    """A StableHLO module whose public `@main` is the model, and the values of its weights by name.

    `parameters` may hold more than the module uses.  `calling` says how the program it was imported from is called,
    where that is known.
    """

    module: ir.Module
    parameters: Mapping[str, np.ndarray]
    name: str = "model"
    calling: Calling | None = None

    @property
    def signature(self) -> Signature:
        return read_signature(self.module)

    @property
    def inputs(self) -> list[TensorSpec]:
        return list(self.signature.inputs)

    @property
    def outputs(self) -> list[TensorSpec]:
        return list(self.signature.outputs)

    @property
    def parameter_specs(self) -> list[TensorSpec]:
        """The weights the model is given, in the module's order, whether or not `parameters` has their values."""
        return list(self.signature.weights)

    def check(self) -> Signature:
        """The signature, after comparing it with the weights.

        Raises OxideError that lists every weight which is missing or has another shape or dtype.
        """
        signature = self.signature
        check_parameters(signature.weights, self.parameters)
        return signature

    def run_passes(self, pipeline: str) -> Model:
        """Run a pass pipeline (`"canonicalize,cse,fuse{max-ops=32}"`) and return this model, changed.

        Raises OxideError when a pass refuses; the model is then as it was.
        """
        from oxide.passes.manager import run_pipeline

        self.module = run_pipeline(self.module, pipeline)
        return self

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        target_version: str = "current",
        inline_weights: bool = False,
        prepare_weights: bool = False,
    ) -> list[Path]:
        """Write the model; the suffix chooses the form.  Returns the paths written, the model first.

            .mlirbc   StableHLO portable artefact of `target_version` (`1.x`, `current`, `minimum`, `4w`, `12w`),
                      weights in `<stem>.safetensors` beside it
            .mlir     StableHLO text, weights in `<stem>.mlir.safetensors`
            .py       JAX source, weights in `<stem>.py.safetensors`
            .hlo      XLA HLO text before optimisation, weights as arguments

        `inline_weights` turns weights into constants of the module (not for `.py`).  `prepare_weights` writes the
        weights that `hoist-params`' @prepare gives instead of those it takes, and no @prepare.  Raises OxideError;
        files that were there before are then untouched.
        """
        from oxide.artefacts import save

        model = self
        if prepare_weights:
            from oxide.prepared_weights import prepared

            model = prepared(self)
        return save(model, Path(path), target_version=target_version, inline_weights=inline_weights)

    def to_jax_source(self, *, parameters_file: str | None = None) -> JaxSource:
        """The model as one Python file; `load_params` in it reads `parameters_file` by default."""
        from oxide.backends.jax_source import emit_jax_source

        parameters_file = parameters_file or f"{self.name}.py.safetensors"
        return emit_jax_source(self.module, model_name=self.name, parameters_file=parameters_file)

    def compile(
        self,
        platform: str = "cpu",
        *,
        device: int = 0,
        pipeline: str | None = None,
        options: Mapping[str, str | bool | int | float] | None = None,
        cache: bool = True,
    ) -> Executable:
        """Compile with XLA through PJRT and put the weights on the device.

        `platform` is `cpu`, `gpu`, `tpu` or the name of a PJRT plug-in that JAX knows, `device` the index of one of
        its local devices.  `pipeline` names the passes that a copy of the module goes through once its shapes are
        known: those of `optimize` for the platform unless something else is said, none with `""`.  `options` are
        XLA's debug options by name (`{"xla_cpu_enable_fast_math": True}`); they override those of
        `oxide.backends.pjrt.client.DEFAULT_OPTIONS`.
        With `cache`, executables are kept on disk and reused.  Raises OxideError.
        """
        from oxide.backends.pjrt import compile_model

        return compile_model(self, platform, device=device, pipeline=pipeline, options=options or {}, cache=cache)

    def stateful(
        self,
        platform: str = "cpu",
        *,
        device: int = 0,
        pipeline: str | None = None,
        options: Mapping[str, str | bool | int | float] | None = None,
        cache: bool = True,
        seed: int = 0,
    ) -> StatefulExecutable:
        """Compile as a callable that keeps what the model changes and is called like the imported program.

        `seed` starts the random generator of a program that has one; the rest is as for `compile`.
        """
        from oxide.backends.pjrt import StatefulExecutable, compile_model

        executable = compile_model(
            self, platform, device=device, pipeline=pipeline, options=options or {}, cache=cache, donate=True
        )
        return StatefulExecutable(self, executable, seed)
