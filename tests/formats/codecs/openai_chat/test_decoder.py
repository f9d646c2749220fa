"""Answers that are too long, end oddly or have odd shapes are read as what they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toolgate_core.jsontext import JsonObject
from toolgate_core.limits import MAX_ANSWER_CHARS, MAX_CALLS, MAX_EVENT_BYTES, MAX_FIELDS_BYTES
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import Usage
from toolgate_formats.codecs.base import upstream_failure
from toolgate_formats.codecs.openai_chat.decoder import StreamDecoder, WholeDecoder
from toolgate_formats.codecs.openai_chat.failures import FailureTable
from toolgate_formats.redaction import Redactor

from tests.support.upstream import chunk, completion, event

TABLE = FailureTable(Redactor(()))
USAGE: JsonObject = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
CUT = upstream_failure(FailureKind.CUT, "The connection broke.")


def error(message: str) -> Failure:
    return upstream_failure(FailureKind.ERROR, message)


def streamed(*events: bytes) -> list[ResponseChunk | Failure]:
    """What one read of these events, and the end, are."""
    decoder = StreamDecoder(TABLE)
    found = list(decoder.feed(b"".join(events)))
    return found if decoder.complete or (found and isinstance(found[-1], Failure)) else [*found, *decoder.close()]


def whole(value: object) -> ResponseChunk | Failure:
    decoder = WholeDecoder(TABLE)
    decoder.feed(json.dumps(value).encode())
    (found,) = decoder.close()
    return found


def calls(count: int) -> list[dict[str, Any]]:
    return [{"index": at, "id": str(at), "function": {"name": "f", "arguments": "{}"}} for at in range(count)]


MANY = f"The upstream's answer has more than {MAX_CALLS} calls."
LONG = f"The upstream's answer has more than {MAX_ANSWER_CHARS} characters."


def test_an_answer_with_too_many_calls_is_a_failure() -> None:
    assert whole(completion({"tool_calls": calls(MAX_CALLS + 1)})) == error(MANY)
    assert streamed(event(chunk({"tool_calls": calls(MAX_CALLS + 1)})))[-1] == error(MANY)
    assert isinstance(whole(completion({"tool_calls": calls(MAX_CALLS)})), ResponseChunk)


def test_an_answer_with_too_much_text_is_a_failure() -> None:
    part = event(chunk({"content": "x" * (MAX_EVENT_BYTES // 2)}))
    decoder = StreamDecoder(TABLE)
    pieces = MAX_ANSWER_CHARS // (MAX_EVENT_BYTES // 2)
    for _ in range(pieces):
        assert isinstance(decoder.feed(part)[-1], ResponseChunk)
    last = event(chunk({"content": "y"}))
    assert decoder.feed(last + last + last) == (ResponseChunk(text="yy"), error(LONG))


def test_an_answer_with_too_many_unknown_fields_is_a_failure() -> None:
    limit = f"The upstream's answer has more than {MAX_FIELDS_BYTES} bytes of fields that are not OpenAI's."
    assert whole(completion({"content": "a", "x": "y" * MAX_FIELDS_BYTES})) == error(limit)


def test_an_event_that_is_too_long_is_a_failure() -> None:
    decoder = StreamDecoder(TABLE)
    assert decoder.feed(b"x" * (MAX_EVENT_BYTES + 1)) == (error("The upstream sent an event that is too long."),)


def test_the_end_of_a_stream_that_had_ended_changes_nothing() -> None:
    decoder = StreamDecoder(TABLE)
    data = event(chunk({"content": "a"})) + event(chunk({}, "stop"))
    assert decoder.feed(data) == (ResponseChunk(text="a"),)
    assert decoder.awaits_usage
    expected = ResponseChunk(finish="stop")
    assert (decoder.feed(event("[DONE]")), decoder.close(), decoder.close(CUT)) == ((expected,),) * 3


def test_the_end_may_come_without_its_blank_line() -> None:
    assert streamed(event(chunk({"content": "a"}, "stop")), b"data: [DONE]") == [
        ResponseChunk(text="a"),
        ResponseChunk(finish="stop"),
    ]


def test_an_event_that_the_end_cut_off_is_a_cut() -> None:
    cut = upstream_failure(FailureKind.CUT, "The upstream ended its answer without a finish reason.")
    text = event(chunk({"content": "a"}))
    assert streamed(text, text[:20]) == [ResponseChunk(text="a"), cut]
    assert streamed(text, b"data: \n\n", text[:20]) == [ResponseChunk(text="a"), cut]


def test_usage_with_every_chunk_of_a_read_counts_once() -> None:
    parts = [event(chunk({"content": text}, usage={**USAGE, "completion_tokens": 1})) for text in "ab"]
    end = event(chunk({}, "stop", usage=USAGE))
    found = streamed(event(chunk({"content": "_"})), *parts, end, event("[DONE]"))
    assert found == [ResponseChunk(text="_ab", finish="stop", usage=Usage(9, 4, reported=USAGE))]


CHUNKS: dict[str, tuple[dict[str, Any], ResponseChunk]] = {
    "a list of parts": (
        chunk({"content": ["Hel", {"type": "text", "text": "lo"}, 7, {"text": 7}]}),
        ResponseChunk(text="Hello"),
    ),
    "thinking among the parts": (
        chunk({"content": [{"thinking": [{"text": "Hm"}, " so"]}, "Hi"]}),
        ResponseChunk(text="Hi", reasoning="Hm so"),
    ),
    "one part in place of a list": (chunk({"content": {"text": "Hi"}}), ResponseChunk(text="Hi")),
    "content of no known form": (chunk({"content": 7, "refusal": "no"}), ResponseChunk(refusal="no")),
    "reasoning without text": (chunk({"content": "Hi", "reasoning": [{"a": 1}]}), ResponseChunk(text="Hi")),
    "one call in place of a list": (
        chunk({"tool_calls": {"index": "0", "id": 5, "name": "f", "arguments": {"a": 1}, "x": 1}}),
        ResponseChunk(calls=(CallDelta(0, "5", "f", '{"a":1}', {"x": 1}),)),
    ),
    "unknown fields of a function": (
        chunk({"tool_calls": [{"index": 0.0, "id": "c", "function": {"name": "f", "arguments": "{}", "x": 1}}, 7]}),
        ResponseChunk(calls=(CallDelta(0, "c", "f", "{}", {"function": {"x": 1}}),)),
    ),
    "empty arguments that are an object": (
        chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": {}}}]}),
        ResponseChunk(calls=(CallDelta(0, "c", "f", "{}"),)),
    ),
    "a call in the older form": (
        chunk({"function_call": {"name": "f", "arguments": "{}"}, "x": 1}),
        ResponseChunk(calls=(CallDelta(0, None, "f", "{}"),), fields={"x": 1}),
    ),
    "logprobs": (
        {"choices": [{"index": True, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a"}, 7]}}]},
        ResponseChunk(text="a", logprobs=({"token": "a"},)),
    ),
    "a choice that was not asked for": (
        {"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "a"}}]},
        ResponseChunk(text="a"),
    ),
}


@pytest.mark.parametrize("case", CHUNKS)
def test_a_chunk_of_any_shape_is_read(case: str) -> None:
    value, expected = CHUNKS[case]
    last = ResponseChunk(finish="tool_calls" if expected.calls else "stop")
    decoder = StreamDecoder(TABLE)
    assert decoder.feed(event(value)) == (expected,)
    assert decoder.feed(event("[DONE]")) == (last,)


def test_fields_of_choices_and_answers_come_at_the_end() -> None:
    value = chunk({"content": "a"}, "stop") | {"system_fingerprint": "p"}
    value["choices"][0]["stop_reason"] = 7
    assert streamed(event(value), event(chunk(usage=USAGE) | {"choices": []})) == [
        ResponseChunk(
            text="a",
            finish="stop",
            usage=Usage(9, 4, reported=USAGE),
            choice_fields={"stop_reason": 7},
            answer_fields={"system_fingerprint": "p"},
        )
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "The upstream failed with HTTP status 500."),
        ([{"error": {"message": "No."}}], "No."),
        (7, "The upstream's answer is not a chat completion."),
        ({"choices": 7}, "The upstream's answer is not a chat completion."),
        ({"choices": [7]}, "The upstream's answer is not a chat completion."),
        ({"choices": [], "x": 1, "usage": 7}, "The upstream's answer has no choices."),
    ],
)
def test_a_body_without_an_answer_is_a_failure(value: object, message: str) -> None:
    found = whole(value)
    assert isinstance(found, Failure)
    assert (found.kind, found.message) == (FailureKind.ERROR, message)
