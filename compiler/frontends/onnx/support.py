"""Which ONNX operators Oxide imports, read from the registry of lowerings and ONNX's schemas."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import defs

from oxide.frontends.onnx import ops as _registers_lowerings  # noqa: F401
from oxide.frontends.onnx.registry import REGISTRY, normal_domain, qualified


@dataclass(frozen=True)
class OperatorSupport:
    """How an operator is imported.

    `versions` are the since-versions with a lowering.  `how` is `lowering`, `function body` for one that is
    expanded into other operators as ONNX defines it, or empty for one that is not supported.
    """

    domain: str
    op_type: str
    versions: tuple[int, ...]
    how: str

    @property
    def name(self) -> str:
        return qualified(self.domain, self.op_type)


def supported_operators() -> list[OperatorSupport]:
    """Every operator of the installed onnx package and every registered one, by domain and name."""
    versions: dict[tuple[str, str], set[int]] = {}
    for domain, op_type, version in REGISTRY:
        versions.setdefault((domain, op_type), set()).add(version)
    newest = {(normal_domain(schema.domain), schema.name): schema for schema in defs.get_all_schemas()}
    return [
        OperatorSupport(domain, op_type, tuple(sorted(versions.get((domain, op_type), ()))), how)
        for domain, op_type in sorted(versions.keys() | newest.keys())
        for how in [_how((domain, op_type) in versions, newest.get((domain, op_type)))]
    ]


def _how(lowered: bool, schema: defs.OpSchema | None) -> str:
    if lowered:
        return "lowering"
    if schema is not None and (schema.has_function or schema.has_context_dependent_function):
        return "function body"
    return ""
