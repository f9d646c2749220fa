"""What a forwarded answer says: errors in it, whole or as an event of a stream."""

from __future__ import annotations

import re

import msgspec
from toolgate_core.jsontext import DECODE_ERRORS
from toolgate_core.limits import MAX_EVENT_BYTES
from toolgate_core.types.failures import Failure, FailureKind

from toolgate_gateway.http.errors import upstream_broke
from toolgate_gateway.upstreams.base import ForwardedAnswer

_END_OF_EVENT = re.compile(rb"\r?\n\r?\n")
_DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
_UNCLEAR = Failure(kind=FailureKind.ERROR, message="The upstream failed inside its answer.", origin="500")


class _Fields(msgspec.Struct, frozen=True):
    """The fields by which an error is known, in the forms of OpenAI, Anthropic and old vLLM."""

    error: msgspec.Raw = msgspec.Raw()
    object: msgspec.Raw = msgspec.Raw()
    type: msgspec.Raw = msgspec.Raw()


_fields = msgspec.json.Decoder(_Fields)
_NOTHING = (b"", b"null", b"{}", b'""', b"false")
_ERROR = b'"error"'


def is_error(data: bytes) -> bool:
    """Whether a JSON object is an error; one of the Responses API has a field `error` that is null."""
    if _ERROR not in data:
        return False
    try:
        found = _fields.decode(data)
    except DECODE_ERRORS:
        return False
    return bytes(found.error) not in _NOTHING or _ERROR in (bytes(found.object), bytes(found.type))


def failure_in(answer: ForwardedAnswer, error: bytes) -> Failure:
    """Return the failure that an error object tells of, cleaned of what is not the client's business."""
    failure = answer.failure(error)
    if failure is None:
        answer.end(_UNCLEAR.origin)
        return _UNCLEAR
    return failure


class WholeEvents:
    """A stream's events, as far as they are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()  # grown in place: an event of megabytes comes in thousands of reads

    @property
    def rest(self) -> bytes:
        """Return the beginning of an event that is not whole."""
        return bytes(self._rest)

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return the events that `data` completes, and the error that follows them, if one does."""
        seen = max(len(self._rest) - 3, 0)
        self._rest += data
        end = max(self._rest.rfind(b"\n\n", seen) + 2, self._rest.rfind(b"\n\r\n", seen) + 3)
        if end < 3:
            if len(self._rest) > MAX_EVENT_BYTES:
                raise upstream_broke("The upstream sent an event that is too long.")
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
