"""How one group grows from its root, its last operation, towards the operands.

An operation moves into the group when everything else that reads it runs after the root; what else reads it makes
it one more result.  One that cannot move, or that should not be a result, is copied when reading its operands and
computing it once more is faster than reading it.  Candidates are taken nearest to the root first, so each is looked
at once.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass

from oxide.passes.fuse.devices import Device
from oxide.passes.fuse.order import Declined, Group, Order
from oxide.passes.fuse.roles import UPDATE, Role

# Operations that need every element of an operand once, however many elements they have themselves.
_WHOLE_OPERANDS = frozenset({"stablehlo.concatenate", "stablehlo.pad", "stablehlo.reduce", UPDATE})


@dataclass(frozen=True)
class Limits:
    """What a fusion may be."""

    max_ops: int
    kinds: Collection[str]
    device: Device


class Growth:
    """One group while it grows."""

    def __init__(self, order: Order, root: int, limits: Limits) -> None:
        self._order = order
        self._nodes = order.graph.nodes
        self._root = root
        self._limits = limits
        self._members = {root}
        self._copies: set[int] = set()
        self._read = set(self._nodes[root].reads)
        self._contraction: int | None = None
        self._reduction = root if self._nodes[root].role is Role.REDUCTION else None
        # How often an element of the operation's result is computed, over all elements.
        self._evaluations = {root: self._nodes[root].size}
        self.declined: list[Declined] = []

    def grown(self) -> Group:
        seen = {*self._nodes[self._root].operands, *self._memory_updated()}
        candidates = [-position for position in seen - self._memory_updated()]
        heapq.heapify(candidates)
        while candidates:
            position = -heapq.heappop(candidates)
            if self._nodes[position].role in (Role.OPAQUE, Role.CONSTANT):
                continue
            reason = self._add(position)
            if reason is not None:
                self.declined.append(Declined(position, self._root, reason))
            elif position != self._contraction:  # which reads its operands from memory
                self._read.update(self._nodes[position].reads)
                for operand in self._nodes[position].operands:
                    if operand not in seen:
                        seen.add(operand)
                        heapq.heappush(candidates, -operand)
        return Group(self._kind(), tuple(sorted(self._members)), self._copied(), self._root)

    def _memory_updated(self) -> set[int]:
        """The operation whose result the root writes a part of: it must lie in memory for that."""
        root = self._nodes[self._root]
        return {self._order.graph.source[root.reads[0]]} if root.role is Role.UPDATE else set()

    def _kind(self) -> str:
        if self._contraction is not None:
            return "output"
        return "loop" if self._reduction is None else "input"

    def _copied(self) -> tuple[int, ...]:
        inside = self._members | self._copies
        operands = {operand for position in inside for operand in self._nodes[position].operands}
        return tuple(sorted(self._copies.union(o for o in operands if self._nodes[o].role is Role.CONSTANT)))

    def _add(self, position: int) -> str | None:
        """Take the operation into the group, or say why not."""
        if len(self._members) + len(self._copies) >= self._limits.max_ops:
            return f"the fusion has {self._limits.max_ops} operations"
        readers = self._readers(position)
        if self._contraction in readers:
            return "the contraction reads it from memory"
        self._evaluations[position] = self._needed(position, readers)
        reason = self._move_refused(position, readers)
        if reason is None:
            self._members.add(position)
        elif self._copy_pays(position):
            self._copies.add(position)
            reason = None
        return reason

    def _readers(self, position: int) -> list[int]:
        """Members and copies that read the operation."""
        users = self._nodes[position].users
        inside = self._members | self._copies
        if len(users) > len(inside):
            return sorted(member for member in inside if position in self._nodes[member].operands)
        return [user for user in users if user in inside]

    def _needed(self, position: int, readers: list[int]) -> int:
        """Evaluations of the operation.  Readers that index it alike share one; those that do not are rare."""
        size = self._nodes[position].size
        needed = 0
        for reader in readers:
            node, times = self._nodes[reader], self._evaluations[reader]
            whole = node.op.name in _WHOLE_OPERANDS
            needed = max(needed, size * -(-times // max(node.size, 1)) if whole else times)
        return needed

    def _move_refused(self, position: int, readers: list[int]) -> str | None:
        order, node = self._order, self._nodes[position]
        if position in order.taken:
            return "it is in another fusion"
        # More readers than the group may have operations are not all in the group.
        bound = min(len(node.users), self._limits.max_ops + 1)
        before_root = node.users[: bisect_right(node.users, self._root, hi=bound)]
        for user in before_root:
            if user not in self._members and order.place[user] <= self._root:
                return "another operation reads it before the fusion can run"
        if len(before_root) == bound < len(node.users) and node.users[bound] <= self._root:
            return "too many operations read it"
        return self._result_refused(position, readers) or self._role_refused(position)

    def _result_refused(self, position: int, readers: list[int]) -> str | None:
        """Why it may not be one more result, if operations outside of the group read it."""
        inside = sum(reader in self._members for reader in readers)
        if self._order.readers[position] == inside:
            return None
        size = self._nodes[position].size
        if self._evaluations[position] < size or size not in self._result_sizes():
            return "it is read elsewhere too and has another shape than the fusion's results"
        if self._is_epilogue(position) and self._nodes[position].role is not Role.CONTRACTION:
            return "it is read elsewhere too and belongs to a contraction"
        return None

    def _result_sizes(self) -> set[int]:
        sizes = {self._nodes[self._root].size}
        if self._reduction is not None:
            sizes.add(self._order.graph.elements[self._nodes[self._reduction].reads[0]])
        return sizes

    def _role_refused(self, position: int) -> str | None:
        node = self._nodes[position]
        if node.role is Role.CONTRACTION:
            return self._contraction_refused(position)
        if node.role is Role.REDUCTION:
            return self._reduction_refused(position)
        if node.role is Role.UPDATE:
            return "it works in place"
        repeated = self._evaluations[position] - node.size
        if repeated > 0 and not node.scalar:
            moved = 2 * self._order.graph.result_bytes(position)
            device = self._limits.device
            if device.computing(repeated * node.work) > device.moving(moved):
                return "it would be computed once per copy of a broadcast"
        return None

    def _contraction_refused(self, position: int) -> str | None:
        if "output" not in self._limits.kinds:
            return "output fusions are not wanted"
        if self._contraction is not None:
            return "a fusion has one contraction"
        if self._reduction is not None:
            return "a reduction reads it"
        if not self._is_pointwise_to_root(position):
            return "it is not read element by element"
        if not (self._members | self._copies).isdisjoint(self._nodes[position].operands):
            return "other operations of the fusion feed the contraction"
        self._contraction = position
        return None

    def _reduction_refused(self, position: int) -> str | None:
        if "input" not in self._limits.kinds:
            return "input fusions are not wanted"
        if self._reduction is not None or self._contraction is not None:
            return "a fusion has one reduction or contraction"
        if not self._is_pointwise_to_root(position):
            return "the reduction's result is not read element by element"
        self._reduction = position
        return None

    def _is_pointwise_to_root(self, position: int) -> bool:
        """True when only elementwise operations and reshapes lead from the operation to the root."""
        size = self._nodes[position].size
        downstream = {position}
        for member in sorted(self._members | self._copies):
            reader = self._nodes[member]
            if downstream.isdisjoint(reader.operands):
                continue
            pointwise = reader.role is Role.ELEMENTWISE or reader.op.name == "stablehlo.reshape"
            if not pointwise or reader.size != size:
                return False
            downstream.add(member)
        return True

    def _copy_pays(self, position: int) -> bool:
        """True when computing it here too is faster than reading it.

        What is no longer written, if all readers copy it, is saved by each of them in equal parts, and so is a
        kernel that would do nothing but this.
        """
        graph, node, device = self._order.graph, self._nodes[position], self._limits.device
        if node.role not in (Role.ELEMENTWISE, Role.INDEXING) or self._is_epilogue(position):
            return False
        size = graph.result_bytes(position)
        saved = device.moving(size)
        users = node.users[: self._limits.max_ops]
        memory = (Role.OPAQUE, Role.CONTRACTION)
        if len(users) == len(node.users) and all(self._nodes[user].role not in memory for user in users):
            saved += device.moving(size) / len(users)
        spent = device.computing(self._evaluations[position] * node.work)
        for value in node.reads:
            if value not in self._read:
                spent += device.moving(min(graph.read_bytes(value, (position,)), self._bytes_behind(value)))
        return spent < saved or self._seconds_of_all_behind(position) < saved + self._kernel_saved(position)

    def _kernel_saved(self, position: int) -> float:
        """Seconds of a kernel that is not run when all readers copy the operation, for each of them.

        None where a reader keeps it in memory, or could compute it for the others as one more result.
        """
        pending, readers, size = [position], 0, self._nodes[position].size
        for _ in range(self._limits.max_ops):
            if not pending:
                break
            users = self._nodes[pending.pop()].users
            if len(users) > self._limits.max_ops:
                return 0
            for user in users:
                reader = self._nodes[user]
                if reader.role is Role.INDEXING or (reader.role is Role.ELEMENTWISE and reader.size == size):
                    pending.append(user)
                elif reader.role is not Role.ELEMENTWISE or reader.size < size:
                    return 0
                else:
                    readers += 1
        return 0 if pending or not readers else self._limits.device.launch / readers

    def _seconds_of_all_behind(self, position: int) -> float:
        """Seconds for computing an operation here and all that nothing else reads before it."""
        graph, device = self._order.graph, self._limits.device
        pending, work, read = [position], 0, 0
        for _ in range(self._limits.max_ops):
            if not pending:
                break
            node = self._nodes[pending.pop()]
            work += node.work
            for value in node.reads:
                source = graph.source[value]
                role = self._nodes[source].role if source >= 0 else Role.OPAQUE
                if role in (Role.ELEMENTWISE, Role.INDEXING) and len(self._nodes[source].users) == 1:
                    pending.append(source)
                elif role is not Role.CONSTANT:
                    read += graph.bytes[value]
        left = sum(graph.result_bytes(operand) for operand in pending)
        return device.computing(self._evaluations[position] * work) + device.moving(read + left)

    def _bytes_behind(self, value: int) -> int:
        """Bytes of what a value is made of by broadcasts and the like, which can be copied too."""
        graph = self._order.graph
        least = graph.bytes[value]
        for _ in range(self._limits.max_ops):
            source = graph.source[value]
            if source < 0 or self._nodes[source].role not in (Role.INDEXING, Role.CONSTANT):
                break
            if self._nodes[source].role is Role.CONSTANT or not self._nodes[source].reads:
                return 0
            value = self._nodes[source].reads[0]
            least = min(least, graph.bytes[value])
        return least

    def _is_epilogue(self, position: int) -> bool:
        """True for an elementwise operation that can be in the fusion of a contraction, which writes it anyway."""
        pending = [position]
        for _ in range(self._limits.max_ops):
            if not pending:
                break
            node = self._nodes[pending.pop()]
            if node.role is Role.CONTRACTION:
                return "output" in self._limits.kinds
            if node.role is Role.ELEMENTWISE or node.op.name == "stablehlo.reshape":
                operands = ((operand, self._nodes[operand]) for operand in node.operands)
                pending += [o for o, made in operands if made.size == node.size and len(made.users) == 1]
        return False
