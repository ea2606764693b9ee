"""Observers of a pipeline run; the one that prints IR carries mlir-opt's flags."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import OxideError
from oxide.passes.pipeline import Step
from oxide.passes.printing import PrintOptions


class Instrumentation:
    """Called around every pass; the default does nothing."""

    def before(self, step: Step, module: ir.Module) -> None: ...

    def after(self, step: Step, module: ir.Module) -> None: ...

    def failed(self, step: Step, module: ir.Module) -> None: ...


@dataclass(frozen=True)
class Selection:
    """Some passes by name, or all."""

    names: frozenset[str] = frozenset()
    all: bool = False

    def __contains__(self, name: str) -> bool:
        return self.all or name in self.names

    def __bool__(self) -> bool:
        return self.all or bool(self.names)


@dataclass
class IRPrinting(Instrumentation):
    """Print the module before, after or on the failure of passes.

    `only_changes` leaves out dumps after passes that changed nothing.  With `folder` every dump goes to a file
    of its own, `<folder>/builtin_module_<symbol>/<number>_<pass>.mlir`; otherwise `emit` gets the text.
    """

    emit: Callable[[str], None]
    print_before: Selection = Selection()
    print_after: Selection = Selection()
    only_changes: bool = False
    on_failure: bool = False
    options: PrintOptions = field(default_factory=PrintOptions)
    folder: Path | None = None
    _fingerprint: bytes = field(default=b"", init=False)
    _dumps: int = field(default=0, init=False)

    def before(self, step: Step, module: ir.Module) -> None:
        if step.name in self.print_before:
            self._dump("Before", step, module)
        if self.only_changes and step.name in self.print_after:
            self._fingerprint = fingerprint(module)

    def after(self, step: Step, module: ir.Module) -> None:
        if step.name not in self.print_after:
            return
        if not self.only_changes or fingerprint(module) != self._fingerprint:
            self._dump("After", step, module)

    def failed(self, step: Step, module: ir.Module) -> None:
        if self.on_failure or step.name in self.print_after:
            self._dump("After", step, module, " Failed")

    def _dump(self, when: str, step: Step, module: ir.Module, outcome: str = "") -> None:
        class_name, _, argument = step.title.partition(" ")
        header = f"// -----// IR Dump {when} {class_name}{outcome} {argument} //----- //\n"
        text = header + self.options.text(module)
        if self.folder is None:
            self.emit(text + "\n")
            return
        folder = self.folder / f"builtin_module_{_symbol(module)}"
        suffix = "_before" if when == "Before" else "_failed" if outcome else ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{self._dumps}_{step.name}{suffix}.mlir").write_text(text, encoding="utf-8")
        except OSError as error:
            raise OxideError(f"cannot print IR into {folder}: {error.strerror}") from error
        self._dumps += 1


def fingerprint(module: ir.Module) -> bytes:
    """Equal for equal modules, locations included."""
    buffer = io.BytesIO()
    module.operation.write_bytecode(buffer)
    return hashlib.blake2b(buffer.getbuffer()).digest()


def _symbol(module: ir.Module) -> str:
    attributes = module.operation.attributes
    if "sym_name" not in attributes:
        return "no-symbol-name"
    # A symbol may be any string; in a file name only these characters are safe.
    return re.sub(r"[^A-Za-z0-9_-]", "_", ir.StringAttr(attributes["sym_name"]).value)[:100]
