"""StatefulExecutable: a compiled model that keeps what it changes, as the program it was imported from does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from oxide.backends.pjrt.arguments import bind
from oxide.backends.pjrt.executable import Executable
from oxide.effects import read_updates
from oxide.signature import TensorSpec

if TYPE_CHECKING:
    import jax

    from oxide.model import Model


class StatefulExecutable:
    """A compiled model with state.  `Model.stateful` makes it.

        net = model.stateful()
        logits, cache = net(tokens, past=cache)      # the program's own arguments and results
        net.state["bn.running_mean"]                 # what it keeps, until the next call

    Weights that the program changes (`oxide.updates`) have their new values in the next call, and so has a random
    generator that is no argument of the program's.  New values take the memory of the old ones.

    A call takes what the imported program takes and returns what it returns (for PyTorch: tensors and numbers), and
    changes the arguments that it changes.  A model that was not imported in this process does not know its program,
    and is called as an `Executable`.  `run` takes inputs and gives outputs by name in any case.  A JAX array
    given for an input that the model updates is donated: it cannot be used again, and an output has its new value.
    """

    def __init__(self, model: Model, executable: Executable, seed: int) -> None:
        signature = model.signature
        self._executable = executable
        self._calling = model.calling
        own = {spec.name for spec in executable.inputs} if self._calling is None else set(self._calling.names)
        self._state: dict[str, Any] = {
            spec.name: array for spec, array in zip(executable.parameter_specs, executable.parameters, strict=True)
        }
        self._state |= {spec.name: _random_state(seed) for spec in executable.inputs if spec.name not in own}
        # Outputs by the argument whose new value they are.
        self._updated = {name: signature.outputs[i].name for i, name in read_updates(model.module).items()}
        self._kept = {name: output for name, output in self._updated.items() if name in self._state}
        self.inputs: tuple[TensorSpec, ...] = tuple(s for s in executable.inputs if s.name in own)
        self.outputs = tuple(s for s in executable.outputs if s.name not in self._kept.values())

    @property
    def state(self) -> dict[str, Any]:
        """The current values of what the model changes and keeps, by name."""
        return {name: self._state[name] for name in self._kept}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the program.  Raises OxideError for arguments that it does not take."""
        if self._calling is None:
            outputs = tuple(self._run(bind(self.inputs, args, kwargs)).values())
            return outputs[0] if len(outputs) == 1 else outputs
        inputs = self._calling.inputs(args, kwargs)
        outputs = self._run(bind(self.inputs, (), inputs))
        for name in inputs.keys() & self._updated.keys():
            self._calling.change(inputs[name], outputs[self._updated[name]])
        return self._calling.results(outputs)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Run the model on inputs by name; returns outputs by name, without the state."""
        return self._run(bind(self.inputs, (), inputs))

    def _run(self, values: Any) -> dict[str, jax.Array]:
        executable = self._executable
        given = {spec.name: value for spec, value in zip(self.inputs, values, strict=True)} | self._state
        results = executable.execute(
            [given[spec.name] for spec in executable.inputs],
            [self._state[spec.name] for spec in executable.parameter_specs],
        )
        named = dict(zip((spec.name for spec in executable.results), results, strict=True))
        self._state |= {name: named[output] for name, output in self._kept.items()}
        executable.passed(results)
        return {spec.name: named[spec.name] for spec in self.outputs}


def _random_state(seed: int) -> np.ndarray:
    return np.random.SeedSequence(seed).generate_state(2, np.uint64)
