"""Events become messages and chunks in the form that every client reads."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.ladder import Answer
from toolgate_core.types.events import ArgumentsDelta, CallEnd, CallStart, Drop, Event, ReasoningDelta, TextDelta
from toolgate_core.types.requests import ChatRequest, ToolChoice, Usage
from toolgate_core.types.vocabulary import Strategy
from toolgate_formats.api.base import FormatOptions, Identity
from toolgate_formats.api.openai_chat.message import finish_reason, logprobs_json, message
from toolgate_formats.api.openai_chat.writer import ChatWriter

from tests.gateway.running import parse_events

ME = Identity("1", 7, 'a "model"')


def chunks(*, include_usage: bool = False, legacy: bool = False) -> ChatWriter:
    request = ChatRequest(messages=(), model=ME.model, include_usage=include_usage, legacy_functions=legacy)
    return ChatWriter(request, ME, FormatOptions())


def deltas(data: bytes) -> list[Any]:
    return [event["choices"][0]["delta"] for event in parse_events(data.decode())]


def test_neighbours_of_one_kind_share_a_chunk() -> None:
    events = (ReasoningDelta("a"), ReasoningDelta("b"), TextDelta("c"), TextDelta('"\n\u2028'), ReasoningDelta("d"))
    assert deltas(chunks().events(0, events)) == [
        {"role": "assistant", "content": None},
        {"reasoning": "ab", "reasoning_content": "ab"},
        {"content": 'c"\n\u2028'},
        {"reasoning": "d", "reasoning_content": "d"},
    ]


def test_arguments_of_two_calls_are_never_joined() -> None:
    events = (
        CallStart(0, "f", "call_0"),
        ArgumentsDelta(0, '{"a":'),
        ArgumentsDelta(0, "1}"),
        CallEnd(0),
        CallStart(1, "g", "call_1"),
        ArgumentsDelta(1, "{}"),
        CallEnd(1),
    )
    found = [delta["tool_calls"][0] for delta in deltas(chunks().events(0, events))[1:]]
    assert found == [
        {"index": 0, "id": "call_0", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a":1}'}},
        {"index": 1, "id": "call_1", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]


def test_a_call_in_the_older_form_has_no_id() -> None:
    events = (CallStart(0, "f", "call_0"), ArgumentsDelta(0, '{"a":'), ArgumentsDelta(0, "1}"), CallEnd(0))
    found = deltas(chunks(legacy=True).events(0, events))[1:]
    assert found == [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": '{"a":1}'}}]
    assert message(events, legacy=True) == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "function_call": {"name": "f", "arguments": '{"a":1}'},
    }


def test_unknown_fields_of_a_call_and_its_function_travel() -> None:
    events = (CallStart(0, "f", "c", {"x": 1, "function": {"y": 2}}), ArgumentsDelta(0, "{}"), CallEnd(0))
    call = {"id": "c", "type": "function", "x": 1}
    assert deltas(chunks().events(0, events))[1:] == [
        {"tool_calls": [{"index": 0, **call, "function": {"name": "f", "arguments": "", "y": 2}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
    ]
    assert message(events, legacy=False)["tool_calls"] == [
        {**call, "function": {"name": "f", "arguments": "{}", "y": 2}}
    ]


def test_unknown_fields_of_a_call_alone_stay_out_of_its_function() -> None:
    events = (CallStart(0, "f", "c", {"x": 1}), CallEnd(0))
    call = {"id": "c", "type": "function", "x": 1, "function": {"name": "f", "arguments": ""}}
    assert deltas(chunks().events(0, events))[1:] == [{"tool_calls": [{"index": 0, **call}]}]
    assert message(events, legacy=False)["tool_calls"] == [call]


def test_a_choice_finishes_before_the_answer_ends() -> None:
    answer = Answer(finish_reason="length", strategy=Strategy.NATIVE, logprobs=({"token": "a"},))
    *_, last = parse_events(chunks().finish(1, answer).decode())
    assert last["choices"] == [
        {
            "index": 1,
            "delta": {},
            "logprobs": {"content": [{"token": "a"}], "refusal": None},
            "finish_reason": "length",
        }
    ]


def test_what_is_not_for_the_client_makes_no_chunk() -> None:
    assert chunks().events(0, (Drop("markup", "<x>"), CallEnd(0))) == b""


def test_choice_0_opens_before_any_other() -> None:
    writer = chunks()
    first = parse_events(writer.events(1, (TextDelta("x"),)).decode())
    assert [event["choices"][0]["index"] for event in first] == [0, 1, 1]
    assert deltas(writer.events(0, (TextDelta("y"),))) == [{"content": "y"}]


def test_an_empty_answer_still_opens_and_finishes() -> None:
    answer = Answer(finish_reason="stop", strategy=Strategy.NATIVE)
    data = chunks().end(0, [answer], {"priority": 1})
    assert data.endswith(b"data: [DONE]\n\n")
    assert parse_events(data.decode())[:-1] == [
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": ME.model,
            "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
            ],
        },
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": ME.model,
            "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
            "toolgate": {"priority": 1},
        },
    ]


def test_usage_that_the_upstream_did_not_tell_is_null() -> None:
    answer = Answer(finish_reason="stop", strategy=Strategy.NATIVE)
    *_, event, _ = parse_events(chunks(include_usage=True).end(0, [answer], {}).decode())
    assert (event["choices"], event["usage"]) == ([], None)


@pytest.mark.parametrize(
    ("finish", "mode", "legacy", "expected"),
    [
        ("tool_calls", "auto", False, "tool_calls"),
        ("tool_calls", "required", False, "tool_calls"),
        ("stop", "named", False, "stop"),
        ("tool_calls", "named", False, "stop"),
        ("tool_calls", "auto", True, "function_call"),
        ("stop", "named", True, "stop"),
        ("length", "named", False, "length"),
        ("length", "auto", True, "length"),
        ("content_filter", "auto", False, "content_filter"),
    ],
)
def test_the_finish_reason_is_openais(finish: Any, mode: Any, legacy: bool, expected: str) -> None:
    request = ChatRequest(model="m", messages=(), tool_choice=ToolChoice(mode), legacy_functions=legacy)
    assert finish_reason(Answer(finish_reason=finish, strategy=Strategy.NATIVE), request) == expected


def test_logprobs_are_the_upstreams_entries() -> None:
    answer = Answer(finish_reason="stop", strategy=Strategy.NATIVE, usage=Usage(), logprobs=({"token": "a"},))
    assert logprobs_json(answer) == {"content": [{"token": "a"}], "refusal": None}


texts = st.text(min_size=1)


@given(
    st.lists(
        st.one_of(
            st.builds(lambda text: (TextDelta(text),), texts),
            st.builds(lambda text: (ReasoningDelta(text),), texts),
            st.builds(lambda name, part: (name, part), texts, texts),
        ),
        max_size=8,
    )
)
def test_a_stream_says_what_the_whole_message_says(parts: list[tuple[Any, ...]]) -> None:
    events: list[Event] = []
    calls = 0
    for part in parts:
        if isinstance(part[0], str):
            events += [CallStart(calls, part[0], f"call_{calls}"), ArgumentsDelta(calls, part[1]), CallEnd(calls)]
            calls += 1
        else:
            events += part
    whole: Any = message(events, legacy=False)
    found = [json.loads(line[6:])["choices"][0]["delta"] for line in _lines(chunks().events(0, tuple(events)))]
    assert "".join(delta.get("content") or "" for delta in found) == (whole["content"] or "")
    assert "".join(delta.get("reasoning") or "" for delta in found) == whole.get("reasoning", "")
    streamed: list[dict[str, Any]] = []
    for delta in found:
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                streamed.append({"id": call["id"], "type": "function", "function": dict(call["function"])})
            else:
                streamed[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    assert streamed == whole.get("tool_calls", [])


def _lines(data: bytes) -> list[str]:
    return [line for line in data.decode().split("\n\n") if line]
