"""Many chunks in one read come out as they would one by one."""

from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, encode
from toolgate_formats.codecs.openai_chat.joiner import ChunkJoiner
from toolgate_formats.codecs.openai_chat.lenient import decode_answer
from toolgate_formats.codecs.openai_chat.wire import decode_burst
from toolgate_formats.sse import SseReader

LINES = st.sampled_from(
    [b"data: a", b"data: {}", b"data:x", b"data: ", b"", b"", b": comment", b"event: e", b"data: tail", b"id"]
)


@given(st.lists(LINES, max_size=14), st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(0, 150), max_size=6))
def test_the_events_of_a_stream_do_not_depend_on_its_reads(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    stream = end.join(lines)
    bytewise = SseReader()
    expected = [event for at in range(len(stream)) for event in bytewise.feed(stream[at : at + 1])]
    reader, events, start = SseReader(), [], 0
    for stop in (*sorted(cuts), len(stream)):
        events += reader.feed(stream[start:stop])
        start = max(start, stop)
    assert events + reader.finish() == expected + bytewise.finish()


DELTAS = st.sampled_from(
    [
        {"content": "a"},
        {"content": ""},
        {"role": "assistant", "content": None},
        {"content": [{"type": "text", "text": "b"}]},
        {"content": "c", "reasoning": "d"},
        {"refusal": "e"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": []},
    ]
)
CHUNKS = st.one_of(
    DELTAS.map(lambda delta: {"choices": [{"index": 0, "delta": delta}]}),
    st.sampled_from(
        [
            {"choices": [{"index": 1, "delta": {"content": "other"}}]},
            {"choices": [{"index": 0, "delta": {"content": "x"}}, {"index": 1, "delta": {"content": "y"}}]},
            {"choices": [{"index": 0, "delta": {"content": "l"}, "logprobs": {"content": [{"token": "l"}]}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
            {"choices": [{"index": 0, "delta": {"content": "s"}}], "service_tier": "default"},
            {"choices": [{"index": 0, "delta": {"content": "f"}}], "system_fingerprint": "fp", "service_tier": "flex"},
            {"choices": [{"index": 0, "delta": {"content": "i"}, "token_ids": [1]}]},
            {"choices": [{"index": 0, "delta": {"content": "u", "odd": ["x"]}}], "odder": 1},
            {"choices": [{"index": 0, "delta": {"content": "z"}, "finish_reason": "stop"}]},
            {"choices": [{"index": 0, "delta": {"content": "n"}, "finish_reason": "none"}]},
            {"choices": [{"index": 0, "message": {"content": "whole"}}]},
        ]
    ),
)


@given(st.lists(CHUNKS, min_size=1, max_size=12))
def test_a_burst_is_joined_to_what_its_chunks_are(chunks: list[JsonObject]) -> None:
    texts = [encode(chunk) for chunk in chunks]
    one_by_one, at_once = ChunkJoiner(), ChunkJoiner()
    for text in texts:
        answer = decode_answer(text)
        assert answer is not None
        one_by_one.add(answer)
    burst = decode_burst(texts)
    done = at_once.add_text_burst(burst)
    for text in texts[done:]:
        answer = decode_answer(text)
        assert answer is not None
        at_once.add(answer)
    assert at_once.has_content == one_by_one.has_content
    assert at_once.started == one_by_one.started
    assert at_once.take(final=True) == one_by_one.take(final=True)


def test_a_burst_with_a_chunk_that_is_none_is_read_one_by_one() -> None:
    assert decode_burst([b'{"choices":[]}', b"[DONE]"]) == []
    assert decode_burst([b'{"choices":[]},{"choices":[]}', b"{}"]) == []
