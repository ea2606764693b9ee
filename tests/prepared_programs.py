"""Running modules of which `hoist-params` has made `@prepare` and `@main`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.backends.pjrt.program import separate
from oxide.signature import TensorSpec, entry_function, read_signature


def mark_weights(module: ir.Module, first: int) -> None:
    """Make weights of the arguments from `first` on."""
    function = entry_function(module)
    count = len(function.regions[0].blocks[0].arguments)
    with module.context:
        marks = [
            ir.DictAttr.get({"oxide.param": ir.StringAttr.get(f"w{i}")} if i >= first else {}) for i in range(count)
        ]
        function.attributes["arg_attrs"] = ir.ArrayAttr.get(marks)


def run_prepared(module: ir.Module, values: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What the reference interpreter gives for @main, with @prepare run before; `values` are by name."""
    signature = read_signature(module)
    main, prepare = separate(module, signature)
    if prepare is not None:
        assert signature.preparation is not None
        made = evaluate(prepare, _picked(signature.preparation.parameters, values))
        values = values | dict(zip((spec.name for spec in signature.preparation.results), made, strict=True))
    return evaluate(main, _picked((*signature.inputs, *signature.parameters), values))


def _picked(specs: Sequence[TensorSpec], values: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [values[spec.name] for spec in specs]


def assert_equal(left: list[np.ndarray], right: list[np.ndarray]) -> None:
    for one, other in zip(left, right, strict=True):
        assert one.tobytes() == other.tobytes() or np.array_equal(one, other, equal_nan=True)
