"""Whole bodies of forwarded answers."""

from __future__ import annotations

from toolgate_core.limits import MAX_ANSWER_BYTES
from toolgate_core.types.errors import FailureError

from toolgate_gateway.http.errors import upstream_broke
from toolgate_gateway.upstreams.base import ForwardedAnswer, received


async def read_whole(answer: ForwardedAnswer) -> bytes:
    """Return the whole body of an answer.

    Raises:
        FailureError: the body has more than `MAX_ANSWER_BYTES`.
        UpstreamCutError: the answer ended before its end.
    """
    parts: list[bytes] = []
    size = 0
    while part := received(await answer.read()):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise upstream_broke(f"The upstream's answer has more than {MAX_ANSWER_BYTES} bytes.")
        if answer.at_end:
            break  # one more read would bring nothing, and costs as much as the first one
    return parts[0] if len(parts) == 1 else b"".join(parts)


def not_a_stream() -> FailureError:
    """Return the error of an upstream that sends a whole answer after keep-alive comments have begun the stream."""
    return upstream_broke("The upstream did not answer with the stream that it was asked for.")
