"""Names that differ in one number, as those of layers do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

COMPONENT = re.compile(r"[^./]+")


class Indexed(NamedTuple):
    """`layers` and `query.weight` of `layers.0.query.weight`, `layers.1.query.weight`, ..."""

    owner: str
    rest: str

    @property
    def common(self) -> str:
        """The name without the number: what a stack of the things is called."""
        return f"{self.owner}.{self.rest}" if self.rest else self.owner


def indexed(names: Sequence[str]) -> Indexed | None:
    """What names have in common that differ in one number only, or None."""
    paths = [COMPONENT.findall(name) for name in names]
    if not paths or len({len(path) for path in paths}) > 1:
        return None
    columns = list(zip(*paths, strict=True))
    differing = [position for position, column in enumerate(columns) if len(set(column)) > 1]
    if len(differing) != 1 or differing[0] == 0 or not all(part.isdecimal() for part in columns[differing[0]]):
        return None
    path = paths[0]
    return Indexed(".".join(path[: differing[0]]), ".".join(path[differing[0] + 1 :]))
