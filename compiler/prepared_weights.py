"""A model whose weights are prepared already, for consumers that should not do it when they load it."""

from __future__ import annotations

import numpy as np

from oxide.backends.pjrt.program import separate
from oxide.model import Model


def prepared(model: Model) -> Model:
    """The model without `@prepare`: its weights are what that gives (on this machine's CPU), and the others that
    `@main` takes.

    The model itself where it has no `@prepare`.  Raises OxideError when a weight is missing or does not fit.
    """
    signature = model.check()
    main, prepare = separate(model.module, signature)
    if prepare is None:
        return model
    made = Model(prepare, model.parameters, model.name).compile("cpu", pipeline="", cache=False).run({})
    values = {name: np.asarray(value) for name, value in made.items()}
    kept = {spec.name for spec in signature.parameters} - values.keys()
    return Model(main, values | {name: model.parameters[name] for name in kept}, model.name)
