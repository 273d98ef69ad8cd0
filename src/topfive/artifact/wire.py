"""The protobuf wire format, as far as ONNX needs it: bounds checked, nothing allocated on the word of the file.

A message is a run of fields; a field is a tag (number and wire type) and a value.  Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES = 10  # 64 bits in groups of seven


class WireError(ValueError):
    """The bytes are not a protobuf message."""


class Field(NamedTuple):
    """One field: `number` is an int for VARINT; `payload` the bytes of every other type; `encoded` tag and value."""

    tag: int
    wire: int
    number: int
    payload: memoryview
    encoded: memoryview


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of one message in their order; WireError at the first byte that cannot be."""
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        tag, wire = key >> 3, key & 7
        number = 0
        begin = position
        if wire == VARINT:
            number, position = _varint(message, position)
        elif wire == LENGTH_DELIMITED:
            length, begin = _varint(message, position)
            position = begin + length
        elif wire in _FIXED_BYTES:
            position += _FIXED_BYTES[wire]
        else:
            raise WireError(f"wire type {wire} at byte {start}")
        if tag == 0:
            raise WireError(f"field number 0 at byte {start}")
        if position > len(message):
            raise WireError(f"a field claims {position - begin:,} bytes where {len(message) - begin:,} are left")
        yield Field(tag, wire, number, message[begin:position], message[start:position])


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(message[position : position + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise WireError(f"a number at byte {position} does not end")


def varints(packed: memoryview) -> Iterator[int]:
    """The numbers of a packed repeated field."""
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def signed(value: int) -> int:
    """A varint read as int64, two's complement."""
    return value - (1 << 64) if value >= 1 << 63 else value


def varint(value: int) -> bytes:
    """`value` (not negative) as a varint."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def delimited(tag: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(tag << 3 | LENGTH_DELIMITED) + varint(len(payload)) + payload
