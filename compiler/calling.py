"""How the program that a model was imported from is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Calling(Protocol):
    """Between a program's own arguments and results and the inputs and outputs of its model.

    `names` are the inputs that its arguments give.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    def inputs(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The model's inputs by name.

        Raises OxideError for arguments that the program does not take, or changes although they cannot be changed.
        """
        ...

    def change(self, given: Any, value: Any) -> None:
        """Write the new value of an argument that the program changes in place."""
        ...

    def results(self, outputs: Mapping[str, Any]) -> Any:
        """What the program returns, of the model's outputs by name."""
        ...
