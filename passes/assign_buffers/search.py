"""Beam search for an order that needs little memory: several orders grow side by side, the best of them survive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from oxide.passes.assign_buffers.graph import Graph, Order

# Orders that grow side by side, and the same for large graphs: this many operations are placed in all of them.
_WIDTH = 32
_PLACED = 6_000
# Larger graphs are not searched: each step looks at all operations that can come next.
_LARGEST = 3_000
# Of the operations that can come next: those after which least is allocated.
_BRANCHES = 6


class _State(NamedTuple):
    """The operations that have run, as the bits of `done`; sizes in bytes.  `order` is a list from its last
    element: position, and the rest."""

    peak: int
    live: int
    done: int
    ready: tuple[int, ...]
    order: tuple[int, tuple | None] | None


def beam(graph: Graph) -> Order:
    """The best order found.  Of orders of the same operations one goes on; the lowest peaks survive, and of
    equal ones those with least allocated.  Large graphs keep their order."""
    if len(graph) > _LARGEST:
        return list(range(len(graph)))
    search = _Search(graph)
    width = max(min(_WIDTH, _PLACED // max(len(graph), 1)), 1)
    ready = tuple(position for position in range(len(graph)) if not graph.before[position])
    given = graph.total([memory for memory in graph.users if memory not in search.maker])
    states = [_State(given, given, 0, ready, None)]
    for _ in range(len(graph)):
        found: dict[int, _State] = {}
        for state in states:
            for after in search.after(state):
                other = found.get(after.done)
                if other is None or after[:2] < other[:2]:
                    found[after.done] = after
        states = sorted(found.values(), key=lambda state: state[:2])[:width]
    return list(_backwards(states[0]))[::-1]


def _backwards(state: _State) -> Iterator[int]:
    rest = state.order
    while rest is not None:
        position, rest = rest
        yield position


class _Search:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.maker = {memory: position for position, made in enumerate(graph.made) for memory in made}
        self._before = [_bits(before) for before in graph.before]
        self._users = {memory: _bits(users) for memory, users in graph.users.items()}
        self._made = [graph.total(made) for made in graph.made]
        self._unused = [
            graph.total([memory for memory in made if not graph.users[memory] and memory not in graph.kept])
            for made in graph.made
        ]

    def after(self, state: _State) -> Iterator[_State]:
        """What a state can become by one more operation."""
        choices = sorted((self._growth(state, position), position) for position in state.ready)
        for (growth, reused), position in choices[:_BRANCHES]:
            done = state.done | 1 << position
            ready = [other for other in state.ready if other != position]
            ready += [later for later in self._graph.after[position] if not self._before[later] & ~done]
            needed = state.live + self._made[position] - reused
            yield _State(max(state.peak, needed), state.live + growth, done, tuple(ready), (position, state.order))

    def _growth(self, state: _State, position: int) -> tuple[int, int]:
        """What an operation adds to what is allocated when it is over, and what it takes over in place
        meanwhile."""
        graph = self._graph
        rest = ~(state.done | 1 << position)
        freed = [
            memory for memory in graph.read[position] if not self._users[memory] & rest and memory not in graph.kept
        ]
        reused = max((graph.sizes[memory] for memory in freed if memory in graph.overwritten[position]), default=0)
        return self._made[position] - self._unused[position] - graph.total(freed), reused


def _bits(positions: list[int]) -> int:
    return sum(1 << position for position in positions)
