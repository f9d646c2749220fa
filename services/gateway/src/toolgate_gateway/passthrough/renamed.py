"""Replaces the model's name in a JSON body; every other value stays as the client wrote it."""

from __future__ import annotations

import itertools
import re

import msgspec
from toolgate_core.types.errors import RequestError

_SMALL_BYTES = 256 * 1024
_MAX_PLACES = 3
"""Members `model` of a large body that are tried; a body with nested ones is rare."""
_MEMBER = re.compile(rb'"model"[ \t\r\n]{0,64}:[ \t\r\n]{0,64}("(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu]){0,4096}")')


class _Named(msgspec.Struct, frozen=True):
    model: str


_named = msgspec.json.Decoder(_Named)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def with_model(body: bytes, model: str) -> bytes:
    """Return the body with its top-level `model` replaced by the name `model`.

    A large body may have a million members. Decoding all of them would block the event loop, so the name is replaced
    in place. Raises `RequestError` if it is not found.
    """
    if len(body) <= _SMALL_BYTES:
        return msgspec.json.encode({**_fields.decode(body), "model": model})
    old = _named.decode(body).model
    for found in itertools.islice(_MEMBER.finditer(body), _MAX_PLACES):
        begin, end = found.span(1)
        if msgspec.json.decode(body[begin:end]) != old:
            continue
        changed = body[:begin] + msgspec.json.encode(model) + body[end:]
        # A nested member `model` does not change the decoded top-level name.
        if _named.decode(changed).model == model:
            return changed
    raise RequestError("The model's name was not found; put 'model' first.", param="model", code="invalid_value")
