"""Which values of `@main` are known as soon as its weights are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.attributes import PARAM, UPDATES
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.effects import Effects
from oxide.passes import functions
from oxide.passes.program_blocks import WITH_CALLS

# Pure, but where they stand means something: a generator's stream, and a border no optimisation may cross.
_STAYING = frozenset({"stablehlo.rng_bit_generator", "stablehlo.optimization_barrier"})


@dataclass
class WeightValues:
    """What the walk over `@main` finds.

    `known` has every value that depends on weights and constants alone, and says whether it reads a weight;
    `users` the positions in `operations` of what uses a value, inside of regions too; `declined` operations that
    read nothing but such values and must stay, with the reason.
    """

    operations: list[ir.Operation] = field(default_factory=list)
    reads: list[Sequence[ir.Value]] = field(default_factory=list)
    known: dict[ir.Value, bool] = field(default_factory=dict)
    users: dict[ir.Value, list[int]] = field(default_factory=dict)
    declined: list[tuple[ir.Operation, str]] = field(default_factory=list)

    def is_known(self, position: int) -> bool:
        """True of an operation that can move: its results are known."""
        results = self.operations[position].results
        return len(results) > 0 and results[0] in self.known

    def reads_weights(self, position: int) -> bool:
        results = self.operations[position].results
        return len(results) > 0 and self.known.get(results[0], False)


def find_weight_values(main: ir.Operation, effects: Effects, *, inside: bool = False) -> WeightValues:
    """Walk the operations of `@main`'s block.

    What regions compute belongs to the operation that has them; with `inside`, operations in loops and branches
    that depend on more than weights come after it as operations of their own.  A weight that the model updates
    (`oxide.updates`) is no weight here.
    """
    updated = functions.names(main, "res_attrs", UPDATES)
    names = zip(functions.names(main, "arg_attrs", PARAM), functions.body(main).arguments, strict=True)
    weights = [argument for name, argument in names if name is not None and name not in updated]
    return find_known(functions.body(main), weights, effects, inside=inside)


def find_known(
    block: ir.Block, weights: Sequence[ir.Value], effects: Effects, *, inside: bool = False
) -> WeightValues:
    """As `find_weight_values`, for the block of any function and those of its arguments that are weights."""
    found = WeightValues(known={argument: True for argument in weights if why_no_array(argument) is None})
    pending = [iter(block.operations)]
    while pending:
        view = next(pending[-1], None)
        if view is None:
            pending.pop()
        elif not _add(found, view.operation, effects, inside):
            pending += [iter(b.operations) for r in reversed(view.operation.regions) for b in r.blocks]
    return found


def _add(found: WeightValues, op: ir.Operation, effects: Effects, inside: bool) -> bool:
    """Add an operation; False if those in its regions are to be added too."""
    reads, is_whole = values_read(op), not inside or op.name not in WITH_CALLS
    if len(op.results) > 0 and all(value in found.known for value in reads):
        reason = _why_it_stays(op, effects)
        reads_weights = any(found.known[value] for value in reads)
        if reason is None:
            is_whole = True
            found.known.update((result, reads_weights) for result in op.results)
        elif reads_weights:
            found.declined.append((op, reason))
    found.operations.append(op)
    found.reads.append(reads if is_whole else list(op.operands))
    for value in found.reads[-1]:
        found.users.setdefault(value, []).append(len(found.operations) - 1)
    return is_whole


def values_read(op: ir.Operation) -> Sequence[ir.Value]:
    """An operation's operands, and what its regions take from outside."""
    if len(op.regions) == 0:
        return list(op.operands)
    inside: set[ir.Value] = set()
    read: dict[ir.Value, None] = {}

    def visit(inner: ir.Operation) -> ir.WalkResult:
        read.update(dict.fromkeys(inner.operands))
        inside.update(inner.results)
        inside.update(a for region in inner.regions for block in region.blocks for a in block.arguments)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return [value for value in read if value not in inside]


def _why_it_stays(op: ir.Operation, effects: Effects) -> str | None:
    if op.name in _STAYING:
        return "is not moved past others"
    if not effects.is_pure(op):
        return "may have effects"
    return next((reason for result in op.results if (reason := why_no_array(result))), None)


def why_no_array(value: ir.Value) -> str | None:
    """Why a value cannot be kept as an array, or None."""
    type = value.type
    if not isinstance(type, ir.RankedTensorType) or not type.has_static_shape:
        return f"gives {type}, whose size is not known"
    try:
        dtypes.to_numpy(type.element_type)
    except OxideError:
        return f"gives {type}, which is no array"
    return None


def nbytes(value: ir.Value) -> int:
    """Bytes of a tensor as an array holds it."""
    return hlo.size(value) * hlo.dtype(value).itemsize
