"""Saved models: StableHLO portable artefacts and text, with the weights in a safetensors file beside them.

`model.mlirbc` is a plain StableHLO portable artefact: any consumer of StableHLO reads it.  The metadata entry
`oxide.artefact.sha256` of `model.safetensors` ties the weights to that very artefact.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.diagnostics import Diagnostic, OxideError, captured, from_native, location_text
from oxide.dialects.files import OutputFiles, writing
from oxide.parameters import check_parameters
from oxide.safetensors import dump_safetensors, open_safetensors
from oxide.signature import Signature

if TYPE_CHECKING:
    from oxide.model import Model

TIE = "oxide.artefact.sha256"
# What a portable artefact can hold beside StableHLO itself.
_PORTABLE = {"builtin.module", "func.func", "func.return", "func.call"}
_FIRST_WITH_COMPOSITES = (0, 19, 0)
_REQUIREMENTS = {
    "4w": stablehlo.StablehloCompatibilityRequirement.WEEK_4,
    "12w": stablehlo.StablehloCompatibilityRequirement.WEEK_12,
}


def save(model: Model, path: Path, *, target_version: str, inline_weights: bool) -> list[Path]:
    """Write a model in the form its suffix names (`Model.save` lists them); returns the paths written."""
    writers = {".mlirbc": _save_artefact, ".mlir": _save_text, ".py": _save_jax_source, ".hlo": _save_hlo}
    writer = writers.get(path.suffix)
    if writer is None:
        known = ", ".join(writers)
        raise OxideError(f"{path}: the suffix must be one of {known}, not {path.suffix or 'empty'!r}")
    if inline_weights:
        if path.suffix == ".py":
            raise OxideError("weights cannot be inlined into Python source; use .mlirbc or .mlir for one file")
        from oxide.inline_weights import inline_weights as inlined

        model = inlined(model)
    signature = model.check()
    with writing() as files:
        return [path, *writer(files, model, signature, path, target_version)]


def weights_path(path: Path) -> Path:
    """Where the weights of a saved model lie.  The suffix stays in the name for forms other than `.mlirbc`, so
    that one model saved in several forms in one folder does not overwrite weights tied to another form."""
    if path.suffix == ".mlirbc":
        return path.with_suffix(".safetensors")
    return path.with_name(path.name + ".safetensors")


def serialize(module: ir.Module, target_version: str = "current") -> bytes:
    """The StableHLO portable artefact of a module; the module itself is not changed.

    CHLO is legalised first; composites and discardable attributes are kept.  For a version before 0.19, which has
    no composites, they become calls.  Raises OxideError that names and locates every operation a portable
    artefact cannot hold.
    """
    from oxide.passes.manager import run_pipeline

    version = resolve_version(target_version)
    # CHLO on dynamic shapes becomes StableHLO and shape arithmetic.
    lowering = "func.func(chlo-legalize-to-stablehlo,shape-legalize-to-stablehlo)"
    if _key(version) < _FIRST_WITH_COMPOSITES:
        lowering += ",func.func(stablehlo-legalize-composite-to-call)"
    module = run_pipeline(module, f"{lowering},stablehlo-compatibility-expander{{target={version}}}")
    _refuse_foreign(module)
    with captured(module.context) as seen:
        try:
            return stablehlo.serialize_portable_artifact(module, version)
        except (ir.MLIRError, ValueError) as error:
            if isinstance(error, ir.MLIRError):
                seen = seen + [from_native(info) for info in error.error_diagnostics]
            # MLIR's own text goes on to print the operation, and in notes whole functions, in VHLO.
            brief = [replace(item, message=item.message.split(": %")[0], notes=()) for item in seen]
            raise OxideError(f"the module cannot be written as StableHLO {version}", brief) from error


def resolve_version(target: str) -> str:
    """A StableHLO version for `1.x`, `1.x.y`, `current`, `minimum`, `4w` or `12w` (readable that long ago)."""
    if target == "current":
        return stablehlo.get_current_version()
    if target == "minimum":
        return stablehlo.get_minimum_version()
    if target in _REQUIREMENTS:
        return stablehlo.get_version_from_compatibility_requirement(_REQUIREMENTS[target])
    if not re.fullmatch(r"\d{1,6}\.\d{1,6}(\.\d{1,6})?", target):
        raise OxideError(f"target version {target!r} is none of 1.x, 1.x.y, current, minimum, 4w, 12w")
    version = target if target.count(".") == 2 else f"{target}.0"
    low, high = stablehlo.get_minimum_version(), stablehlo.get_current_version()
    if not _key(low) <= _key(version) <= _key(high):
        raise OxideError(f"target version {version} is outside {low} to {high}, which this build can write")
    return version


def attach_parameters(
    signature: Signature, path: Path, data: bytes, weights: Path | None = None
) -> Mapping[str, np.ndarray]:
    """The weights of a saved model read from `path`, whose bytes are `data`.

    Raises OxideError when the weights file is missing, belongs to another artefact, or its tensors are not
    exactly those the module takes.
    """
    if not signature.weights:
        return {}
    place = weights or weights_path(path)
    if not place.exists():
        raise OxideError(f"{path}: its {len(signature.weights)} weights should lie in {place}, which is missing")
    store = open_safetensors(place)
    tie = store.metadata.get(TIE)
    if tie is not None and tie != hashlib.sha256(data).hexdigest():
        raise OxideError(f"{place}: these weights belong to another artefact than {path} (the sha256 differs)")
    names = {spec.name for spec in signature.weights}
    extra = sorted(name for name in store if name not in names)
    if tie is not None and extra:
        raise OxideError(f"{place}: {len(extra)} tensors belong to no weight of {path}: {', '.join(extra[:5])}")
    try:
        check_parameters(signature.weights, store)
    except OxideError as error:
        raise OxideError(f"{place}: {error.message}", error.diagnostics) from error
    return store


def _save_artefact(files: OutputFiles, model: Model, signature: Signature, path: Path, version: str) -> list[Path]:
    data = serialize(model.module, version)
    files.write(path, data)
    return _save_weights(files, model, signature, path, {TIE: hashlib.sha256(data).hexdigest()})


def _save_text(files: OutputFiles, model: Model, signature: Signature, path: Path, version: str) -> list[Path]:
    files.write(path, text_of(model.module))
    # Text is there to be edited, so its weights are not tied to its bytes.
    return _save_weights(files, model, signature, path, {})


def _save_jax_source(
    files: OutputFiles, model: Model, signature: Signature, path: Path, version: str
) -> list[Path]:
    place = weights_path(path)
    source = model.to_jax_source(parameters_file=place.name)
    files.write(path, source.text)
    tensors = _used(model, signature) | dict(source.constants)
    if not tensors:
        return []
    with files.open(place) as stream:
        dump_safetensors(stream, tensors)
    return [place]


def _save_hlo(files: OutputFiles, model: Model, signature: Signature, path: Path, version: str) -> list[Path]:
    from oxide.backends.pjrt import hlo_text

    files.write(path, hlo_text(model.module))
    return []


def _save_weights(
    files: OutputFiles, model: Model, signature: Signature, path: Path, metadata: dict[str, str]
) -> list[Path]:
    if not signature.weights:
        return []
    place = weights_path(path)
    with files.open(place) as stream:
        dump_safetensors(stream, _used(model, signature), metadata)
    return [place]


def text_of(module: ir.Module) -> str:
    """MLIR text with locations."""
    text = str(module.operation.get_asm(binary=False, enable_debug_info=True))
    return text if text.endswith("\n") else text + "\n"


def _used(model: Model, signature: Signature) -> dict[str, np.ndarray]:
    return {spec.name: model.parameters[spec.name] for spec in signature.weights}


def _refuse_foreign(module: ir.Module) -> None:
    """Name every operation that is not StableHLO."""
    foreign: list[Diagnostic] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if not op.name.startswith("stablehlo.") and op.name not in _PORTABLE:
            foreign.append(Diagnostic("error", f"{op.name} is not StableHLO", location_text(op.location)))
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if foreign:
        names = ", ".join(sorted({item.message.split()[0] for item in foreign}))
        raise OxideError(f"a portable artefact cannot hold {names}; lower it first", foreign[:20])


def _key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
