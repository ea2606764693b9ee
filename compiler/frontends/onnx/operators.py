"""Which definition a node follows: opset imports, schemas, model-local functions and the registry."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from onnx import FunctionProto, defs

from oxide.dialects.diagnostics import Diagnostic, OxideError
from oxide.frontends.onnx.custom import find_installed
from oxide.frontends.onnx.diagnostics import quoted
from oxide.frontends.onnx.operands import Formal, schema_formals
from oxide.frontends.onnx.registry import (
    Lowering,
    Table,
    find,
    lowered_domains,
    newest,
    normal_domain,
    qualified,
    versions_of,
)

# Domain, name and overload of a model-local function.
FunctionKey = tuple[str, str, str]
# Models below this IR version do not say which opset they use; it is 1.
FIRST_IR_VERSION_WITH_OPSETS = 3


@dataclass(frozen=True)
class Operator:
    """How every node of one operator is imported in one scope; exactly one of `lowering`, `function`,
    `has_body` (the schema defines it by a function body) and `unsupported` (the reason) says it.

    `label` is for messages (`Gemm-13`), `version` is the since-version of the schema (0 for local functions),
    `attribute_types` and `formals` (of the inputs) are what the schema demands (None and empty without one).
    """

    label: str
    version: int
    schema: Any = None
    lowering: Lowering | None = None
    function: FunctionProto | None = None
    has_body: bool = False
    unsupported: str = ""
    min_inputs: int = 0
    max_inputs: int = sys.maxsize
    attribute_types: Mapping[str, int] | None = None
    formals: tuple[Formal, ...] = ()


class Library:
    """The operators as one scope (the model, or the body of a function) sees them."""

    def __init__(
        self,
        opsets: Mapping[str, int],
        functions: Mapping[FunctionKey, FunctionProto],
        given: Table | None = None,
    ) -> None:
        """`given` are lowerings for this import, which replace functions of the model, but none of Oxide's own."""
        self.opsets = opsets
        self.functions = functions
        self.given = given or {}
        self._resolved: dict[FunctionKey, Operator] = {}

    def resolve(self, domain: str, op_type: str, overload: str = "") -> Operator:
        key = (domain, op_type, overload)
        operator = self._resolved.get(key)
        if operator is None:
            operator = self._resolved[key] = self._resolve(*key)
        return operator

    def of_body(self, body: FunctionProto) -> Library:
        """The library inside of a function body: the opsets it imports, over those around it.

        Bodies in ONNX's schemas do not import all the domains they use.
        """
        return Library({**self.opsets, **read_opsets(body.opset_import)}, self.functions, self.given)

    def _resolve(self, domain: str, op_type: str, overload: str) -> Operator:
        name = qualified(domain, op_type)
        opset = self.opsets.get(domain)
        function = self.functions.get((domain, op_type, overload))
        if function is not None and newest(domain, op_type, opset or 0, self.given) is None:
            return Operator(name, 0, function=function)
        if opset is None:
            where = quoted(domain or "ai.onnx")
            return Operator(name, 0, unsupported=f"the model imports no opset of its domain {where}")
        schema = find_schema(op_type, opset, domain)
        try:
            found = self._lowering(domain, op_type, opset, schema)
        except OxideError as error:
            return Operator(name, 0, unsupported=error.message)
        if schema is None:
            if found is None:
                return Operator(name, 0, unsupported=_why_unknown(domain, op_type, opset))
            return Operator(f"{name}-{found[0]}", found[0], lowering=found[1])
        version = schema.since_version
        label = f"{name}-{version}"
        facts = _facts(op_type, version, domain)
        if found is not None:
            return Operator(label, version, schema, lowering=found[1], **facts)
        if schema.has_function or schema.has_context_dependent_function:
            return Operator(label, version, schema, has_body=True, **facts)
        return Operator(label, version, unsupported=_reason(domain, op_type, schema.deprecated))

    def _lowering(self, domain: str, op_type: str, opset: int, schema: Any) -> tuple[int, Lowering] | None:
        """Oxide's own lowering, the one given to this import or that of an installed package, with its version.

        Where the onnx package defines the operator, its own is for exactly that version.  Raises OxideError where
        two apply.
        """
        if schema is None:
            own = newest(domain, op_type, opset)
        else:
            exact = find(domain, op_type, schema.since_version)
            own = exact and (schema.since_version, exact)
        given = newest(domain, op_type, opset, self.given)
        if own and given:
            raise OxideError("a lowering of it is given, but Oxide has one; rename the operator in the model")
        if own:
            return own
        installed = find_installed(domain, op_type, opset)
        if given and installed:
            raise OxideError(f"a lowering of it is given, but {installed[1].provider} provides one; uninstall that")
        return given or installed


def _why_unknown(domain: str, op_type: str, opset: int) -> str:
    if domain in known_domains():
        return f"opset {opset} of {quoted(domain or 'ai.onnx')} has no such operator"
    if domain in lowered_domains():
        return _reason(domain, op_type, deprecated=False)
    return f"the domain {quoted(domain)} is unknown and the model has no function of this name"


def _reason(domain: str, op_type: str, deprecated: bool) -> str:
    versions = ", ".join(map(str, versions_of(domain, op_type)))
    reason = f"Oxide lowers {qualified(domain, op_type)} {versions}" if versions else "no lowering"
    return f"{reason}; this version of the operator is deprecated" if deprecated else reason


@cache
def find_schema(op_type: str, opset: int, domain: str) -> Any:
    """The schema in force, or None.  (onnx's type stubs leave out its function bodies, hence Any.)

    A model may import any 64-bit opset; onnx looks up 32-bit ones, of which it has far fewer.
    """
    try:
        return defs.get_schema(op_type, min(max(opset, 0), (1 << 31) - 1), domain)
    except defs.SchemaError:
        return None


@cache
def _facts(op_type: str, version: int, domain: str) -> dict[str, Any]:
    """What a schema demands of a node, as fields of an Operator."""
    schema = find_schema(op_type, version, domain)
    return {
        "min_inputs": schema.min_input,
        "max_inputs": schema.max_input,
        "attribute_types": {key: int(a.type) for key, a in schema.attributes.items()},
        "formals": schema_formals(schema),
    }


@cache
def known_domains() -> dict[str, int]:
    """The domains the installed onnx package defines, with their newest opset versions."""
    newest: dict[str, int] = {}
    for schema in defs.get_all_schemas_with_history():
        domain = normal_domain(schema.domain)
        newest[domain] = max(newest.get(domain, 1), schema.since_version)
    newest[""] = max(newest[""], defs.onnx_opset_version())
    return newest


def read_opsets(imports: Iterable) -> dict[str, int]:
    """Domain to version.  Raises OxideError for a domain that is imported in two versions or a bad version."""
    opsets: dict[str, int] = {}
    for entry in imports:
        domain = normal_domain(entry.domain)
        if opsets.get(domain, entry.version) != entry.version:
            raise OxideError(f"domain {quoted(domain or 'ai.onnx')} is imported in two versions")
        if entry.version < 1:
            raise OxideError(f"domain {quoted(domain or 'ai.onnx')} is imported in version {entry.version}")
        opsets[domain] = entry.version
    return opsets


def model_opsets(ir_version: int, imports: Iterable) -> dict[str, int]:
    """The opsets a model imports.  Raises OxideError when there are none, or ones newer than onnx knows."""
    opsets = read_opsets(imports)
    if not opsets:
        if 1 <= ir_version < FIRST_IR_VERSION_WITH_OPSETS:
            return {"": 1}
        raise OxideError(
            "the model imports no opset, so its operators have no meaning; set opset_import "
            "(onnx.helper.make_opsetid)"
        )
    too_new: list[Diagnostic] = []
    for domain, version in opsets.items():
        # The default domain's newest version is cheap to ask for; the full table is not.
        newest = defs.onnx_opset_version() if domain == "" else known_domains().get(domain, version)
        if version > newest:
            message = f"opset {version} of {quoted(domain or 'ai.onnx')}: the newest known is {newest}"
            too_new.append(Diagnostic("error", message))
    if too_new:
        raise OxideError(
            "the model needs a newer onnx package than the one installed; upgrade it, or convert the model "
            "with onnx.version_converter",
            too_new,
        )
    return opsets
