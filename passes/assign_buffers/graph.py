"""Dependences and memory of the operations of one block, which the order of the operations is chosen by."""

from __future__ import annotations

from collections.abc import Sequence

from oxide.passes.assign_buffers.program import Body, Program, Step

# The positions of a body's operations in a new order.
Order = list[int]


class Graph:
    """Who must run before whom in a body, and the memory that operations make and read.

    Memory is counted by the value that is written there: a view is another name of it.  `made[i]` and `read[i]`
    are the memories that operation i makes and reads, `overwritten[i]` those it may work in, `sizes` and
    `users` belong to a memory, and `kept` are those that the body returns.
    """

    def __init__(self, body: Body, program: Program) -> None:
        count = len(body.steps)
        producer: dict[int, int] = {}
        memory: dict[int, int] = {}
        self.before: list[list[int]] = []
        self.after: list[list[int]] = [[] for _ in range(count)]
        self.made: list[list[int]] = [[] for _ in range(count)]
        self.read: list[list[int]] = []
        self.sizes: dict[int, int] = {}
        self.users: dict[int, list[int]] = {}
        self.overwritten: list[set[int]] = []
        for value in body.arguments:
            if value in program.donated:
                self._add(value, program.sizes[value] or 0, memory)
        last_effect: int | None = None
        for position, step in enumerate(body.steps):
            read = [value for value in (*step.operands, *step.captured) if value in producer]
            before = {producer[value] for value in read}
            if not step.pure:
                before |= {last_effect} if last_effect is not None else set()
                last_effect = position
            self.before.append(sorted(before))
            for earlier in before:
                self.after[earlier].append(position)
            self.read.append(
                sorted({memory[value] for value in (*step.operands, *step.captured) if value in memory})
            )
            self.overwritten.append(self._overwritten(step, program, memory))
            for root in self.read[-1]:
                self.users[root].append(position)
            for number, value in enumerate(step.results):
                producer[value] = position
                self._place(step, number, value, program.sizes[value], memory, self.made[position])
        self.kept = {memory[value] for value in body.returned if value in memory}

    def _overwritten(self, step: Step, program: Program, memory: dict[int, int]) -> set[int]:
        """The memories that the operation may work in."""
        pairs = [
            (memory[step.operands[number]], result)
            for result, numbers in zip(step.results, step.overwrites, strict=True)
            for number in numbers
            if step.operands[number] in memory
        ]
        return {root for root, result in pairs if self.sizes[root] == program.sizes[result]}

    def _place(
        self, step: Step, number: int, value: int, size: int | None, memory: dict[int, int], made: list[int]
    ) -> None:
        view = step.views[number]
        if view is not None and step.operands[view[0]] in memory:
            memory[value] = memory[step.operands[view[0]]]
        elif view is None and size is not None:
            self._add(value, size, memory)
            made.append(value)

    def _add(self, value: int, size: int, memory: dict[int, int]) -> None:
        memory[value], self.sizes[value], self.users[value] = value, size, []

    def __len__(self) -> int:
        return len(self.before)

    def total(self, memories: Sequence[int]) -> int:
        return sum(self.sizes[memory] for memory in memories)
