"""The registry: what it refuses, and that every lowering agrees with the schemas of the versions it covers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import AttributeProto, defs, numpy_helper

import oxide.frontends.onnx.ops as ops_package
from oxide.frontends.onnx.registry import REGISTRY, REQUIRED, Lowering, lowering, read_signature, register

KEYS = sorted(REGISTRY)
# GRU-1's schema has a default that is none of the values its text allows.
MISSPELT = {"foward": "forward"}


@pytest.fixture
def scratch_registry(monkeypatch):
    """A registry that forgets what a test adds."""
    monkeypatch.setattr("oxide.frontends.onnx.registry.REGISTRY", dict(REGISTRY))


@pytest.mark.usefixtures("scratch_registry")
class TestRefusals:
    def test_second_lowering_of_a_version(self):
        @lowering("Thing", 1, 7, domain="test")
        def first(node, x): ...

        with pytest.raises(ValueError, match=r"test\.Thing-7 is registered twice"):
            register("Thing", [7, 9], lambda node, x: x, domain="test")

    def test_version_named_twice(self):
        with pytest.raises(ValueError, match="registered twice"):
            register("Thing", [1, 1], lambda node, x: x, domain="test")

    def test_default_domain_has_one_spelling(self):
        with pytest.raises(ValueError, match="Relu-14 is registered twice"):
            register("Relu", [14], lambda node, x: x, domain="ai.onnx")

    def test_no_version(self):
        with pytest.raises(ValueError, match="names no since-version"):
            register("Thing", [], lambda node, x: x)

    def test_catch_all_attributes(self):
        with pytest.raises(ValueError, match="attributes must be named"):
            register("Thing", [1], lambda node, x, **rest: x)

    def test_input_with_a_default_value(self):
        with pytest.raises(ValueError, match="an absent input is None"):
            register("Thing", [1], lambda node, x, y=1: x)

    def test_no_node(self):
        with pytest.raises(ValueError, match="must take the node"):
            register("Thing", [1], lambda *, axis: axis)


def test_signature_of_a_lowering():
    def gemm(node, a, w, c=None, *, alpha=1.0, transA): ...

    signature = read_signature(gemm)
    assert signature.inputs == ("a", "w", "c")
    assert signature.required == 2
    assert not signature.variadic
    assert signature.attributes == {"alpha": 1.0, "transA": REQUIRED}
    assert signature.required_attributes == ("transA",)


def test_every_file_of_lowerings_is_imported():
    assert ops_package.__file__ is not None
    files = {path.stem for path in Path(ops_package.__file__).parent.glob("*.py")} - {"__init__"}
    assert [name for name in sorted(files) if f"{ops_package.__name__}.{name}" not in sys.modules] == []


# In the default domain, but no operator of ONNX.
ONNXRUNTIME_ONLY = {("", "SimplifiedLayerNormalization", 1)}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key[0] or 'onnx'}.{key[1]}-{key[2]}")
def test_lowering_agrees_with_its_schema(key: tuple[str, str, int]):
    domain, op_type, version = key
    if domain not in {schema.domain for schema in defs.get_all_schemas()} or key in ONNXRUNTIME_ONLY:
        pytest.skip("the onnx package defines no schema for it")
    entry = REGISTRY[key]
    schema = defs.get_schema(op_type, version, domain)
    assert schema.since_version == version, f"{op_type} has no version {version}: {schema.since_version} is meant"
    assert problems(entry, schema) == []


def problems(entry: Lowering, schema: defs.OpSchema) -> list[str]:
    """Where a lowering's signature and a schema disagree.

    A function may take more than one version has, if another version that it covers has it: the importer
    holds a node to its own version's schema as well.
    """
    signature = entry.signature
    attributes = signature.attributes
    assert attributes is not None, "only lowerings from outside take any attribute"
    covered = [defs.get_schema(entry.op_type, version, entry.domain) for version in entry.versions]
    found: list[str] = []
    missing = schema.attributes.keys() - attributes.keys()
    invented = attributes.keys() - {name for s in covered for name in s.attributes}
    if missing or invented:
        found.append(f"attributes missing {sorted(missing)}, not in any schema {sorted(invented)}")
    for name in attributes.keys() & schema.attributes.keys():
        found += _default_problem(name, attributes[name], schema.attributes[name])
    most = max(len(_fixed_inputs(s)) for s in covered)
    if not len(_fixed_inputs(schema)) <= len(signature.inputs) <= most:
        found.append(f"inputs {signature.inputs}, the schema has {[p.name for p in _fixed_inputs(schema)]}")
    if signature.variadic != (len(_fixed_inputs(schema)) != len(schema.inputs)):
        found.append("variadic inputs on one side only")
    optional = defs.OpSchema.FormalParameterOption.Optional
    required = max((i + 1 for i, p in enumerate(_fixed_inputs(schema)) if p.option != optional), default=0)
    if signature.required > required:
        found.append(f"{signature.required} required inputs, the schema has {required}")
    return found


def _fixed_inputs(schema: defs.OpSchema) -> list[Any]:
    return [p for p in schema.inputs if p.option != defs.OpSchema.FormalParameterOption.Variadic]


def _default_problem(name: str, mine: Any, declared: defs.OpSchema.Attribute) -> list[str]:
    if mine is REQUIRED and not declared.required:
        return [f"{name} is optional in the schema"]
    if declared.required or not declared.default_value.name:
        return []  # where the schema has no default, some versions state one in their text
    expected = _python(declared.default_value)
    if _same(mine, expected):
        return []
    return [f"{name}: default {mine!r}, the schema's is {expected!r}"]


def _python(attribute: AttributeProto) -> Any:
    return {
        AttributeProto.FLOAT: lambda: attribute.f,
        AttributeProto.INT: lambda: attribute.i,
        AttributeProto.STRING: lambda: MISSPELT.get(attribute.s.decode(), attribute.s.decode()),
        AttributeProto.FLOATS: lambda: list(attribute.floats),
        AttributeProto.INTS: lambda: list(attribute.ints),
        AttributeProto.STRINGS: lambda: [s.decode() for s in attribute.strings],
        AttributeProto.TENSOR: lambda: numpy_helper.to_array(attribute.t),
    }[attribute.type]()


def _same(mine: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(mine, float):
        return np.float32(mine) == np.float32(expected)
    if isinstance(expected, list):
        return mine is None or list(mine) == expected  # a list is no default argument; None stands for it
    return mine == expected
