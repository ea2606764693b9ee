"""Repeated structure becomes functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.outline.build import outline
from oxide.passes.outline.order import as_written, by_use, reorder
from oxide.passes.outline.repeats import find_repeats, saved, with_others
from oxide.passes.outline.sequence import FREE, Sequences, crossing, read_blocks
from oxide.passes.outline.template import Template, group_by_wiring, make_template
from oxide.passes.program_blocks import function_bodies


@register
@dataclass(frozen=True)
class Outline(Pass):
    """Let equal parts of a program, such as the blocks of a transformer, be calls of one private function.

    Parts are equal when they have the same operations, with the same types, attributes and regions, that read one
    another in the same way; they may stand in another order and differ in weights and constants, which become
    arguments.  All functions, loops and branches are searched, decompositions of composites aside.  Reshapes,
    broadcasts and constants count for nothing and are copied to what reads them.  Operations with effects stay.  A
    function is made only where there are fewer operations afterwards.  The operations are the same, so no bit
    changes.  `inline` is the inverse; `roll` makes loops of the calls.
    """

    name = "outline"
    min_ops: int = option(8, "least number of operations in a function, free ones not counted")
    min_repeats: int = option(2, "least number of calls of a function")

    def run(self, module: ir.Module, log: PassLog) -> None:
        with module.context:
            weights = _weight_names(module)
            # Parts that overlapped a better repeat, and parts of calls, come to light in a further round.
            while (found := self._find(module, weights)).templates:
                for template in found.templates:
                    first = template.parts[0][0].location
                    name = outline(template, module, weights)
                    count, length = len(template.parts), len(template.parts[0])
                    log.remark_at(first, f"outline: {count} parts of {length} operations are calls of @{name}")
                    log.count("functions made")
                    log.count("calls made", count)
                    log.count("operations saved", saved(length, count))
                for block in function_bodies(module):
                    _erase_unused(block)
            for op, reason in found.declined:
                log.remark(op, f"outline: {reason}")

    def _find(self, module: ir.Module, weights: Mapping[ir.Value, str]) -> _Found:
        """Parts as the operations stand or, where that gives more, in the order that they are used in."""
        blocks, effects = function_bodies(module), Effects(module)
        order = by_use(effects)
        found = self._templates(read_blocks(blocks, effects, as_written), weights)
        ordered = self._templates(read_blocks(blocks, effects, order), weights)
        if ordered.saved <= found.saved:
            return found
        for block in {part[0].block for template in ordered.templates for part in template.parts}:
            reorder(block, order)
        return ordered

    def _templates(self, sequence: Sequences, weights: Mapping[ir.Value, str]) -> _Found:
        """Templates of parts that do not overlap, the most profitable first."""
        tokens = np.array(sequence.tokens, np.int64)
        unused = np.ones(len(tokens), bool)
        found = _Found()
        for candidate in find_repeats(tokens, crossing(sequence), self.min_ops):
            if not all(unused[start : start + candidate.length].all() for start in candidate.starts):
                continue
            repeat = with_others(candidate, tokens, unused)
            groups = group_by_wiring(sequence, repeat)
            chosen = [starts for starts in groups if self._is_profitable(len(starts), repeat.length)]
            if len(groups) > 1 and not chosen:
                times = len(repeat.starts)
                reason = (
                    f"{repeat.length} operations stay, they occur {times} times but read one another differently"
                )
                found.declined.append((sequence.operations[repeat.starts[0]], reason))
            for starts in chosen:
                for start in starts:
                    unused[sequence.overlapping(range(start, start + repeat.length))] = False
                found.templates.append(make_template(sequence, starts, repeat.length, weights))
        return found

    def _is_profitable(self, count: int, length: int) -> bool:
        return count >= max(2, self.min_repeats) and saved(length, count) > 0


@dataclass
class _Found:
    """What one round found, and operations that occur more than once and stay, with the reason."""

    templates: list[Template] = field(default_factory=list)
    declined: list[tuple[ir.Operation, str]] = field(default_factory=list)

    @property
    def saved(self) -> int:
        return sum(saved(len(template.parts[0]), len(template.parts)) for template in self.templates)


def _weight_names(module: ir.Module) -> dict[ir.Value, str]:
    main = functions.entry_function(module)
    return {} if main is None else {value: name for name, value in functions.weights(main).items()}


def _erase_unused(block: ir.Block) -> None:
    """Erase the free operations that only the parts read, inside of regions too."""
    for view in reversed(list(block.operations)):
        op = view.operation
        for region in op.regions:
            for inner in region.blocks:
                _erase_unused(inner)
        if op.name in FREE and functions.is_unused(op.results[0]):
            op.erase()
