"""What every API format promises, whatever its wire: one suite over the table."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from toolgate_core.ladder import Answer
from toolgate_core.types.errors import RequestError
from toolgate_core.types.events import (
    AnswerEvent,
    ArgumentsDelta,
    CallEnd,
    CallStart,
    Drop,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import Strategy
from toolgate_formats.api.base import ApiFormat, FormatOptions, Identity, ResponseWriter
from toolgate_formats.api.table import API_FORMATS
from toolgate_formats.sse import SseReader

from tests.formats.api.blocks import Blocks
from tests.formats.api.reading import READERS, Said

ME = Identity("fresh", 7, 'a "model"')
METADATA: dict[str, Any] = {"priority": 1, "strategy": "native"}
TRIED: tuple[ApiFormat, ...] = (*API_FORMATS.values(), Blocks())
"""The table, and a format as unlike OpenAI's as the next ones will be: the seam has to fit both."""
FORMATS = pytest.mark.parametrize("api", TRIED, ids=lambda api: api.name)


def request(**fields: Any) -> ChatRequest:
    return ChatRequest(messages=(), model=ME.model, **fields)


def writer(api: ApiFormat, **fields: Any) -> ResponseWriter:
    return api.writer(request(**fields), ME, FormatOptions())


def answer(finish: Any = "stop", **fields: Any) -> Answer:
    return Answer(finish_reason=finish, strategy=Strategy.NATIVE, **fields)


def read(api: ApiFormat) -> Callable[[bytes], Said]:
    return READERS[api.name]


# Neighbours of a kind may be joined and empty ones left out, so the parts are not empty and the kinds alternate freely.
texts = st.text(min_size=1, max_size=20)
said = st.lists(
    st.one_of(
        st.builds(TextDelta, texts),
        st.builds(ReasoningDelta, texts),
        st.builds(RefusalDelta, texts),
        st.builds(lambda name, parts: (name, parts), texts, st.lists(texts, min_size=1, max_size=3)),
    ),
    max_size=8,
)


def events_of(parts: list[Any]) -> list[AnswerEvent]:
    events: list[AnswerEvent] = []
    calls = 0
    for part in parts:
        if isinstance(part, tuple):
            name, arguments = part
            events += [CallStart(calls, name, f"call_{calls}"), *(ArgumentsDelta(calls, text) for text in arguments)]
            events += [CallEnd(calls), Drop("markup", "<x>")]
            calls += 1
        else:
            events.append(part)
    return events


@FORMATS
@given(parts=said, cuts=st.sets(st.integers(0, 20)))
def test_a_stream_says_what_the_whole_answer_says(api: ApiFormat, parts: list[Any], cuts: set[int]) -> None:
    events = events_of(parts)
    finish = "tool_calls" if any(isinstance(event, CallStart) for event in events) else "stop"
    done = answer(finish, usage=Usage(5, 2))
    stream = writer(api, stream=True, include_usage=True)
    borders = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    data = b"".join(stream.events(0, tuple(events[a:b])) for a, b in itertools.pairwise(borders))
    data += stream.end(0, [done], METADATA)
    whole = writer(api).whole([events], [done], METADATA)
    assert read(api)(data) == read(api)(whole)


@FORMATS
def test_an_empty_answer_is_one_too(api: ApiFormat) -> None:
    stream = writer(api, stream=True).end(0, [answer()], METADATA)
    found = read(api)(stream)
    assert (found.text, found.calls, found.finish, found.metadata) == ("", [], "stop", METADATA)


@FORMATS
def test_every_method_of_a_stream_returns_whole_events(api: ApiFormat) -> None:
    stream = writer(api, stream=True)
    failed = Failure(kind=FailureKind.CUT, message="It was cut.")
    events: tuple[AnswerEvent, ...] = (TextDelta("a\n\nb"), CallStart(0, "f", "c"), ArgumentsDelta(0, "{}"), CallEnd(0))
    for data in (stream.events(0, events), stream.end(0, [answer()], METADATA), stream.failure(failed, METADATA)):
        assert data.endswith(b"\n\n")
        assert SseReader().feed(data)


@FORMATS
def test_events_that_are_not_for_the_client_write_nothing(api: ApiFormat) -> None:
    assert writer(api, stream=True).events(0, (Drop("markup", "<x>"), CallEnd(0))) == b""
    assert writer(api, stream=True).events(0, ()) == b""


class LaterEvent(Struct, frozen=True):
    """An event that a later version of the core may emit."""

    text: str = "later"


@FORMATS
def test_an_unknown_event_is_skipped_and_separates_its_neighbours(api: ApiFormat) -> None:
    later: Any = LaterEvent()
    stream = writer(api, stream=True)
    assert writer(api, stream=True).events(0, (later,)) == b""
    data = stream.events(0, (TextDelta("Hel"), later, TextDelta("lo"))) + stream.end(0, [answer()], METADATA)
    whole = writer(api).whole([[TextDelta("Hel"), later, TextDelta("lo")]], [answer()], METADATA)
    assert read(api)(data).text == read(api)(whole).text == "Hello"


@FORMATS
def test_fields_of_the_upstream_reach_the_client_in_both_forms(api: ApiFormat) -> None:
    start = CallStart(0, "f", "call_0", {"mood": "calm", "function": {"note": "n"}})
    events: list[AnswerEvent] = [MessageFields({"audio": {"id": "a"}}), start, ArgumentsDelta(0, "{}"), CallEnd(0)]
    done = answer("tool_calls", choice_fields={"stop_token": 7}, answer_fields={"served_by": "b"})
    stream = writer(api, stream=True)
    data = stream.events(0, events) + stream.end(0, [done], METADATA)
    whole = writer(api).whole([events], [done], METADATA)
    for text in (data, whole):
        assert [word for word in (b"mood", b"note", b"audio", b"stop_token", b"served_by") if word not in text] == []
    assert read(api)(data) == read(api)(whole)


@FORMATS
@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_has_a_response_and_an_event(api: ApiFormat, kind: FailureKind) -> None:
    failure = Failure(kind=kind, message='It "failed".\n', param="p", should_retry=False)
    response = api.error(failure)
    assert 400 <= response.status < 600
    assert (b"x-should-retry", b"false") in response.headers
    body = json.loads(response.body)
    stream = writer(api, stream=True)
    begun = stream.events(0, (TextDelta("Hel"),))
    (data,) = SseReader().feed(stream.failure(failure, METADATA))
    (forwarded,) = SseReader().feed(api.error_event(failure))
    assert json.loads(forwarded) == body
    inside = json.loads(data)
    assert inside.pop("toolgate") == METADATA
    assert inside == body
    assert read(api)(begun).text == "Hel"


@FORMATS
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"{}", b'{"model":1}', b'{"model":""}', b"\xff"])
def test_a_body_that_is_not_a_request_is_one_error(api: ApiFormat, body: bytes) -> None:
    with pytest.raises(RequestError) as parsed:
        api.parse(body)
    assert parsed.value.failure.kind is FailureKind.INVALID
    if not re.fullmatch(rb'\{"model":""\}', body):
        with pytest.raises(RequestError):
            api.head(body)


@FORMATS
def test_a_forwarded_stream_goes_on_up_to_its_error(api: ApiFormat) -> None:
    stream = writer(api, stream=True)
    text = stream.events(0, (TextDelta("Hel"),))
    watch = api.watch()
    assert (watch.feed(text), watch.error) == (text, None)
    error = api.error_event(Failure(kind=FailureKind.ERROR, message="No."))
    assert watch.feed(text + error) == text
    assert watch.error is not None


def test_a_row_has_the_name_and_the_path_of_its_format() -> None:
    assert {name: api.name for name, api in API_FORMATS.items()} == {name: name for name in API_FORMATS}
    paths = [api.path for api in API_FORMATS.values()]
    assert all(path.startswith("/v1/") for path in paths)
    assert len(set(paths)) == len(paths)
    assert set(READERS) == {api.name for api in TRIED}
