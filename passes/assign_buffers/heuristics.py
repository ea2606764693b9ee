"""Orders of operations made by simple rules."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from oxide.passes.assign_buffers.graph import Graph, Order


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
