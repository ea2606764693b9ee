"""What `@main` does besides computing outputs: new values of arguments, and assertions of the source program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects.attributes import CHECKS, UPDATES
from oxide.dialects.diagnostics import OxideError
from oxide.signature import NAME, entry_function


@dataclass(frozen=True)
class Checks:
    """The output that says which of the program's assertions failed first."""

    output: str
    messages: tuple[str, ...]

    def require(self, failed: int) -> None:
        """Raise OxideError unless `failed`, the output's value, is 0."""
        if failed:
            raise OxideError(f"an assertion of the program does not hold: {self.messages[failed - 1]}")


def read_updates(module: ir.Module) -> dict[int, str]:
    """For results of `@main` that are new values of arguments: number of the result, name of the argument."""
    with module.context:
        return {
            number: ir.StringAttr(attributes[UPDATES]).value
            for number, attributes in enumerate(_result_attributes(module))
            if UPDATES in attributes
        }


def read_checks(module: ir.Module) -> Checks | None:
    """The assertions of a module, None where it has none."""
    with module.context:
        for number, attributes in enumerate(_result_attributes(module)):
            if CHECKS in attributes:
                name = ir.StringAttr(attributes[NAME]).value if NAME in attributes else f"result{number}"
                messages = tuple(ir.StringAttr(text).value for text in ir.ArrayAttr(attributes[CHECKS]))
                return Checks(name, messages)
    return None


def _result_attributes(module: ir.Module) -> Iterator[ir.DictAttr]:
    function = entry_function(module)
    if "res_attrs" in function.attributes:
        yield from map(ir.DictAttr, ir.ArrayAttr(function.attributes["res_attrs"]))
