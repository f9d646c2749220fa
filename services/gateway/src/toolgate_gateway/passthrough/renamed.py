"""A body with another model's name, every other value untouched."""

from __future__ import annotations

import itertools
import re

import msgspec
from toolgate_core.types.errors import RequestError

_SMALL_BYTES = 256 * 1024
_MAX_PLACES = 3
"""Members `model` of a large body that are tried; more than the one at the top are rare."""
_MEMBER = re.compile(rb'"model"[ \t\r\n]{0,64}:[ \t\r\n]{0,64}("(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu]){0,4096}")')


class _Named(msgspec.Struct, frozen=True):
    model: str


_named = msgspec.json.Decoder(_Named)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def with_model(body: bytes, model: str) -> bytes:
    """Return the body, which names a model, with the name `model` instead.

    A large body may have a million members: taking it apart would hold everybody up, so its name is replaced where it
    stands. Raises `RequestError` where that can't be found.
    """
    if len(body) <= _SMALL_BYTES:
        return msgspec.json.encode({**_fields.decode(body), "model": model})
    old = _named.decode(body).model
    for found in itertools.islice(_MEMBER.finditer(body), _MAX_PLACES):
        begin, end = found.span(1)
        if msgspec.json.decode(body[begin:end]) != old:
            continue
        changed = body[:begin] + msgspec.json.encode(model) + body[end:]
        # One that stands deeper has changed something else.
        if _named.decode(changed).model == model:
            return changed
    raise RequestError("The model's name can't be found: put 'model' first.", param="model", code="invalid_value")
