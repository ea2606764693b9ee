"""Orders of a program's operations, of which some need less memory than others.

Finding the best order is NP-complete, so there are several heuristics, each of which is best on some programs: the
order as given, two greedy ones, and a depth-first one.  They count what operations allocate and free, and leave out
what in-place results save; `layout` counts that for the orders found here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

from oxide.passes.assign_buffers.program import Body, Program, Step

# The positions of a body's operations in a new order.
Order = list[int]


def schedules(program: Program) -> Iterator[Body]:
    """@main's body with its operations, and those of its loops and branches, in several orders; the given first."""
    yield program.body
    seen = {_positions(program.body)}
    for heuristic in (depth_first, greedy, greedy_from_the_end):
        body = _ordered(program.body, program, heuristic)
        if _positions(body) not in seen:
            seen.add(_positions(body))
            yield body


def _ordered(body: Body, program: Program, heuristic: Callable[[Graph], Order]) -> Body:
    order = heuristic(Graph(body, program))
    # Constants need no memory; in front they are easiest to read.
    order.sort(key=lambda position: body.steps[position].op.name != "stablehlo.constant")
    steps = (body.steps[position] for position in order)
    return replace(
        body,
        steps=tuple(
            replace(step, bodies=tuple(_ordered(inner, program, heuristic) for inner in step.bodies))
            for step in steps
        ),
    )


def _positions(body: Body) -> tuple[object, ...]:
    return tuple((step.index, *(_positions(inner) for inner in step.bodies)) for step in body.steps)


class Graph:
    """Who must run before whom in a body, and the memory that operations make and read.

    Memory is counted by the value that is written there: a view is another name of it.  `made[i]` and `read[i]` are
    the memories that operation i makes and reads, `sizes` and `users` belong to a memory, and `kept` are those
    that the body returns.
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
            for root in self.read[-1]:
                self.users[root].append(position)
            for number, value in enumerate(step.results):
                producer[value] = position
                self._place(step, number, value, program.sizes[value], memory, self.made[position])
        self.kept = {memory[value] for value in body.returned if value in memory}

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


def greedy(graph: Graph) -> Order:
    """Of the operations that can run next, the one after which least is allocated."""
    waiting = [len(before) for before in graph.before]
    left = {memory: set(users) for memory, users in graph.users.items()}
    growth = [
        graph.total(graph.made[i])
        - graph.total([m for m in graph.read[i] if len(left[m]) == 1 and m not in graph.kept])
        for i in range(len(graph))
    ]
    ready = [(growth[i], i) for i in range(len(graph)) if not waiting[i]]
    heapify(ready)
    order: Order = []
    done = [False] * len(graph)
    while ready:
        cost, chosen = heappop(ready)
        if done[chosen] or cost != growth[chosen]:
            continue  # it was put there again at another cost
        done[chosen] = True
        order.append(chosen)
        for memory in graph.read[chosen]:
            left[memory].discard(chosen)
            if len(left[memory]) == 1 and memory not in graph.kept:
                (last,) = left[memory]
                growth[last] -= graph.sizes[memory]
                if not waiting[last]:
                    heappush(ready, (growth[last], last))
        for later in graph.after[chosen]:
            waiting[later] -= 1
            if not waiting[later]:
                heappush(ready, (growth[later], later))
    return order


def greedy_from_the_end(graph: Graph) -> Order:
    """Chosen from the last operation to the first: the one before which least is allocated."""
    waiting = [len(after) for after in graph.after]
    live = set(graph.kept)
    growth = [
        graph.total([m for m in graph.read[i] if m not in live]) - graph.total(graph.made[i])
        for i in range(len(graph))
    ]
    ready = [(growth[i], -i) for i in range(len(graph)) if not waiting[i]]
    heapify(ready)
    order: Order = []
    done = [False] * len(graph)
    while ready:
        cost, negated = heappop(ready)
        chosen = -negated
        if done[chosen] or cost != growth[chosen]:
            continue  # it was put there again at another cost
        done[chosen] = True
        order.append(chosen)
        for memory in graph.read[chosen]:
            if memory not in live:
                live.add(memory)
                for user in graph.users[memory]:
                    growth[user] -= graph.sizes[memory]
                    if not waiting[user] and not done[user]:
                        heappush(ready, (growth[user], -user))
        for earlier in graph.before[chosen]:
            waiting[earlier] -= 1
            if not waiting[earlier]:
                heappush(ready, (growth[earlier], -earlier))
    return order[::-1]


def depth_first(graph: Graph) -> Order:
    """What an operation needs right before it, first what needs most memory beyond what it leaves.

    The order of Sethi and Ullman ("The Generation of Optimal Code for Arithmetic Expressions", 1970) with sizes,
    best among the depth-first ones on trees; shared values are weighed as if each user computed them.
    """
    peaks: list[int] = []
    sizes = [graph.total(made) for made in graph.made]
    for position in range(len(graph)):
        held = peak = 0
        for earlier in sorted(graph.before[position], key=lambda i: sizes[i] - peaks[i]):
            peak = max(peak, held + peaks[earlier])
            held += sizes[earlier]
        peaks.append(max(peak, held + sizes[position]))
    order: Order = []
    done = [False] * len(graph)
    for root in range(len(graph)):
        if graph.after[root]:
            continue
        pending = [(root, False)]
        while pending:
            position, expanded = pending.pop()
            if expanded and not done[position]:
                done[position] = True
                order.append(position)
            elif not done[position]:
                pending.append((position, True))
                # The last one pushed runs first.
                earlier = sorted(graph.before[position], key=lambda i: (peaks[i] - sizes[i], -i))
                pending.extend((i, False) for i in earlier if not done[i])
    return order
