"""Edits that remove attributes an operation is valid without, those of arguments and results included."""

from __future__ import annotations

from functools import partial

from jaxlib.mlir import ir

from oxide.dialects.constants import holds_constant
from oxide.dialects.diagnostics import captured
from oxide.reduction.edits import Edit, operations

# Dictionaries of a function, one for each argument or result.
_DICTIONARIES = ("arg_attrs", "res_attrs")
# Without it a private function would be public, and no pass would remove it.
_KEPT = frozenset({"sym_visibility", *_DICTIONARIES})


def drop_attributes(module: ir.Module) -> list[Edit]:
    """Attributes one by one; one that its operation needs is put back."""
    found: list[Edit] = []
    for op in [*operations(module), module.operation]:
        if holds_constant(op):  # the bindings cannot read complex values, and all constants need theirs
            continue
        found += [partial(_drop, op, name) for name in op.attributes if name not in _KEPT and _optional(op, name)]
        found += [
            partial(_drop_entry, op, name, index, key)
            for name in _DICTIONARIES
            if name in op.attributes
            for index, entry in enumerate(ir.ArrayAttr(op.attributes[name]))
            for key in _keys(entry)
        ]
    return found


def _keys(entry: ir.Attribute) -> list[str]:
    return [named.name for named in ir.DictAttr(entry)]


def _optional(op: ir.Operation, name: str) -> bool:
    """Whether `op` is valid without an attribute; it is the same again afterwards."""
    if "." in name:  # belongs to a dialect, not to the operation
        return True
    value = op.attributes[name]
    del op.attributes[name]
    # A default that is written out comes back by itself.
    if name in op.attributes:
        return False
    try:
        with captured(op.context):
            op.verify()
    except ir.MLIRError:
        return False
    finally:
        op.attributes[name] = value
    return True


def _drop(op: ir.Operation, name: str) -> None:
    del op.attributes[name]


def _drop_entry(op: ir.Operation, name: str, index: int, key: str) -> None:
    entries = [ir.DictAttr(entry) for entry in ir.ArrayAttr(op.attributes[name])]
    kept = {named.name: named.attr for named in entries[index] if named.name != key}
    entries[index] = ir.DictAttr.get(kept)
    op.attributes[name] = ir.ArrayAttr.get(entries)
