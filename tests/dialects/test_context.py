"""Contexts: what Oxide asks of MLIR's bindings when it makes one."""

from __future__ import annotations

import sys

from jaxlib.mlir import ir

from oxide.dialects.context import make_context


class Searches:
    """A finder of modules that finds none and notes what was searched for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        self.names.append(name)


def test_operations_of_our_own_dialect_cost_no_search_for_modules(monkeypatch):
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            for _ in range(5):
                ir.Operation.create("oxide.dims")
        list(module.body.operations)
        searches = Searches()
        monkeypatch.setattr(sys, "meta_path", [searches, *sys.meta_path])
        assert [op.operation.name for op in module.body.operations] == ["oxide.dims"] * 5
    assert not searches.names
