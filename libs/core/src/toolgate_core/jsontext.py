"""JSON text to values and back, exactly.

Everything that a client or a model writes as JSON passes through here: integers of any size and the order
of keys survive (orjson turns integers beyond 64 bit into floats, so it is not used for arguments), and every
way in which a text can be bad, nesting that exhausts the stack included, is one error: `JsonTextError`.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import msgspec
from msgspec import Struct

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

_decoder = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


class JsonTextError(ValueError):
    """The text is not JSON (RFC 8259), not UTF-8, nested too deeply, or holds a number that is too long."""


def decode(text: str | bytes) -> JsonValue:
    """Return the value of `text`; raise `JsonTextError` for anything that is not one JSON value."""
    try:
        return cast("JsonValue", _decoder.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise JsonTextError(str(error) or type(error).__name__) from error


def decode_fields(text: bytes) -> dict[str, bytes]:
    """Return the JSON text of each member of the object that `text` holds; raise `JsonTextError` for all else.

    A text may prove bad only when it is decoded itself.
    """
    try:
        return {key: bytes(raw) for key, raw in _fields.decode(text).items()}
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise JsonTextError(str(error) or type(error).__name__) from error


def encode(value: JsonValue | Struct) -> bytes:
    """Return compact UTF-8 JSON, keys in their order; raise `JsonTextError` where it can't be written."""
    try:
        return _encoder.encode(value)
    except (msgspec.EncodeError, UnicodeError, RecursionError, ValueError, OverflowError) as error:
        raise JsonTextError(str(error) or type(error).__name__) from error


def encode_str(value: JsonValue | Struct) -> str:
    """Return the same as `encode`, as text."""
    return encode(value).decode()
