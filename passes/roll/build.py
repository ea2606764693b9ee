"""A loop in place of calls."""

from __future__ import annotations

from collections.abc import Mapping

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.attributes import symbol
from oxide.dialects.dims import Size
from oxide.dialects.hlo.loops import Element, Step, element_at, loop
from oxide.passes.indexed_names import indexed
from oxide.passes.roll.operands import Operand, Rows, Same, Stack
from oxide.passes.roll.runs import Joined, Run


def roll(run: Run, callee: ir.Block) -> None:
    """Replace the calls; what is stacked and sliced is located where the argument of the function is."""
    last, count = run.calls[-1], len(run.calls)
    name, types = symbol(last, "callee"), [result.type for result in last.results]
    initial = {number: run.calls[0].operands[number] for number in run.fed}
    backwards = {number for number in run.kept if any(joined.is_reversed for joined in run.joined[number])}
    places = [argument.location for argument in callee.arguments]
    with ir.InsertionPoint(last), _location(run):
        arrays: dict[int, ir.Value] = {}
        for number, operand in run.operands.items():
            with places[number]:
                arrays[number] = _array(operand)

        def body(index: ir.Value, *state: ir.Value) -> Step:
            taken = dict(zip(initial, state, strict=True))
            for number, operand in run.operands.items():
                with places[number]:
                    taken[number] = _element(operand, arrays[number], index)
            results = hlo.call(name, [taken[number] for number in sorted(taken)], types)
            elements = [
                Element(results[n], position=hlo.subtract(count - 1, index) if n in backwards else None)
                for n in run.kept
            ]
            return Step([results[run.fed[k]] for k in initial], elements)

        made = loop(count, body, list(initial.values()))
        carried = {run.fed[number]: value for number, value in zip(initial, made.state, strict=True)}
        stacked = dict(zip(run.kept, made.stacked, strict=True))
        joining = [op for number in run.kept for joined in run.joined[number] for op in joined.operations()]
        gone = set(joining)
        moving = [op for op in run.after if op not in gone]
        for number in run.kept:
            for joined in run.joined[number]:
                with joined.op.location:
                    value = _concatenated(stacked[number], joined, joined.is_reversed != (number in backwards))
                joined.op.results[0].replace_all_uses_with(value)
        for op in joining:
            op.erase()
        _replace_results(run, carried, stacked, backwards)
    for op in moving:
        op.move_before(last)
    for call in reversed(run.calls):
        call.erase()


def _location(run: Run) -> ir.Location:
    """`layers`, where the calls are `layers.0`, `layers.1`, ...; in any case where all of them are."""
    locations = [call.location for call in run.calls]
    everywhere = ir.Location.fused(locations)
    names = [location.name_str for location in locations if isinstance(location, ir.NameLoc)]
    found = indexed(names) if len(names) == len(locations) else None
    return ir.Location.name(found.common, everywhere) if found else everywhere


def _array(operand: Operand) -> ir.Value:
    """What the loop reads: of parts that make up all of a value, that with its parts in front."""
    if isinstance(operand, Same):
        return operand.value
    if isinstance(operand, Rows):
        return (
            hlo.move_axis(operand.source, operand.axis, 0) if operand.is_whole and operand.axis else operand.source
        )
    return hlo.stack(operand.values, 0)


def _element(operand: Operand, array: ir.Value, index: ir.Value) -> ir.Value:
    """The operand of the call in turn `index`."""
    if isinstance(operand, Same):
        return array
    if isinstance(operand, Stack):
        return element_at(array, index)
    if operand.is_whole:
        forwards = operand.step > 0
        part = element_at(array, index if forwards else hlo.subtract(operand.count - 1, index))
    else:
        sizes = [operand.size if axis == operand.axis else n for axis, n in enumerate(hlo.shape(array))]
        starts: list[ir.Value | Size] = [0] * len(sizes)
        starts[operand.axis] = hlo.add(hlo.multiply(index, operand.step), operand.first)
        part = hlo.dynamic_slice(array, starts, sizes)
    return part if hlo.shape(part) == operand.shape else hlo.reshape(part, operand.shape)


def _concatenated(stack: ir.Value, joined: Joined, turned: bool) -> ir.Value:
    if turned:
        stack = hlo.reverse(stack, [0])
    part, whole = hlo.shape(joined.op.operands[0]), hlo.shape(joined.op.results[0])
    if part[joined.axis] != 1 or hlo.shape(stack)[1:] != (*part[: joined.axis], *part[joined.axis + 1 :]):
        stack = hlo.reshape(stack, [hlo.shape(stack)[0], *part])
    moved = hlo.move_axis(stack, 0, joined.axis) if joined.axis else stack
    return moved if hlo.shape(moved) == whole else hlo.reshape(moved, whole)


def _replace_results(
    run: Run, carried: Mapping[int, ir.Value], stacked: Mapping[int, ir.Value], backwards: set[int]
) -> None:
    """Let others read the loop's results."""
    for turn, call in enumerate(run.calls):
        for number, result in enumerate(call.results):
            if call == run.calls[-1] and number in carried:
                result.replace_all_uses_with(carried[number])
            elif run.is_read_outside(result):
                place = len(run.calls) - 1 - turn if number in backwards else turn
                part = hlo.slice_axis(stacked[number], 0, place, place + 1)
                result.replace_all_uses_with(hlo.squeeze(part, [0]))
