"""JSON text to values and back, exactly.

What a client or a model writes as JSON passes through here. Integers of any size and the order of keys survive; orjson
turns integers beyond 64 bits into floats, so it is not used for arguments. Every way in which a text can be invalid,
nesting that exhausts the stack included, is one error: `JsonTextError`.
"""

from __future__ import annotations

from typing import Final, TypeAlias, cast

import msgspec
from msgspec import Struct

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError)
"""What a decoder of msgspec raises for text that someone else wrote: no JSON, no UTF-8, too deep, too many digits."""

_decoder = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


class JsonTextError(ValueError):
    """The text is not JSON (RFC 8259), not UTF-8, nested too deeply, or holds a number that is too long."""


def decode(text: str | bytes) -> JsonValue:
    """Return the value of `text`, UTF-8 where it is bytes; raise `JsonTextError` for anything but one JSON value."""
    try:
        return cast("JsonValue", _decoder.decode(text))
    except DECODE_ERRORS as error:
        raise JsonTextError(str(error) or type(error).__name__) from error


def decode_fields(text: bytes) -> dict[str, bytes]:
    """Return the JSON text of each member of the object in `text`; raise `JsonTextError` for anything else.

    The texts are not decoded: whether their strings are valid UTF-8 shows only when they are.
    """
    try:
        return {key: bytes(raw) for key, raw in _fields.decode(text).items()}
    except DECODE_ERRORS as error:
        raise JsonTextError(str(error) or type(error).__name__) from error


def encode(value: JsonValue | Struct) -> bytes:
    """Return compact UTF-8 JSON, keys in their order; raise `JsonTextError` for what JSON has no form for."""
    try:
        return _encoder.encode(value)
    except (msgspec.EncodeError, UnicodeError, RecursionError, ValueError, OverflowError) as error:
        raise JsonTextError(str(error) or type(error).__name__) from error


def encode_str(value: JsonValue | Struct) -> str:
    """Return the same as `encode`, as text."""
    return encode(value).decode()
