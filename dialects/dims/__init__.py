"""Sizes of dimensions that are not known before a model is called: expressions over named symbols.

    batch, seq = dims.symbol("batch"), dims.symbol("seq")
    2 * seq + 1 > seq          # True
    batch * seq // seq == batch  # True

`hlo.shape` gives integers and `Dim`s, and every builder takes both.
"""

from oxide.dialects.dims.bounds import is_at_least, lower, upper
from oxide.dialects.dims.constraints import (
    DATA,
    Constraint,
    Constraints,
    collected,
    depends_on_data,
    require,
    require_at_least,
    require_different,
    require_equal,
    require_same,
)
from oxide.dialects.dims.expression import (
    Atom,
    Dim,
    Size,
    SymbolicSizeError,
    atoms,
    needed_as_number,
    rename,
    substitute,
    symbol,
    symbols,
)
from oxide.dialects.dims.operations import maximum, minimum
from oxide.dialects.dims.sources import Source, find_sources
from oxide.dialects.dims.text import build, parse_constraint, parse_size, parse_sizes, print_sizes

__all__ = [
    "DATA",
    "Atom",
    "Constraint",
    "Constraints",
    "Dim",
    "Size",
    "Source",
    "SymbolicSizeError",
    "atoms",
    "build",
    "collected",
    "depends_on_data",
    "find_sources",
    "is_at_least",
    "lower",
    "maximum",
    "minimum",
    "needed_as_number",
    "parse_constraint",
    "parse_size",
    "parse_sizes",
    "print_sizes",
    "rename",
    "require",
    "require_at_least",
    "require_different",
    "require_equal",
    "require_same",
    "substitute",
    "symbol",
    "symbols",
    "upper",
]
