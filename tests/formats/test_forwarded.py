"""Errors are found in forwarded bytes, however the bytes arrive."""

from __future__ import annotations

import pytest
from toolgate_formats import forwarded
from toolgate_formats.forwarded import WholeEvents, is_error
from toolgate_formats.sse import SseTooLongError

TEXT = b'data: {"text":"an \\"error\\" in words"}\n\n'
ERROR = b'{"error":{"message":"No."}}'


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (ERROR, True),
        (b'{"type":"error","error":{"type":"api_error"}}', True),
        (b'{"object":"error","message":"No."}', True),
        (b'{"error":null,"id":"r"}', False),
        (b'{"text":"\\"error\\""}', False),
        (b'{"error":', False),
        (b"[]", False),
    ],
)
def test_an_object_is_an_error_by_its_fields(data: bytes, error: bool) -> None:
    assert is_error(data) is error


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_go_on_up_to_the_error_in_any_split(end: bytes, size: int) -> None:
    good = TEXT.replace(b"\n\n", end)
    stream = good * 3 + b"event: error" + end[: len(end) // 2] + b"data: " + ERROR + end + good
    events, out, error = WholeEvents(), b"", None
    for begin in range(0, len(stream), size):
        whole, error = events.feed(stream[begin : begin + size])
        out += whole
        if error is not None:
            break
    assert (out, error, events.rest) == (good * 3, ERROR, b"")


def test_an_error_that_an_event_only_names_ends_nothing() -> None:
    data = b'data: {"error":null}\n\n' + TEXT
    assert WholeEvents().feed(data) == (data, None)


def test_the_rest_of_a_stream_is_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarded, "MAX_EVENT_BYTES", 100)
    events = WholeEvents()
    assert events.feed(TEXT + b"data: {") == (TEXT, None)
    assert events.rest == b"data: {"
    with pytest.raises(SseTooLongError):
        events.feed(b"x" * 100)
