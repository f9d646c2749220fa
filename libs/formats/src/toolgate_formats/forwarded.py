"""Finds errors in answers that are forwarded as bytes, of any API that reports them as OpenAI, Anthropic or vLLM do.

An event is forwarded when it is whole, because an error must be replaced before any of it has been sent. The search
for the end of an event begins where the last read ended, so that the cost is linear in the size of the stream.
"""

from __future__ import annotations

import re

import msgspec
from toolgate_core.jsontext import DECODE_ERRORS
from toolgate_core.limits import MAX_EVENT_BYTES

from toolgate_formats.sse import SseTooLongError

_END_OF_EVENT = re.compile(rb"\r?\n\r?\n")
_DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)


class _Fields(msgspec.Struct, frozen=True):
    """The fields that mark an error: `error` (OpenAI), `type` (Anthropic), `object` (old vLLM)."""

    error: msgspec.Raw = msgspec.Raw()
    object: msgspec.Raw = msgspec.Raw()
    type: msgspec.Raw = msgspec.Raw()


_fields = msgspec.json.Decoder(_Fields)
_NOTHING = (b"", b"null", b"{}", b'""', b"false")
_ERROR = b'"error"'


def is_error(data: bytes) -> bool:
    """Return whether a JSON object is an error. Objects of the Responses API have a field `error` that is null."""
    if _ERROR not in data:
        return False
    try:
        found = _fields.decode(data)
    except DECODE_ERRORS:
        return False
    return bytes(found.error) not in _NOTHING or _ERROR in (bytes(found.object), bytes(found.type))


class WholeEvents:
    """Cuts a forwarded stream into whole events, and stops at the first one that is an error."""

    def __init__(self) -> None:
        self._rest = bytearray()  # grown in place: an event of megabytes comes in thousands of reads

    @property
    def rest(self) -> bytes:
        """The beginning of an event whose end has not come."""
        return bytes(self._rest)

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return the events that `data` completes, and the error behind them (JSON); raise `SseTooLongError`."""
        seen = max(len(self._rest) - 3, 0)
        self._rest += data
        end = max(self._rest.rfind(b"\n\n", seen) + 2, self._rest.rfind(b"\n\r\n", seen) + 3)
        if end < 3:
            if len(self._rest) > MAX_EVENT_BYTES:
                raise SseTooLongError(f"an event is longer than {MAX_EVENT_BYTES} bytes")
            return b"", None
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        if _ERROR not in whole and b"event: error" not in whole:
            return whole, None
        return self._until_error(whole)

    def _until_error(self, whole: bytes) -> tuple[bytes, bytes | None]:
        begin = 0
        for end in _END_OF_EVENT.finditer(whole):
            payload = b"\n".join(_DATA.findall(whole[begin : end.start()].replace(b"\r\n", b"\n")))
            if is_error(payload):
                self._rest.clear()
                return whole[:begin], payload
            begin = end.end()
        return whole, None
