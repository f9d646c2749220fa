"""Streams without tools come out in one form, whatever a server writes and however its bytes are read."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolgate_formats.codecs.openai_chat.event_blocks import ErrorWatch
from toolgate_formats.codecs.openai_chat.normal import BROKE_OFF, LearnedIdentity
from toolgate_formats.codecs.openai_chat.normal_stream import NormalStream, Options
from toolgate_formats.sse import EventBlocks

from tests.support.upstream import chunk, completion, event

ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk({}, "stop")
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
USAGE_CHUNK = chunk(usage=USAGE) | {"choices": []}
END = event("[DONE]")


def compact(value: Any) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def said(text: str, finish: str | None = None, index: int = 0, **extra: Any) -> dict[str, Any]:
    """A chunk of text."""
    choice = {"index": index, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    return chunk() | {"choices": [choice]} | extra


class Read:
    """What a client makes of a stream."""

    def __init__(self, parts: list[bytes], options: Options, model: str = "nick") -> None:
        stream, blocks = NormalStream(LearnedIdentity("ours", 7, model), options), EventBlocks()
        self.stream = stream
        out = []
        for part in parts:
            block = blocks.feed(part)
            if block and not stream.done and stream.fault is None:
                out.append(stream.feed(block))
        if not stream.done and stream.fault is None:
            out.append(stream.end(blocks.rest()))
        self.bytes = b"".join(out)
        texts = [text.removeprefix("data: ") for text in self.bytes.decode().split("\n\n")[:-1]]
        self.done = texts.count("[DONE]")
        self.events: list[dict[str, Any]] = [json.loads(text) for text in texts if text != "[DONE]"]

    def deltas(self, index: int = 0) -> list[dict[str, Any]]:
        return [c["delta"] for e in self.events for c in e["choices"] if c["index"] == index]

    def text(self, index: int = 0) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas(index))

    def finishes(self, index: int = 0) -> list[str]:
        return [
            c["finish_reason"] for e in self.events for c in e["choices"] if c["index"] == index and c["finish_reason"]
        ]

    def check(self) -> None:
        """What holds for every stream that ended well."""
        assert self.stream.fault is None
        assert self.done == 1
        assert self.bytes.endswith(END)
        assert {(e["id"], e["object"], e["created"], e["model"]) for e in self.events} == {
            (self.events[0]["id"], "chat.completion.chunk", self.events[0]["created"], "nick")
        }
        opened = [c["index"] for e in self.events for c in e["choices"] if "role" in c["delta"]]
        assert opened[0] == 0
        assert len(set(opened)) == len(opened)
        for index in opened:
            assert self.deltas(index)[0]["role"] == "assistant"
            assert self.deltas(index)[-1] == {}
            assert len(self.finishes(index)) == 1
        assert not any("tool_calls" in delta for index in opened for delta in self.deltas(index))


def read(*events: bytes, **options: Any) -> Read:
    return Read(list(events), Options(**options))


GOOD: dict[str, tuple[list[bytes], str, str]] = {
    "as it should be": ([event(ROLE), event(said("Hel")), event(said("lo")), event(STOP), END], "Hello", "stop"),
    "compact": ([compact(c) for c in (ROLE, said("Hel"), said("lo"), said("!"), STOP)] + [END], "Hello!", "stop"),
    "no role": ([event(said("Hel")), event(said("lo")), event(STOP), END], "Hello", "stop"),
    "role with every chunk": (
        [event(chunk({"role": "assistant", "content": part})) for part in ("Hel", "lo")] + [event(STOP), END],
        "Hello",
        "stop",
    ),
    "role null": ([event(chunk({"role": None, "content": "Hello"})), event(STOP), END], "Hello", "stop"),
    "no DONE": ([event(said("Hello")), event(STOP)], "Hello", "stop"),
    "no finish": ([event(said("Hello")), END], "Hello", "stop"),
    "no last blank line": ([event(said("Hello")), event(STOP).rstrip()], "Hello", "stop"),
    "finish with the text": ([event(said("Hel")), event(said("lo", "length")), END], "Hello", "length"),
    "finish with the only text": ([event(said("Hello", "stop")), END], "Hello", "stop"),
    "empty": ([event(STOP), END], "", "stop"),
    "empty calls": (
        [event(chunk({"content": "Hello", "tool_calls": []})), event(chunk({"tool_calls": None}, "stop")), END],
        "Hello",
        "stop",
    ),
    "calls that were not declared": (
        [
            event(said("Hello")),
            event(chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]})),
            event(chunk({}, "tool_calls")),
            END,
        ],
        "Hello",
        "stop",
    ),
    "GLM's filter": ([event(said("Hello")), event(chunk({}, "sensitive")), END], "Hello", "content_filter"),
    "eos": ([event(said("Hello")), event(chunk({}, "eos")), END], "Hello", "stop"),
    "capitals": ([event(said("Hello")), event(chunk({}, "MAX_TOKENS")), END], "Hello", "length"),
    "the word null": ([event(said("Hel", "null")), event(said("lo", "None")), event(STOP), END], "Hello", "stop"),
    "a reason with every chunk": ([event(said("Hel", "stop")), event(said("lo", "stop")), END], "Hello", "stop"),
    "a reason that more follows": (
        [event(said("Hel", "stop")), event(said("lo")), event(chunk({}, "length")), END],
        "Hello",
        "length",
    ),
    "choices: []": (
        [event(chunk() | {"choices": [], "prompt_filter_results": []}), event(said("Hello")), event(STOP), END],
        "Hello",
        "stop",
    ),
    "an empty event": ([b"data: \n\n", event(said("Hello")), b"data:\n\n", event(STOP), END], "Hello", "stop"),
    "chunks that all differ": (
        [event(ROLE), *(event(said(text, seq=at)) for at, text in enumerate("Hello!")), event(STOP), END],
        "Hello!",
        "stop",
    ),
    "a whole message": ([event(completion({"content": "Hello"}))], "Hello", "stop"),
    "a whole message at the end": (
        [event(said("Hel")), event(said("lo")), event(completion({"content": "Hello"})), END],
        "Hello",
        "stop",
    ),
    "an index that is no number": ([event(said("Hello", index="x")), event(STOP)], "Hello", "stop"),  # type: ignore[arg-type]
    "no choices that can be read": ([event(chunk() | {"choices": [7]}), event(said("Hello", "stop"))], "Hello", "stop"),
    "DONE without its blank line": ([event(said("Hello")), b"data: [DONE]"], "Hello", "stop"),
    "other choices": (
        [event(said("Hello")), event(said("no", index=1)), event(said("no", index=-1)), event(STOP)],
        "Hello",
        "stop",
    ),
    "no envelope": (
        [event({"choices": [{"delta": {"content": part}}]}) for part in ("Hel", "lo")]
        + [event({"choices": [{"delta": {}, "finish_reason": "stop"}]})],
        "Hello",
        "stop",
    ),
    "another id with every chunk": (
        [event(said(part) | {"id": part, "created": at, "model": "x"}) for at, part in enumerate(("Hel", "lo"))]
        + [event(STOP)],
        "Hello",
        "stop",
    ),
    "content parts": (
        [
            event(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]})),
            event(chunk({"content": [{"type": "text", "text": "Hello"}]})),
            event(STOP),
        ],
        "Hello",
        "stop",
    ),
    "llama.cpp's order": (
        [
            compact({"choices": c["choices"], "created": 1, "id": "i", "model": "m", "object": "chat.completion.chunk"})
            for c in (ROLE, said("Hel"), said("l"), said("o"), STOP)
        ]
        + [END],
        "Hello",
        "stop",
    ),
    "CRLF and comments": (
        [b": hi\r\n\r\n", *(event(c).replace(b"\n", b"\r\n") for c in (ROLE, said("Hel"), said("lo"), STOP)), b":\n\n"],
        "Hello",
        "stop",
    ),
    "several lines of data": (
        [b"data: " + json.dumps(said("Hello"), indent=1).encode().replace(b"\n", b"\ndata: ") + b"\n\n", event(STOP)],
        "Hello",
        "stop",
    ),
    "text that looks like an event": (
        [
            compact(c)
            for c in (
                ROLE,
                said("a"),
                said('data: [DONE]\n\n"error"'),
                said('","finish_reason":"stop'),
                said("\\"),
                said('\\"'),
                said('"'),
                STOP,
            )
        ],
        'adata: [DONE]\n\n"error"","finish_reason":"stop\\\\""',
        "stop",
    ),
    "an empty error with every chunk": (
        [event(said("Hello") | {"error": {}}), event(STOP | {"error": {"code": None, "message": ""}}), END],
        "Hello",
        "stop",
    ),
    "something after DONE": ([event(said("Hello")), event(STOP), END, event(said("no")), END], "Hello", "stop"),
    "logprobs": (
        [
            event(
                {
                    **said(part),
                    "choices": [{"index": 0, "delta": {"content": part}, "logprobs": {"content": [{"token": part}]}}],
                }
            )
            for part in ("Hel", "lo")
        ]
        + [event(STOP), END],
        "Hello",
        "stop",
    ),
}


@pytest.mark.parametrize("usage", ["asked for", "forced", "on every chunk", "none"])
@pytest.mark.parametrize("case", GOOD)
def test_a_stream_comes_out_in_normal_form(case: str, usage: str) -> None:
    events, text, finish = GOOD[case]
    if usage == "on every chunk":
        events = [_with_usage(each) for each in events]
    elif usage != "none":
        at = len(events) - (events[-1] == END)
        if case != "no last blank line" and case != "something after DONE":
            events = [*events[:at], event(USAGE_CHUNK), *events[at:]]
    found = read(*events, include_usage=usage == "asked for")
    found.check()
    assert (found.text(), found.finishes()) == (text, [finish])
    usage_given = [each["usage"] for each in found.events if each.get("usage")]
    assert all(each == USAGE for each in usage_given)
    assert len(usage_given) <= (usage == "asked for")
    if usage_given:
        assert found.events[-1]["choices"] == []


def _with_usage(data: bytes) -> bytes:
    try:
        value = json.loads(data.removeprefix(b"data: "))
    except ValueError:
        return data
    return event({**value, "usage": USAGE})


BAD: dict[str, tuple[list[bytes], str, str]] = {
    "an error": (
        [event(said("Hel")), event({"error": {"message": "at http://10.0.0.1", "code": 500}}), END],
        "Hel",
        "error",
    ),
    "an error text": ([event(said("Hel")), event({"error": "boom"})], "Hel", "error"),
    "an error first": ([event({"error": {"message": "boom"}}), event(said("no"))], "", "error"),
    "a flat error": (
        [event(said("Hel")), b"event: error\n" + event({"object": "error", "message": "x"})],
        "Hel",
        "error",
    ),
    "a detail": ([event(said("Hel")), event({"detail": "boom"})], "Hel", "error"),
    "a list of one error": ([event([{"error": {"message": "x"}}])], "", "error"),
    "an error beside text": ([event(said("Hel") | {"error": {"message": "x"}})], "", "error"),
    "an error after the finish": (
        [event(said("Hel")), event(STOP), event({"error": {"message": "x"}})],
        "Hel",
        "error",
    ),
    "network_error": ([event(said("Hel")), event(chunk({}, "network_error")), END], "Hel", "cut"),
    "error with text": ([event(said("Hel", "ERROR")), END], "Hel", "cut"),
    "no end": ([event(said("Hel"))], "Hel", "cut"),
    "half a chunk at the end": ([event(said("Hel")), event(said("lo"))[:30]], "Hel", "cut"),
    "no JSON": ([event(said("Hel")), b"data: {nope}\n\n", event(STOP)], "Hel", "other"),
    "no object": ([event(said("Hel")), b"data: 7\n\n"], "Hel", "other"),
    "nothing": ([], "", "other"),
    "DONE at once": ([END], "", "other"),
    "hello world": ([event({"hello": "world"}), END], "", "other"),
    "a web page": ([b"<html>\n\n<p>busy</p>\n\n</html>"], "", "other"),
    "usage alone": ([event(USAGE_CHUNK), END], "", "other"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_stream_without_an_answer_ends_with_an_error(case: str) -> None:
    events, text, kind = BAD[case]
    found = read(*events)
    assert found.stream.fault is not None
    assert (found.stream.fault.kind, found.text(), found.done, found.finishes()) == (kind, text, 0, [])
    assert b"10.0.0.1" not in found.bytes


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([*GOOD, *BAD]), st.sets(st.integers(1, 2000), max_size=25), st.booleans())
def test_any_split_of_the_bytes_gives_the_same_bytes(case: str, cuts: set[int], bytewise: bool) -> None:
    data = b"".join((GOOD.get(case) or BAD[case])[0])
    whole = read(data)
    edges = range(len(data) + 1) if bytewise else [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    split = read(*(data[start:end] for start, end in itertools.pairwise(edges)))
    assert split.bytes == whole.bytes
    assert split.stream.fault == whole.stream.fault


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], (False, False)),
        ([said("Hello")], (False, False)),
        ([said("Hello", "stop")], (False, True)),
        ([said("Hello"), STOP], (True, True)),
        ([said("Hel", "stop"), said("lo"), STOP], (False, False)),
    ],
)
def test_a_reason_is_believed_unless_text_has_followed_one(
    events: list[dict[str, Any]], expected: tuple[bool, bool]
) -> None:
    stream = NormalStream(LearnedIdentity("ours", 7, "nick"), Options())
    stream.feed(b"".join(map(event, events)))
    assert (stream.may_be_over, stream.ended) == expected


def test_a_choice_that_breaks_off_ends_the_chunk() -> None:
    both = [{"index": index, "delta": {"content": "a"}, "finish_reason": "error"} for index in (0, 1)]
    found = read(event(chunk() | {"choices": both}), END, choices=2)
    assert (found.stream.fault, found.text(0), found.text(1)) == (BROKE_OFF, "a", "")


def test_plain_chunks_are_the_upstreams_own_bytes() -> None:
    plain = [compact(said(text)) for text in ("a", "ü🌦️", "\\", '"', "d")]
    found = Read([compact(ROLE), *plain, compact(STOP), END], Options(), model="m")
    assert found.bytes.startswith(compact(ROLE) + b"".join(plain))
    renamed = Read([compact(ROLE), *plain, b"".join(plain)], Options())
    assert renamed.text() == found.text() + found.text()
    assert {each["model"] for each in renamed.events} == {"nick"}


def test_two_choices_open_in_order_and_finish_each() -> None:
    found = read(
        *(event(said(text, index=index)) for index, text in ((1, "b"), (0, "a"), (1, "B"), (0, "A"), (2, "no"))),
        event(said("!", "length", index=1)),
        event(said("", "stop", index=0)),
        event(USAGE_CHUNK),
        END,
        choices=2,
        include_usage=True,
    )
    found.check()
    assert (found.text(0), found.text(1)) == ("aA", "bB!")
    assert (found.finishes(0), found.finishes(1)) == (["stop"], ["length"])
    assert [c["index"] for c in found.events[0]["choices"]] == [0]


def test_two_choices_in_one_chunk_are_two() -> None:
    both = [{"index": index, "delta": {"content": str(index)}, "finish_reason": "stop"} for index in (0, 1)]
    found = read(event(chunk() | {"choices": both}), END, choices=2)
    found.check()
    assert (found.text(0), found.text(1)) == ("0", "1")


def test_fields_that_are_unknown_travel() -> None:
    found = read(
        event(chunk({"content": "Hel", "reasoning_details": [1]}) | {"provider": "x"}),
        event(
            {
                "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop", "stop_reason": 7}],
                "service_tier": "flex",
            }
        ),
        event(USAGE_CHUNK | {"timings": {"ms": 1}}),
        END,
    )
    found.check()
    assert found.events[0]["provider"] == "x"
    assert found.deltas()[0]["reasoning_details"] == [1]
    last = found.events[-1]
    assert (last["service_tier"], last["timings"], last["choices"][0]["stop_reason"]) == ("flex", {"ms": 1}, 7)


def test_usage_on_every_chunk_stays_where_it_was_asked_for() -> None:
    found = read(event(said("Hello") | {"usage": USAGE}), event(STOP), END, include_usage=True, every_usage=True)
    assert found.events[0]["usage"] == USAGE
    assert found.events[-1] == {**found.events[-1], "choices": [], "usage": USAGE}


@pytest.mark.parametrize(
    ("usage_given", "clean"),
    [
        ({"prompt_tokens": 1.5, "completion_tokens": 2.0}, (1, 2, 3)),
        ({"prompt_tokens": -1, "completion_tokens": "4", "total_tokens": 10**400}, (0, 4, 4)),
        ({"prompt_tokens": None, "completion_tokens": True, "total_tokens": 9}, (0, 0, 9)),
    ],
)
def test_counts_of_tokens_are_counts(usage_given: dict[str, Any], clean: tuple[int, int, int]) -> None:
    found = read(
        event(said("Hello")), event(STOP), event(USAGE_CHUNK | {"usage": usage_given}), END, include_usage=True
    )
    usage = found.events[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == clean


WATCHED: dict[str, tuple[list[bytes], bool]] = {
    **{name: (events, False) for name, (events, _, _) in GOOD.items()},
    **{name: (events, kind == "error") for name, (events, _, kind) in BAD.items()},
}


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(WATCHED)), st.sets(st.integers(1, 2000), max_size=25))
def test_a_watched_stream_is_the_upstreams_own_up_to_an_error(case: str, cuts: set[int]) -> None:
    events, broken = WATCHED[case]
    data = b"".join(events)
    blocks, watch, out = EventBlocks(), ErrorWatch(), b""
    for start, end in itertools.pairwise([0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]):
        block = blocks.feed(data[start:end])
        if block and watch.error is None:
            out += watch.feed(block)
    if watch.error is None:
        out += watch.feed(blocks.rest())
    assert (watch.error is not None) == broken
    if broken:
        assert data.startswith(out)
        assert b'"error"' not in out
    else:
        assert out == data


@pytest.mark.parametrize("place", range(9))
@pytest.mark.parametrize("error", [{"error": {"message": "no"}}, {"object": "error", "message": "no"}])
def test_an_error_between_many_chunks_of_text_is_seen(place: int, error: dict[str, Any]) -> None:
    texts = [event(said(f"word {number}")) for number in range(8)]
    watch = ErrorWatch()
    out = watch.feed(b"".join([*texts[:place], event(error), *texts[place:]]))
    assert out == b"".join(texts[:place])
    assert watch.error is not None


def test_a_long_run_of_text_is_unchanged() -> None:
    texts = [event(said(f"word {number}")) for number in range(50)]
    blocks = [b"".join(texts), b"".join([*texts[:20], event(STOP), *texts[20:], END]), texts[0]]
    watch = ErrorWatch()
    assert [watch.feed(block) for block in blocks] == blocks
    assert watch.error is None
