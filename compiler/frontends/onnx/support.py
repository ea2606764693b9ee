"""Which ONNX operators Oxide imports, read from the registries of lowerings and ONNX's schemas."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import defs

from oxide.frontends.onnx import ops as _registers_lowerings  # noqa: F401
from oxide.frontends.onnx.custom import installed, installed_domains
from oxide.frontends.onnx.registry import REGISTRY, normal_domain, qualified


@dataclass(frozen=True)
class OperatorSupport:
    """How an operator is imported.

    `versions` are the since-versions with a lowering.  `how` is `lowering`, `lowering of the package NAME VERSION`
    where an installed package provides it, `function body` for one that is expanded into other operators as ONNX
    defines it, or empty for one that is not supported.
    """

    domain: str
    op_type: str
    versions: tuple[int, ...]
    how: str

    @property
    def name(self) -> str:
        return qualified(self.domain, self.op_type)


def supported_operators() -> list[OperatorSupport]:
    """Every operator of the installed onnx package, of Oxide's and of installed packages, by domain and name.

    Raises OxideError where a package does not provide what it promises.
    """
    tables = [REGISTRY, *(installed(domain) for domain in installed_domains())]
    versions: dict[tuple[str, str], set[int]] = {}
    providers: dict[tuple[str, str], str] = {}
    for (domain, op_type, version), entry in (row for table in tables for row in table.items()):
        versions.setdefault((domain, op_type), set()).add(version)
        providers.setdefault((domain, op_type), entry.provider)
    newest = {(normal_domain(schema.domain), schema.name): schema for schema in defs.get_all_schemas()}
    return [
        OperatorSupport(domain, op_type, tuple(sorted(versions.get((domain, op_type), ()))), how)
        for domain, op_type in sorted(versions.keys() | newest.keys())
        for how in [_how(providers.get((domain, op_type)), newest.get((domain, op_type)))]
    ]


def _how(provider: str | None, schema: defs.OpSchema | None) -> str:
    """`provider` is None without a lowering, and empty where it is Oxide's."""
    if provider is not None:
        return f"lowering of {provider}" if provider else "lowering"
    if schema is not None and (schema.has_function or schema.has_context_dependent_function):
        return "function body"
    return ""
