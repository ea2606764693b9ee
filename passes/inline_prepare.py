"""Back to the raw form: `@main` computes what `@prepare` did."""

from __future__ import annotations

from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import PREPARE
from oxide.passes import functions
from oxide.passes.base import Pass, PassLog, register


@register
@dataclass(frozen=True)
class InlinePrepare(Pass):
    """Move the body of @prepare to the start of @main, which takes the raw weights again.

    The inverse of `hoist-params`, for training and for consumers that know no @prepare: the weights that only
    @prepare took become @main's last arguments.
    """

    name = "inline-prepare"

    def run(self, module: ir.Module, log: PassLog) -> None:
        main = functions.entry_function(module)
        prepare = None if main is None else functions.prepare_function(module, main)
        if main is None or prepare is None:
            return
        with module.context:
            taken, raw = functions.weights(main), functions.weights(prepare)
            missing = {name: value for name, value in raw.items() if name not in taken}
            added = functions.add_weights(main, missing.items())
            taken |= dict(zip(missing, added, strict=True))
            for name, argument in raw.items():
                argument.replace_all_uses_with(taken[name])
            first = functions.body(main).operations[0].operation
            prepared = functions.results(prepare)
            for view in list(functions.body(prepare).operations)[:-1]:
                view.operation.move_before(first)
                log.count("operations moved")
            for name, value in prepared.items():
                taken[name].replace_all_uses_with(value)
            functions.drop_weights(main, prepared)
            prepare.erase()
            del main.attributes[PREPARE]
