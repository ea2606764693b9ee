"""The search of a reduction: delta debugging over the edits of one strategy after the other.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002; only the part that removes chunks,
as complements are what is kept anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from jaxlib.mlir import ir

from oxide.child import Child
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.instrumentation import fingerprint
from oxide.passes.manager import clone_module, verify_module
from oxide.reduction.edits import Strategy, operations
from oxide.reduction.strategies import STRATEGIES
from oxide.user_command import BYTECODE, module_bytes

# Whether a valid module still shows what is looked for.
Predicate = Callable[[ir.Module], bool]


@dataclass(frozen=True)
class Reduction:
    """What a search came to.  `finished` is False when the time was up before nothing more could be removed."""

    module: ir.Module
    tests: int
    finished: bool


def reduce_module(
    module: ir.Module,
    interesting: Predicate,
    *,
    seconds: float = float("inf"),
    on_better: Callable[[ir.Module], None] = lambda module: None,
    strategies: Sequence[Strategy] = STRATEGIES,
) -> Reduction:
    """The smallest interesting module that was found; `module` itself is not changed.

    Every candidate is verified, in a child process, before `interesting` sees it, and none is tried twice.
    `on_better` is told of each module that becomes the best so far.  Raises OxideError when `module` is not
    interesting to begin with.
    """
    with module.context:
        search = _Search(module, interesting, monotonic() + seconds, on_better)
        finished = search.run(strategies)
        return Reduction(search.best, search.tests, finished)


class _TimeUp(Exception):
    """No further test may begin."""


class _Search:
    def __init__(
        self, module: ir.Module, interesting: Predicate, end: float, on_better: Callable[[ir.Module], None]
    ) -> None:
        self.current = self.best = clone_module(module)
        self.tests = 1
        self._interesting = interesting
        self._end = end
        self._on_better = on_better
        self._seen = {fingerprint(self.current)}
        if not interesting(self.current):
            raise OxideError("the test does not find the module interesting, so there is nothing to keep")
        self._best_size = _size(self.best)

    def run(self, strategies: Sequence[Strategy]) -> bool:
        """All strategies until a whole round removes nothing; False when the time is up first."""
        try:
            progress = True
            while progress:
                kept = [self._exhaust(strategy) for strategy in strategies]
                progress = any(kept)
        except _TimeUp:
            return False
        return True

    def _exhaust(self, strategy: Strategy) -> bool:
        """Try a strategy's edits in chunks, all at once first and one by one last; True when some were kept."""
        kept = False
        count = chunk = len(strategy.edits(self.current))
        while chunk:
            start = 0
            while start < count:
                if not self._try(strategy, start, start + chunk):
                    start += chunk
                    continue
                kept = True
                before, count = count, len(strategy.edits(self.current))
                # The edits that were made are no longer listed, and the next ones are in their places.
                start += 0 if count < before else chunk
            chunk = min(chunk // 2, count)
        return kept

    def _try(self, strategy: Strategy, start: int, end: int) -> bool:
        candidate = clone_module(self.current)
        try:
            for edit in strategy.edits(candidate)[start:end]:
                edit()
        except OxideError:  # such as a call that cannot be inlined
            return False
        if not self._test(candidate):
            return False
        self.current = candidate
        size = _size(candidate)
        # Every strategy but inlining makes a module simpler at once; that one pays off later or not at all.
        if size <= self._best_size:
            self.best, self._best_size = candidate, size
            self._on_better(candidate)
        return True

    def _test(self, candidate: ir.Module) -> bool:
        identity = fingerprint(candidate)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        try:
            _verified(module_bytes(candidate, BYTECODE))
        except OxideError:  # invalid, or a verifier crashed
            return False
        if monotonic() >= self._end:
            raise _TimeUp
        self.tests += 1
        return self._interesting(candidate)


def _verify(data: bytes) -> None:
    wrong = verify_module(parse_module(data))
    if wrong:
        raise OxideError("invalid", wrong)


_verified = Child(_verify)


def _size(module: ir.Module) -> int:
    """Operations other than constants, which stand in for what was removed."""
    return sum(op.name != "stablehlo.constant" for op in operations(module))
