"""What the rules of raising share: a rule checks, then builds, and does no arithmetic twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import getdoc

from jaxlib.mlir import ir

from oxide.dialects import composites, hlo
from oxide.dialects.composites.registry import AttributeValue
from oxide.dialects.rewrite import Pattern, Rewriter
from oxide.passes.canonicalize.matching import Declined, is_static, shape_of
from oxide.passes.raise_.views import reshaped

# Operations that only place values: what they make may stay in use, as no arithmetic is done twice.
_PLACING = frozenset(
    f"stablehlo.{name}" for name in ("broadcast_in_dim", "constant", "convert", "iota", "reshape", "transpose")
)
# How many times larger than a feature's numbers a tensor is for them not to count.
_FEW = 4


@dataclass(frozen=True)
class Raised:
    """A composite that a rule found: its name, operands and attributes.

    `inputs` are the values the pattern ends at; `operands` builds the composite's operands from them, and `finish`
    the value that replaces the matched result.
    """

    name: str
    inputs: Sequence[ir.Value]
    attributes: dict[str, AttributeValue]
    operands: Callable[[], Sequence[ir.Value]] | None = None
    finish: Callable[[ir.Value], ir.Value] | None = None


@dataclass(frozen=True)
class Rebuilt:
    """Operations that compute the matched result in another way, from its operands."""

    build: Callable[[], ir.Value]


Match = Callable[[ir.Operation], "Raised | Rebuilt | Declined | None"]


def rule(name: str, roots: Sequence[str], match: Match) -> Pattern:
    """A named pattern that replaces a single-result operation by the composite or the operations `match` finds.

    Its meaning is the first paragraph of the function's docstring.
    """

    def rewrite(op: ir.Operation, rewriter: Rewriter) -> bool:
        if not is_static(op):
            return False
        found = match(op)
        if found is None:
            return False
        if isinstance(found, Raised):
            found = _kept_alive(op, found) or found
        if isinstance(found, Declined):
            return rewriter.decline(found.reason)
        value = found.build() if isinstance(found, Rebuilt) else _composite(found)
        if hlo.dtype(value) == hlo.dtype(op.results[0]):
            value = hlo.reshape(value, shape_of(op.results[0]))
        rewriter.replace(op, value)
        return True

    summary = (getdoc(match) or "").split("\n\n")[0]
    return Pattern(name, tuple(roots), rewrite, summary=summary)


def _composite(found: Raised) -> ir.Value:
    operands = list(found.inputs) if found.operands is None else found.operands()
    (value,) = composites.build(found.name, operands, **found.attributes)
    return value if found.finish is None else found.finish(value)


def _kept_alive(root: ir.Operation, found: Raised) -> Declined | None:
    """A refusal when arithmetic between the inputs and the root is used elsewhere, and would be done twice.

    That of the few numbers a feature has is done again for the tensor's sake.
    """
    # A pattern may end at several reshapes of one tensor.
    inputs = {reshaped(v) for v in found.inputs}
    inside: list[ir.Operation] = []
    members = {root}
    pending = list(root.operands)
    while pending:
        value = pending.pop()
        if reshaped(value) in inputs or isinstance(value.owner, ir.Block) or value.owner.operation in members:
            continue
        op = value.owner.operation
        members.add(op)
        inside.append(op)
        pending.extend(op.operands)
    staying = [op for op in inside if any(use.owner.operation not in members for r in op.results for use in r.uses)]
    costly = {op for op in inside if op.name not in _PLACING and not _is_small(op, root)}
    for op in staying:
        if op in costly or costly & _above(op, members):
            short = op.name.removeprefix("stablehlo.")
            return Declined(f"oxide.{found.name} would be computed beside its {short}, which is used elsewhere")
    return None


def _above(op: ir.Operation, members: set[ir.Operation]) -> set[ir.Operation]:
    """The members that an operation is computed from."""
    found: set[ir.Operation] = set()
    pending = [op]
    while pending:
        owners = [v.owner for v in pending.pop().operands]
        new = {o.operation for o in owners if not isinstance(o, ir.Block) and o.operation in members} - found
        found |= new
        pending += new
    return found


def _is_small(op: ir.Operation, root: ir.Operation) -> bool:
    """True where an operation reads and gives far less than what the pattern computes."""
    if not is_static(op):
        return False
    most = max(hlo.size(v) for v in (*op.operands, *op.results))
    return most * _FEW <= hlo.size(root.results[0])
