"""The shapes of all values of a module whose types leave sizes open (`?`), as expressions over its symbols."""

from oxide.dialects.shapes.declared import declared_constraints, open_sizes
from oxide.dialects.shapes.facts import (
    Relation,
    Symbolic,
    UnknownShapes,
    comparison_of,
    has_open_shapes,
    is_assertion,
)
from oxide.dialects.shapes.loops import find_counter, trip_count
from oxide.dialects.shapes.rules import Shape

__all__ = [
    "Relation",
    "Shape",
    "Symbolic",
    "UnknownShapes",
    "comparison_of",
    "declared_constraints",
    "find_counter",
    "has_open_shapes",
    "is_assertion",
    "open_sizes",
    "trip_count",
]
