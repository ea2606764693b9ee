"""A block as numbers: who defines and who uses what, so that grouping never touches the bindings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from jaxlib.mlir import ir

from oxide.dialects.constants import constant_value
from oxide.dialects.effects import ELEMENTWISE, SHAPE_OPERANDS
from oxide.dialects.fold import is_splat

# Operations that only say which element of the operand an element of the result is.
INDEXING = frozenset(
    f"stablehlo.{name}" for name in ("broadcast_in_dim", "reshape", "transpose", "slice", "reverse", "iota")
)
HEROES = frozenset({"stablehlo.dot_general", "stablehlo.convolution"})
# Constants of up to this many elements are copied into the fusions that use them.
CLONED_ELEMENTS = 64


class Role(Enum):
    """What part an operation can play in a fusion."""

    OPAQUE = "stays outside"
    ELEMENTWISE = "one result element from the same elements of the operands"
    INDEXING = "moves or repeats elements"
    REDUCTION = "root of an input fusion"
    HERO = "the contraction of an output fusion"
    CONSTANT = "copied into every fusion that uses it"


@dataclass(frozen=True)
class Node:
    """One operation of the block.

    `operands` and `users` are positions in the block, users ascending and distinct; a user inside a nested
    region counts as the operation of this block that holds the region.  Values from outside the block have no
    position.  `size` is the number of elements of the result, `scalar` whether its rank is 0.
    """

    op: ir.Operation
    role: Role
    size: int
    scalar: bool
    operands: tuple[int, ...]
    users: list[int]


def graph_of(block: ir.Block) -> list[Node]:
    """The operations of a block in order."""
    positions: dict[ir.Value, int] = {}
    nodes: list[Node] = []
    for position, view in enumerate(block.operations):
        op = view.operation
        operands = tuple(dict.fromkeys(positions[v] for v in op.operands if v in positions))
        used = operands if not len(op.regions) else operands + tuple(_captured(op, positions))
        for producer in used:
            users = nodes[producer].users
            if not users or users[-1] != position:
                users.append(position)
        size, scalar = _extent(op)
        nodes.append(Node(op, _role(op, size, used == operands), size, scalar, operands, []))
        for result in op.results:
            positions[result] = position
    for position in _size_arithmetic(nodes, positions):
        nodes[position] = replace(nodes[position], role=Role.OPAQUE)
    return nodes


def _size_arithmetic(nodes: Sequence[Node], positions: dict[ir.Value, int]) -> set[int]:
    """Operations that compute sizes.

    Whoever fixes the sizes of a module must see how they come about, so these stay where they are: what follows
    from sizes alone, and integer vectors and scalars that lead to an operand which holds sizes.
    """
    found: set[int] = set()
    for position, node in enumerate(nodes):
        known = [o for o in node.operands if nodes[o].role is not Role.CONSTANT]
        outside = len(node.operands) < len(set(node.op.operands))
        follows = known and not outside and all(o in found for o in known)
        if node.op.name == "stablehlo.get_dimension_size" or (follows and _is_integers(node)):
            found.add(position)
    for position in range(len(nodes) - 1, -1, -1):
        op = nodes[position].op
        held = [op.operands[i] for i in SHAPE_OPERANDS.get(op.name, ())]
        if position in found and op.name != "stablehlo.get_dimension_size":
            held = list(op.operands)
        sources = (positions[v] for v in held if v in positions)
        found.update(s for s in sources if _is_integers(nodes[s]) and nodes[s].role is not Role.CONSTANT)
    return found


def _is_integers(node: Node) -> bool:
    """True for what arithmetic of sizes gives: integers, at most a row for each dimension."""
    if len(node.op.results) != 1 or node.role not in (Role.ELEMENTWISE, Role.INDEXING, Role.OPAQUE):
        return False
    result = node.op.results[0].type
    is_tensor = isinstance(result, ir.RankedTensorType) and result.rank <= 2
    return is_tensor and isinstance(result.element_type, ir.IntegerType)


def _captured(op: ir.Operation, positions: dict[ir.Value, int]) -> list[int]:
    """The operations of the block that an operation's regions use directly."""
    captured: dict[int, None] = {}

    def visit(inner: ir.Operation) -> ir.WalkResult:
        if inner != op:
            captured.update(dict.fromkeys(positions[v] for v in inner.operands if v in positions))
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return list(captured)


def _extent(op: ir.Operation) -> tuple[int, bool]:
    """Elements and scalarness of the only result; -1 elements when it is not one tensor of static shape."""
    if len(op.results) != 1:
        return -1, False
    result = op.results[0].type
    if not isinstance(result, ir.RankedTensorType) or not result.has_static_shape:
        return -1, False
    return math.prod(result.shape), result.rank == 0


def _role(op: ir.Operation, size: int, closed: bool) -> Role:
    # An attribute of another dialect (a sharding, say) speaks about this place in the program.
    if size < 0 or not closed or any("." in name for name in op.attributes):
        return Role.OPAQUE
    name = op.name
    if name in ELEMENTWISE:
        return Role.ELEMENTWISE
    if name in INDEXING:
        return Role.INDEXING
    if name in HEROES:
        return Role.HERO
    if name == "stablehlo.reduce":
        return Role.REDUCTION if _is_self_contained(op) else Role.OPAQUE
    if name == "stablehlo.constant":
        array = constant_value(op.results[0])
        return Role.CONSTANT if array is not None and (size <= CLONED_ELEMENTS or is_splat(array)) else Role.OPAQUE
    return Role.OPAQUE


def _is_self_contained(op: ir.Operation) -> bool:
    """True when the regions use nothing but what they define, arguments of the function included."""
    block = op.regions[0].blocks[0]
    known: set[ir.Value] = set(block.arguments)
    for view in block.operations:
        if len(view.operation.regions) or any(value not in known for value in view.operation.operands):
            return False
        known.update(view.operation.results)
    return True
