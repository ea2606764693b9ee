"""Repeated structure becomes functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir

from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, option, register
from oxide.passes.outline.build import outline
from oxide.passes.outline.repeats import find_repeats, saved, with_others
from oxide.passes.outline.sequence import FREE, crossing, read_blocks
from oxide.passes.outline.template import Template, group_by_wiring, make_template
from oxide.passes.program_blocks import function_bodies


@register
@dataclass(frozen=True)
class Outline(Pass):
    """Let equal parts of a program, such as the blocks of a transformer, be calls of one private function.

    Parts are equal when they have the same operations in the same order, with the same types, attributes and
    regions, that read one another in the same way; they may differ in weights and constants, which become
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
            declined: list[tuple[ir.Operation, str]] = []
            # Parts that overlapped a better repeat, and parts of calls, come to light in a further round.
            while templates := self._templates(module, weights, declined):
                for template in templates:
                    first = template.parts[0][0].location
                    name = outline(template, module, weights)
                    count, length = len(template.parts), len(template.parts[0])
                    log.remark_at(first, f"outline: {count} parts of {length} operations are calls of @{name}")
                    log.count("functions made")
                    log.count("calls made", count)
                    log.count("operations saved", saved(length, count))
                for block in function_bodies(module):
                    _erase_unused(block)
            for op, reason in declined:
                log.remark(op, f"outline: {reason}")

    def _templates(
        self, module: ir.Module, weights: Mapping[ir.Value, str], declined: list[tuple[ir.Operation, str]]
    ) -> list[Template]:
        """Templates of parts that do not overlap, the most profitable first; `declined` become this round's."""
        sequence = read_blocks(function_bodies(module), Effects(module))
        tokens = np.array(sequence.tokens, np.int64)
        unused = np.ones(len(tokens), bool)
        found: list[Template] = []
        declined.clear()
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
                declined.append((sequence.operations[repeat.starts[0]], reason))
            for starts in chosen:
                for start in starts:
                    unused[sequence.overlapping(range(start, start + repeat.length))] = False
                found.append(make_template(sequence, starts, repeat.length, weights))
        return found

    def _is_profitable(self, count: int, length: int) -> bool:
        return count >= max(2, self.min_repeats) and saved(length, count) > 0


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
