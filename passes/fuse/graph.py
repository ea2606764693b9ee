"""A block as numbers: who defines and who uses what, so that grouping never touches the bindings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxlib.mlir import ir

from oxide.dialects.constants import constant_value
from oxide.dialects.effects import ELEMENTWISE, SHAPE_OPERANDS
from oxide.dialects.fold import is_splat
from oxide.passes.cost_analysis.rules import TRANSCENDENTAL, bit_width
from oxide.passes.fuse.composites import Composites
from oxide.passes.fuse.roles import (
    CONTRACTIONS,
    INDEXING,
    PARTS,
    TRANSCENDENTAL_WORK,
    UPDATE,
    Role,
    is_self_contained,
)

# Constants of up to this many elements are copied into the fusions that use them.
CLONED_ELEMENTS = 64


@dataclass(frozen=True)
class Node:
    """One operation of the block.

    `operands` and `users` are positions in the block, users ascending and distinct; a user inside a nested
    region counts as the operation of this block that holds the region.  Values from outside the block have no
    position.  `reads` and `results` are the numbers of all values read (captured ones included, each once) and
    defined.  `size` is the number of elements of the result, `scalar` whether its rank is 0, `work` the FLOPs for
    one element.
    """

    op: ir.Operation
    role: Role
    size: int
    scalar: bool
    work: int
    operands: tuple[int, ...]
    users: list[int]
    reads: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The operations of a block in order, and for each value's number its bytes and elements (0 where its size is
    open) and the position that defines it, -1 for values from outside."""

    nodes: list[Node]
    bytes: list[int]
    elements: list[int]
    source: list[int]

    def read_bytes(self, value: int, readers: Sequence[int]) -> int:
        """What operations that run together read of a value: all of it, or the parts they take."""
        parts = 0
        for reader in readers:
            node = self.nodes[reader]
            if node.op.name not in PARTS or node.reads[0] != value:
                return self.bytes[value]
            parts += self.bytes[node.results[0]]
        return min(parts, self.bytes[value])

    def result_bytes(self, position: int) -> int:
        return sum(self.bytes[value] for value in self.nodes[position].results)


def graph_of(block: ir.Block, composites: Composites) -> Graph:
    """The operations of a block in order."""
    numbers: dict[ir.Value, int] = {}
    graph = Graph([], [], [], [])

    def number(value: ir.Value, position: int) -> int:
        known = numbers.setdefault(value, len(numbers))
        if known == len(graph.bytes):
            elements, width = _extent_of(value.type)
            graph.bytes.append((elements * width + 7) // 8)
            graph.elements.append(elements)
            graph.source.append(position)
        return known

    def local(value: ir.Value) -> bool:
        return value in numbers and graph.source[numbers[value]] >= 0

    for position, view in enumerate(block.operations):
        op = view.operation
        values = list(op.operands)
        captured = _captured(op) if len(op.regions) else []
        closed = not any(map(local, captured))
        values += [value for value in captured if value in numbers]
        reads = tuple(dict.fromkeys(number(value, -1) for value in values))
        used = tuple(dict.fromkeys(graph.source[read] for read in reads if graph.source[read] >= 0))
        for producer in used:
            graph.nodes[producer].users.append(position)
        operands = tuple(dict.fromkeys(graph.source[numbers[v]] for v in op.operands if local(v)))
        size, scalar = _extent(op)
        role, work = _role(op, size, closed, composites)
        results = tuple(number(result, position) for result in op.results)
        graph.nodes.append(Node(op, role, size, scalar, work, operands, [], reads, results))
    positions = {value: graph.source[number] for value, number in numbers.items()}
    for position in _size_arithmetic(graph.nodes, positions) | _counting(block, positions):
        graph.nodes[position] = replace(graph.nodes[position], role=Role.OPAQUE)
    return graph


def _extent_of(kind: ir.Type) -> tuple[int, int]:
    """Elements of a tensor and the bits of one; nothing for what has no static shape."""
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        return 0, 0
    return math.prod(kind.shape), bit_width(kind.element_type)


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
        sources = (positions[v] for v in held if positions.get(v, -1) >= 0)
        found.update(s for s in sources if _is_integers(nodes[s]) and nodes[s].role is not Role.CONSTANT)
    return found


def _counting(block: ir.Block, positions: dict[ir.Value, int]) -> set[int]:
    """The operations of a loop's body that count its rounds.

    Whoever asks how often the loop runs must see them, so these stay where they are.
    """
    owner = block.owner.operation
    if owner.name != "stablehlo.while":
        return set()
    *_, terminator = block.operations
    pairs = zip(block.arguments, terminator.operands, strict=False)
    counts = (value for before, value in pairs if _is_count(before, value))
    return {positions[value] for value in counts if positions.get(value, -1) >= 0}


def _is_count(before: ir.Value, after: ir.Value) -> bool:
    """Whether a value that a loop carries is an integer that the next round has more or less of."""
    kind = after.type
    is_scalar = isinstance(kind, ir.RankedTensorType) and kind.rank == 0
    if not is_scalar or not isinstance(kind.element_type, ir.IntegerType) or not isinstance(after, ir.OpResult):
        return False
    op = after.owner.operation
    return op.name in ("stablehlo.add", "stablehlo.subtract") and before in list(op.operands)


def _is_integers(node: Node) -> bool:
    """True for what arithmetic of sizes gives: integers, at most a row for each dimension."""
    if len(node.op.results) != 1 or node.role not in (Role.ELEMENTWISE, Role.INDEXING, Role.OPAQUE):
        return False
    result = node.op.results[0].type
    is_tensor = isinstance(result, ir.RankedTensorType) and result.rank <= 2
    return is_tensor and isinstance(result.element_type, ir.IntegerType)


def _captured(op: ir.Operation) -> list[ir.Value]:
    """What the regions of an operation use."""
    captured: dict[ir.Value, None] = {}

    def visit(inner: ir.Operation) -> ir.WalkResult:
        if inner != op:
            captured.update(dict.fromkeys(inner.operands))
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return list(captured)


def _extent(op: ir.Operation) -> tuple[int, bool]:
    """Elements and scalarness of the only result, or of each of a reduction's; -1 elements when that is no tensor
    of static shape."""
    if len(op.results) != 1 and op.name != "stablehlo.reduce":
        return -1, False
    result = op.results[0].type
    if not isinstance(result, ir.RankedTensorType) or not result.has_static_shape:
        return -1, False
    return math.prod(result.shape), result.rank == 0


def _role(op: ir.Operation, size: int, closed: bool, composites: Composites) -> tuple[Role, int]:
    """The role, and the FLOPs for an element of the result."""
    # An attribute of another dialect (a sharding, say) speaks about this place in the program.
    if size < 0 or not closed or any("." in name for name in op.attributes):
        return Role.OPAQUE, 0
    name = op.name
    if name in ELEMENTWISE:
        return Role.ELEMENTWISE, TRANSCENDENTAL_WORK if name in TRANSCENDENTAL else 1
    if name in INDEXING:
        return Role.INDEXING, 0
    if name in CONTRACTIONS:
        return Role.CONTRACTION, 0
    if name == UPDATE and op.operands[0] not in list(op.operands)[1:]:
        return Role.UPDATE, 0
    if name == "stablehlo.reduce" and is_self_contained(op):
        return Role.REDUCTION, 1
    if name == "stablehlo.composite":
        work = composites.work(op)
        return (Role.OPAQUE, 0) if work is None else (Role.ELEMENTWISE, work)
    if name == "stablehlo.constant":
        array = constant_value(op.results[0])
        if array is not None and (size <= CLONED_ELEMENTS or is_splat(array)):
            return Role.CONSTANT, 0
    return Role.OPAQUE, 0
