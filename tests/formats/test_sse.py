"""Events are read and cut from bytes that end anywhere, within a bound."""

from __future__ import annotations

import pytest
from toolgate_core.limits import MAX_EVENT_BYTES
from toolgate_formats.sse import EventBlocks, SseReader, SseTooLongError


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_end_in_lf_crlf_or_cr_in_any_split(size: int) -> None:
    stream = b"\xef\xbb\xbfdata: a\r\n\r\n: note\r\ndata:b\rdata: c\r\rid: 1\ndata: d\n\ndata: e"
    reader = SseReader()
    found = [data for at in range(0, len(stream), size) for data in reader.feed(stream[at : at + size])]
    assert (found, reader.finish()) == ([b"a", b"b\nc", b"d"], [b"e"])


@pytest.mark.parametrize(
    ("first", "last"),
    [(b"", b"data: 123456789"), (b"data: 1", b"23456789"), (b"", b"data: 1234\ndata: 5678901\n")],
)
def test_an_event_beyond_the_bound_is_refused(first: bytes, last: bytes) -> None:
    reader = SseReader(max_bytes=10)
    assert reader.feed(first) == []
    with pytest.raises(SseTooLongError, match="an event is longer than 10 bytes"):
        reader.feed(last)


def test_a_block_beyond_the_bound_is_refused() -> None:
    blocks = EventBlocks()
    assert blocks.feed(b"x" * MAX_EVENT_BYTES) == b""
    with pytest.raises(SseTooLongError, match=f"an event is longer than {MAX_EVENT_BYTES} bytes"):
        blocks.feed(b"x")
