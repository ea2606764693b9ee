"""Damage to the bytes of a model and to the fields of its messages, without knowing what they mean."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import ModelProto

INTEGERS = (0, 1, -1, 2, 3, 7, 64, 127, 128, 255, 1000, 65536, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1)
INTEGERS += (-(2**63), -(2**40), -2, -7)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3e38, -3e38, float("inf"), float("-inf"), float("nan"), 1e9, -0.25)
NAMES = (
    "",
    " ",
    "x",
    "y",
    'quote"quote',
    "back\\slash",
    "line\nbreak",
    "nul\0nul",
    "tab\tand\x7f",
    "ümläut-名前-🙂",
    "\u202eright to left",
    "__class__",
    "{0.__class__}%s%n",
    "../../etc/passwd",
    "import os",
    "a" * 1_000_000,
    "loc(#loc1)",
    "%arg0",
    "@main",
)

# ---------------------------------------------------------------------------------------------- bytes


def damage_bytes(data: bytes, rng: Random) -> bytes:
    """Flip, overwrite, cut, repeat or move bytes, one to four times."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not damaged:
            break
        start = rng.randrange(len(damaged))
        end = min(len(damaged), start + rng.choice((1, 2, 4, 16, 256)))
        kind = rng.randrange(6)
        if kind == 0:
            damaged[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[start] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del damaged[start:end]
        elif kind == 3:
            damaged[start:start] = rng.randbytes(end - start)
        elif kind == 4:
            target = rng.randrange(len(damaged))
            damaged[target:target] = damaged[start:end]
        else:
            del damaged[start:]
    return bytes(damaged)


# ------------------------------------------------------------------------------------------- protobuf


def damage_fields(model: ModelProto, rng: Random) -> None:
    """Change one field, of any message in the model, without knowing what it means."""
    message = rng.choice(messages_of(model))
    fields: list[Any] = list(message.DESCRIPTOR.fields)
    present: list[Any] = [descriptor for descriptor, _ in message.ListFields()]
    field = rng.choice(present if present and rng.random() < 0.8 else fields)
    if field.is_repeated:
        _damage_repeated(model, message, field, rng)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        _damage_message(model, message, field, rng)
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    else:
        try_set(lambda: setattr(message, field.name, _scalar(field, rng)))


def _damage_repeated(model: ModelProto, message: Message, field: Any, rng: Random) -> None:
    values = getattr(message, field.name)
    items = list(values)
    kind = rng.randrange(5)
    if kind == 0 and items:
        del values[rng.randrange(len(items))]
    elif kind == 1 and items:
        values.append(rng.choice(items))
    elif kind == 2 and len(items) > 1:
        rng.shuffle(items)
        message.ClearField(field.name)
        getattr(message, field.name).extend(items)
    elif kind == 3:
        message.ClearField(field.name)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        kin = [other for other in messages_of(model) if other.DESCRIPTOR is field.message_type]
        values.append(rng.choice(kin)) if kin and rng.random() < 0.7 else values.add()
    elif items and rng.random() < 0.7:
        try_set(lambda: values.__setitem__(rng.randrange(len(items)), _scalar(field, rng)))
    else:
        try_set(lambda: values.append(_scalar(field, rng)))


def _damage_message(model: ModelProto, message: Message, field: Any, rng: Random) -> None:
    """Clear a message, empty it, or put in another of its kind from elsewhere in the model."""
    kind = rng.randrange(3)
    if kind == 0:
        message.ClearField(field.name)
        return
    replacement = field.message_type._concrete_class()
    if kind == 1:
        kin = [other for other in messages_of(model) if other.DESCRIPTOR is field.message_type]
        if kin:
            replacement.CopyFrom(rng.choice(kin))
    getattr(message, field.name).CopyFrom(replacement)


def try_set(change: Callable[[], None]) -> None:
    """Apply a change that protobuf may refuse (an integer out of the field's range, an invalid enum value)."""
    try:
        change()
    except (TypeError, ValueError):
        return


def _scalar(field: Any, rng: Random) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(NAMES)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.choice((b"", b"\xff\xfe", rng.choice(NAMES).encode(), rng.randbytes(rng.choice((1, 4, 8, 64)))))
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice(FLOATS)
    return rng.choice(INTEGERS)


def messages_of(message: Message) -> list[Message]:
    """The message and all in it."""
    found: list[Message] = []
    pending = [message]
    while pending:
        current = pending.pop()
        found.append(current)
        for field, content in current.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                pending.extend(content if field.is_repeated else [content])
    return found
