"""Disjoint sets, joined one after the other."""

from __future__ import annotations

from collections.abc import Sequence


class Sets:
    """Disjoint sets of positions."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def find(self, item: int) -> int:
        root = item
        while (parent := self._parents.setdefault(root, root)) != root:
            root = parent
        while item != root:
            self._parents[item], item = root, self._parents[item]
        return root

    def unite(self, items: Sequence[int]) -> None:
        for item in items[1:]:
            self._parents[self.find(item)] = self.find(items[0])
