"""Large tensors are taken out of a serialized model before it is parsed, so that they are never copied.

Parsing a protobuf copies every byte of it, reading a `bytes` field copies them again, and protobuf refuses
messages over 2 GiB.  A model of W bytes of weights must not cost 3 W, so this walks the wire format (tag,
length, payload) down to the tensors, replaces each large `raw_data` by a short token, and remembers the slice
of the file the token stands for.  Anything irregular is left as it is, for the real parser to judge.
"""

from __future__ import annotations

import secrets

Buffer = bytes | memoryview

# Smaller payloads are parsed the ordinary way; so are all messages that cannot contain a larger one.
MIN_BYTES = 1 << 14

# The messages that can hold tensors: field number -> kind of the message in it (onnx.proto).
_NESTED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# protobuf's own limit.
_MAX_DEPTH = 100
_RAW_DATA = 9  # field number in TensorProto
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


class Irregular(Exception):
    """The bytes are not a sequence of complete fields, or nested too deeply."""


class RawData:
    """Slices of a serialized model by the token that replaced them."""

    def __init__(self) -> None:
        # A token is recognised by a random prefix, so that no file can contain one.
        self._prefix = secrets.token_bytes(16)
        self._slices: list[memoryview] = []

    def add(self, data: memoryview) -> bytes:
        self._slices.append(data)
        return self._prefix + (len(self._slices) - 1).to_bytes(8, "little")

    def resolve(self, data: bytes) -> memoryview | bytes:
        """What a tensor's `raw_data` stands for: the slice of a token, or the bytes themselves."""
        if len(data) == len(self._prefix) + 8 and data.startswith(self._prefix):
            return self._slices[int.from_bytes(data[len(self._prefix) :], "little")]
        return data


def take_out_tensors(model: memoryview) -> tuple[bytes, RawData]:
    """A serialized ModelProto with its large tensors replaced by tokens, and what they stand for."""
    taken = RawData()
    try:
        pieces = _strip(model, "model", taken)
    except Irregular:
        return bytes(model), RawData()
    return b"".join(pieces), taken


def _strip(message: memoryview, kind: str, taken: RawData, depth: int = 0) -> list[Buffer]:
    """The pieces of a message, with tokens in place of large tensors at any depth."""
    if depth > _MAX_DEPTH:
        raise Irregular
    nested = _NESTED[kind]
    pieces: list[Buffer] = []
    kept_from = position = 0
    end = len(message)
    while position < end:
        start = position
        tag, position = _varint(message, position)
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            length, position = _varint(message, position)
            payload_start, position = position, position + length
            inner = nested.get(tag >> 3)
            is_raw_data = kind == "tensor" and tag >> 3 == _RAW_DATA
            if length >= MIN_BYTES and position <= end and (inner or is_raw_data):
                payload = message[payload_start:position]
                replacement = _strip(payload, inner, taken, depth + 1) if inner else [taken.add(payload)]
                size = sum(len(piece) for piece in replacement)
                pieces += [message[kept_from:start], _encode(tag), _encode(size), *replacement]
                kept_from = position
        elif wire_type == _VARINT:
            _, position = _varint(message, position)
        elif wire_type in (_FIXED32, _FIXED64):
            position += 4 if wire_type == _FIXED32 else 8
        else:
            raise Irregular
    if position != end:
        raise Irregular
    pieces.append(message[kept_from:])
    return pieces


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A base-128 integer and the position behind it."""
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise Irregular


def _encode(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
