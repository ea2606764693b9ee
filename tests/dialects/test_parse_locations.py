"""Locations of parsed text carry the file's own name, and diagnostics render as file:line:column."""

from __future__ import annotations

import pytest

from oxide.dialects.context import parse_module, reject_unregistered
from oxide.dialects.diagnostics import OxideError, location_text

FUNC = "func.func @{name}() {{\n  return\n}}\n"


def test_a_module_keeps_its_name_attributes_and_file() -> None:
    text = "module @net attributes {oxide.version = 1 : i32} {\n" + FUNC.format(name="f") + "}"
    module = parse_module(text, name="net.mlir")
    assert str(module.operation.attributes["sym_name"]) == '"net"'
    assert "oxide.version" in module.operation.attributes
    assert [location_text(op.location) for op in module.body.operations] == ["net.mlir:2:1"]


@pytest.mark.parametrize("names", [["f"], ["f", "g"]])
def test_operations_without_a_module_are_wrapped_and_located(names: list[str]) -> None:
    module = parse_module("".join(FUNC.format(name=name) for name in names), name="net.mlir")
    located = [location_text(op.location) for op in module.body.operations]
    assert located == [f"net.mlir:{1 + 3 * i}:1" for i in range(len(names))]


def test_a_syntax_error_names_file_line_and_column() -> None:
    with pytest.raises(OxideError) as caught:
        parse_module("module {\n  func.func @f( {\n  }\n}", name="net.mlir")
    assert [d.location for d in caught.value.diagnostics] == ["net.mlir:2:16"]


def test_every_unregistered_operation_is_located() -> None:
    module = parse_module('module {\n  "a.b"() : () -> ()\n  "c.d"() : () -> ()\n}', name="net.mlir")
    with pytest.raises(OxideError) as caught:
        reject_unregistered(module)
    assert [(d.location, d.message) for d in caught.value.diagnostics] == [
        ("net.mlir:2:3", "unregistered operation a.b"),
        ("net.mlir:3:3", "unregistered operation c.d"),
    ]


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(OxideError, match=r"net\.mlir: not a valid MLIR module"):
        parse_module(b"\xff\xfe", name="net.mlir")
