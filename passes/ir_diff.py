"""What each pass changed, as unified diffs of the functions it changed.

MLIR numbers values by position, so one operation more changes the lines of all that follow.  Here a value keeps its
number across the pass: lines that differ in names alone are paired first, and the text before the pass is written
with the names after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher, unified_diff

from jaxlib.mlir import ir

from oxide.passes.instrumentation import Instrumentation, Selection
from oxide.passes.pipeline import Step
from oxide.passes.printing import PrintOptions

_NAME = re.compile(r"%[\w$.-]+")
# `%3 = `, `%3:2 = `, `%arg0: tensor<f32>` and a loop's `%iterArg = %init`.
_DEFINITION = re.compile(r"%[\w$.-]+(?=:| =)")


@dataclass
class DiffPrinting(Instrumentation):
    """Give `emit` a diff after each selected pass that changed something.

    Constants and locations are printed as `options` say; what they leave out is not compared.
    """

    emit: Callable[[str], None]
    selection: Selection
    options: PrintOptions = field(default_factory=PrintOptions)
    _before: dict[str, list[str]] = field(default_factory=dict, init=False)

    def before(self, step: Step, module: ir.Module) -> None:
        if step.name in self.selection:
            self._before = self._texts(module)

    def after(self, step: Step, module: ir.Module) -> None:
        if step.name not in self.selection:
            return
        after = self._texts(module)
        diffs = [
            line
            for name in {**self._before, **after}
            for line in _diff(name, self._before.get(name, []), after.get(name, []))
        ]
        if diffs:
            class_name, _, argument = step.title.partition(" ")
            header = f"// -----// IR Diff After {class_name} {argument} //----- //"
            self.emit("\n".join([header, *diffs, "\n"]))

    def _texts(self, module: ir.Module) -> dict[str, list[str]]:
        """The lines of each function, and of the module's own attributes, by what diffs call them."""
        options = replace(self.options, local_scope=True)  # aliases are numbered throughout the module
        attributes = module.operation.attributes
        texts = {"module": [f"{name} = {attributes[name]}" for name in attributes]}
        for number, view in enumerate(module.body.operations):
            op = view.operation
            symbol = f"@{ir.StringAttr(op.attributes['sym_name']).value}" if "sym_name" in op.attributes else ""
            texts[symbol or f"{op.name} {number}"] = options.text(op).splitlines()
        return texts


def _diff(name: str, before: list[str], after: list[str]) -> Iterable[str]:
    if before == after:
        return ()
    renamed = keep_names(before, after)
    return unified_diff(renamed, after, f"{name} before", f"{name} after", lineterm="")


def keep_names(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The lines `before` with the names that their values have in `after`; `%3` that is gone becomes `%old3`."""
    partner: dict[int, str] = {}
    blocks = SequenceMatcher(None, _without_names(before), _without_names(after)).get_matching_blocks()
    for block in blocks:
        for offset in range(block.size):
            partner[block.a + offset] = after[block.b + offset]
    names: dict[str, str] = {}
    renamed = []
    for number, line in enumerate(before):
        defined = _DEFINITION.findall(line)
        kept = _DEFINITION.findall(partner[number]) if number in partner else [f"%old{n[1:]}" for n in defined]
        # A loop's line reads the values outside before it names its own.
        outer = dict(names)
        names.update(zip(defined, kept, strict=True))
        renamed.append(_renamed(line, outer, names))
    return renamed


def _renamed(line: str, uses: Mapping[str, str], definitions: Mapping[str, str]) -> str:
    def name(match: re.Match[str]) -> str:
        names = definitions if _DEFINITION.match(line, match.start()) else uses
        return names.get(match[0], match[0])

    return _NAME.sub(name, line)


def _without_names(lines: Sequence[str]) -> list[str]:
    return [_NAME.sub("%", line) for line in lines]
