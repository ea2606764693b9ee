"""What a program does besides computing tensors: it draws random numbers, and asserts what must be so.

Both are states that its operators change in the order they run: the random generator's, and the number of the first
assertion that failed.  Branches and loops carry those states that their bodies change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxlib.mlir import ir
from torch._ops import OpOverload

from oxide.dialects import hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import Size
from oxide.frontends.torch.tensors import Tensor

# Names and values of states that a region carries.
States = Sequence[tuple[str, ir.Value]]

# Operators that assert something, or whose decompositions do.
ASSERTIONS = frozenset(
    (
        "aten._assert_async.default",
        "aten._assert_async.msg",
        "aten._assert_scalar.default",
        "aten._functional_assert_async.msg",
        "aten._functional_assert_scalar.default",
        "aten._linalg_check_errors.default",
        "aten.sym_constrain_range.default",
        "aten.sym_constrain_range_for_size.default",
        "aten.inverse.default",
        "aten.linalg_cholesky.default",
        "aten.linalg_inv.default",
        "aten.linalg_ldl_factor.default",
        "aten.linalg_lu_factor.default",
        "aten.linalg_solve.default",
    )
)


class Effects:
    """The states of one program.

    `random` is the random generator's, None where the caller threads none through the program.  `failed` is the
    number of the first of `messages` whose assertion failed, from 1, int32 of rank 0; None where assertions are
    left out.
    """

    def __init__(self, random: Tensor | None, failed: Tensor | None) -> None:
        self.random = random
        self.failed = failed
        self.messages: list[str] = []

    def random_bits(self, dims: Sequence[Size], dtype: np.dtype) -> ir.Value:
        """Fresh bits; the state moves on.  Raises OxideError in a program without one."""
        if self.random is None:
            raise OxideError("it draws random numbers, and this program has no argument for the generator's state")
        following, bits = hlo.rng_bits(self.random.read(), dims, dtype)
        self.random.write(following)
        return bits

    def require(self, holds: ir.Value, message: str) -> None:
        """Assert a bool of rank 0.  Raises OxideError when it is known to be False."""
        known = hlo.constant_value(holds)
        if known is not None and not known.all():
            raise OxideError(f"the program asserts what is not so: {message}")
        if known is not None or self.failed is None:
            return
        self.messages.append(message)
        before = self.failed.read()
        is_first = hlo.and_(hlo.not_(holds), hlo.equal(before, 0))
        self.failed.write(hlo.select(is_first, hlo.constant(len(self.messages), np.int32), before))

    def of(self, *graphs: torch.fx.GraphModule) -> list[tuple[str, ir.Value]]:
        """Names and current values of the states that graphs change."""
        operators = {op for graph in graphs for op in _operators(graph)}
        found: list[tuple[str, ir.Value]] = []
        if self.random is not None and any(torch.Tag.nondeterministic_seeded in op.tags for op in operators):
            found.append(("random", self.random.read()))
        if self.failed is not None and any(str(op) in ASSERTIONS for op in operators):
            found.append(("failed", self.failed.read()))
        return found

    def write(self, states: States, values: Sequence[ir.Value]) -> None:
        """Take over what a region made of the states it carried."""
        for (name, _), value in zip(states, values, strict=True):
            self._state(name).write(value)

    @contextmanager
    def inside(self, states: States) -> Iterator[Callable[[], list[ir.Value]]]:
        """A region that changes copies of `states`; what is yielded gives their values by then.

        Raises OxideError at its end when it changed a state of the program itself.
        """
        outside = {"random": self.random, "failed": self.failed}
        versions = {name: state.version for name, state in outside.items() if state is not None}
        vars(self).update({name: Tensor(value) for name, value in states})
        try:
            yield lambda: [self._state(name).read() for name, _ in states]
        finally:
            vars(self).update(outside)
        if any(self._state(name).version != version for name, version in versions.items()):
            raise OxideError(
                "a branch, loop body or condition draws random numbers or asserts what no operator in it says; do "
                "it outside, or import with checks=False"
            )

    def _state(self, name: str) -> Tensor:
        state = self.random if name == "random" else self.failed
        assert state is not None
        return state


def _operators(graph: torch.fx.GraphModule) -> Iterator[OpOverload]:
    """The operators of a graph and of the graphs in it."""
    for module in graph.modules():
        if isinstance(module, torch.fx.GraphModule):
            yield from (n.target for n in module.graph.nodes if isinstance(n.target, OpOverload))
