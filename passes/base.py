"""What a pass is: a frozen dataclass with a name, a summary, typed options and `run`.

    @register
    @dataclass(frozen=True)
    class Fuse(Pass):
        '''Group elementwise chains into oxide.fusion composites.'''

        name = "fuse"
        max_ops: int = option(32, "largest number of operations in one fusion")

        def run(self, module, log): ...

Options are the dataclass' fields, spelled with dashes on the command line (`--fuse=max-ops=16`); bool, int,
float, str, tuples of those and Literals of strings are allowed.  The registry generates flags,
`--list-passes` and the docs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from jaxlib.mlir import ir

from oxide.dialects.diagnostics import Diagnostic, location_text
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.options import option_specs


@dataclass
class PassLog:
    """What one run of one pass reports: per-rule counts, named totals, and remarks for `--remarks`."""

    rules: dict[str, RuleStatistics] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    remarks: list[Diagnostic] = field(default_factory=list)

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def remark(self, op: ir.Operation, message: str) -> None:
        self.remark_at(op.location, message)

    def remark_at(self, location: ir.Location, message: str) -> None:
        self.remarks.append(Diagnostic("remark", message, location_text(location)))


@dataclass(frozen=True)
class Pass:
    """Base of all passes.  `run` edits the module in place and raises OxideError to refuse it."""

    name: ClassVar[str]

    def run(self, module: ir.Module, log: PassLog) -> None:
        raise NotImplementedError

    @classmethod
    def rules(cls) -> list[tuple[str, str]]:
        """Name and meaning of each rewrite rule the pass has; none for a pass that is one algorithm."""
        return []

    @classmethod
    def summary(cls) -> str:
        """The first line of the class docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


def option(default: Any, help: str) -> Any:
    """A pass option: a dataclass field with a default and a help line."""
    return field(default=default, metadata={"help": help})


REGISTRY: dict[str, type[Pass]] = {}

PassClass = TypeVar("PassClass", bound=type[Pass])


def register(cls: PassClass) -> PassClass:
    """Add a pass to the registry; a second pass of the same name is a programming error."""
    if cls.name in REGISTRY:
        raise ValueError(f"pass {cls.name} is registered twice: {REGISTRY[cls.name]} and {cls}")
    for option_field in fields(cls):
        if "help" not in option_field.metadata:
            raise ValueError(f"option {option_field.name} of pass {cls.name} has no help text")
    option_specs(cls)  # refuses types that cannot be written as an option
    REGISTRY[cls.name] = cls
    return cls
