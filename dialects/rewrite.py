"""The shim over MLIR's greedy rewrite driver: locations are kept and a used operation is never erased.

This is the one file that touches `jaxlib`'s private rewrite bindings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from jaxlib.mlir import ir
from jaxlib.mlir._mlir_libs._mlir import rewrite as _rewrite  # pyright: ignore[reportAttributeAccessIssue]


@dataclass
class RuleStatistics:
    """How often one rule was tried on an operation, and how often it rewrote it."""

    tries: int = 0
    hits: int = 0


class Rewriter:
    """What a rule may do to the operation it matched.

    While a rule runs, the ambient insertion point is just before the matched operation and the ambient
    location is the operation's own, so every operation a rule builds keeps it.
    """

    def __init__(self, native: _rewrite.PatternRewriter) -> None:
        self._native = native
        self.declined: str | None = None

    def decline(self, reason: str) -> bool:
        """Say why a rule leaves an operation that it all but matches; answers False, as such a rule does."""
        self.declined = reason
        return False

    def replace(self, op: ir.Operation, values: ir.Value | Sequence[ir.Value]) -> None:
        """Replace every result of `op` by `values` and erase it.  Types must agree one to one."""
        replacements = [values] if isinstance(values, ir.Value) else list(values)
        if [v.type for v in replacements] != [r.type for r in op.results]:
            raise ValueError(
                f"{op.name} has results {[str(r.type) for r in op.results]}, "
                f"replacement has {[str(v.type) for v in replacements]}"
            )
        self._native.replace_op(op, replacements)

    def erase(self, op: ir.Operation) -> None:
        """Erase `op`, which must have no uses (erasing a used operation would end the process)."""
        if any(True for result in op.results for _ in result.uses):
            raise ValueError(f"cannot erase {op.name}: its results are still used")
        self._native.erase_op(op)


# A rule looks at one operation and returns True when it rewrote it.
Rule = Callable[[ir.Operation, Rewriter], bool]


@dataclass(frozen=True)
class Pattern:
    """A rule with a name (for statistics and remarks), the operation names it roots at, and what it does.

    With `reads` it is tried only where one of these operations defines an operand, and with `integers` only where
    the first operand is of integers or bools: what most rules look at first is looked at once for all.
    """

    name: str
    roots: tuple[str, ...]
    rule: Rule
    benefit: int = 1
    summary: str = ""
    reads: frozenset[str] = frozenset()
    integers: bool = False


# What a debug counter calls all rewrites together.
ALL_REWRITES = "rewrite"


@dataclass
class DebugCounter:
    """Counts rewrites by rule, and makes no more of them than `limits` allows: by name of rule, or ALL_REWRITES.

    `last` is the rule that was tried last, with the name and location of its operation: of the rewrite that used up
    the limit, or of one that raised.
    """

    limits: Mapping[str, int]
    counts: Counter[str] = field(default_factory=Counter)
    last: tuple[str, str, ir.Location] | None = None

    def allows(self, rule: str) -> bool:
        return all(self.counts[name] < self.limits[name] for name in (rule, ALL_REWRITES) if name in self.limits)

    def count(self, rule: str) -> None:
        self.counts.update((rule, ALL_REWRITES))


_COUNTER: ContextVar[DebugCounter | None] = ContextVar("debug counter", default=None)


@contextmanager
def counting_rewrites(limits: Mapping[str, int]) -> Iterator[DebugCounter]:
    """Inside the block pattern sets are made that count together and stop where `limits` says.

    As a rule decides and rewrites in one step, the first rewrites can be made and the rest not, never the reverse.
    """
    counter = DebugCounter(limits)
    token = _COUNTER.set(counter)
    try:
        yield counter
    finally:
        _COUNTER.reset(token)


# Told of each rewrite, and of each rule that declined: the location of the operation and a message.
Observer = Callable[[ir.Location, str], None]


class PatternSet:
    """Frozen patterns with their statistics, ready to run on many operations."""

    def __init__(self, patterns: Iterable[Pattern], context: ir.Context, observer: Observer | None = None) -> None:
        self.statistics: dict[str, RuleStatistics] = {}
        self._observer = observer
        self._counter = _COUNTER.get()
        # The driver comes back to an operation until nothing changes; one remark is enough.
        self._declined: set[tuple[str, str]] = set()
        by_root: dict[str, list[tuple[Pattern, RuleStatistics]]] = {}
        for pattern in sorted(patterns, key=lambda pattern: -pattern.benefit):
            statistics = self.statistics.setdefault(pattern.name, RuleStatistics())
            for root in pattern.roots:
                by_root.setdefault(root, []).append((pattern, statistics))
        native = _rewrite.RewritePatternSet(context)
        for root, rules in by_root.items():
            native.add(root, self._callback(root, rules), 1)
        self._frozen = native.freeze()

    def apply_greedily(self, root: ir.Operation) -> None:
        """Rewrite below `root` until nothing matches.  A rule's exception is raised after the driver stops;
        the edits made before it stay, so run on a clone when the input must survive."""
        config = _rewrite.GreedyRewriteConfig()
        config.enable_folding = False
        config.enable_constant_cse = False
        config.region_simplification_level = _rewrite.GreedySimplifyRegionLevel.DISABLED
        _rewrite.apply_patterns_and_fold_greedily(root, self._frozen, config)

    def hits(self) -> int:
        """Rewrites made so far."""
        return sum(rule.hits for rule in self.statistics.values())

    def _callback(
        self, root: str, rules: list[tuple[Pattern, RuleStatistics]]
    ) -> Callable[[ir.Operation, Any], bool]:
        counter = self._counter

        # One native callback a root: entering the insertion point costs more than most rules' failing match.
        def match(op: ir.Operation | ir.OpView, native: Any) -> bool:
            operation = op.operation
            location = operation.location
            rewriter = Rewriter(native)
            read, integers = _read(operation)
            with native.ip, location:
                for pattern, statistics in rules:
                    if (pattern.reads and pattern.reads.isdisjoint(read)) or (pattern.integers and not integers):
                        continue
                    name = pattern.name
                    if counter is not None:
                        if not counter.allows(name):
                            continue
                        counter.last = (name, root, location)
                    statistics.tries += 1
                    if pattern.rule(operation, rewriter):
                        statistics.hits += 1
                        if counter is not None:
                            counter.count(name)
                        if self._observer is not None:
                            self._observer(location, f"{name}: {root} rewritten")
                        return False
                    if rewriter.declined is not None:
                        self._decline(location, f"{name}: {root} stays, {rewriter.declined}")
                        rewriter.declined = None
            return True

        return match

    def _decline(self, location: ir.Location, message: str) -> None:
        # Locations compare equal but do not hash alike.
        key = (str(location), message)
        if self._observer is not None and key not in self._declined:
            self._declined.add(key)
            self._observer(location, message)


def _read(op: ir.Operation) -> tuple[set[str], bool]:
    """The names of the operations that define an operation's operands; whether the first operand is of integers."""
    names = set()
    integers = None
    for operand in op.operands:
        if integers is None:
            integers = isinstance(operand.type, ir.RankedTensorType) and isinstance(
                operand.type.element_type, ir.IntegerType
            )
        owner = operand.owner
        if not isinstance(owner, ir.Block):
            names.add(owner.name)
    return names, bool(integers)
