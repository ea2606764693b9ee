"""Shrinking a module while it stays interesting, as mlir-reduce and llvm-reduce do: what `oxide-reduce` runs.

    small = reduce_module(module, interesting)      # `interesting` is any predicate of valid modules

A *strategy* lists small edits of a module (`strategies`); the search (`search`) applies them in chunks, large ones
first, and keeps every result that is valid and still interesting.
"""

from __future__ import annotations

from oxide.reduction.search import Reduction, reduce_module

__all__ = ["Reduction", "reduce_module"]
