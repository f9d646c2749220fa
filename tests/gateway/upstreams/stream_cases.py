"""Streams as servers really write them, and what each is."""

import json
from typing import Any

from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.requests import Usage

from tests.support.upstream import chunk, event


def call(
    index: int | None = 0, call_id: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    """A delta with one call; keys that are None are left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    known = {key: value for key, value in (("index", index), ("id", call_id)) if value is not None}
    return {"tool_calls": [{**known, "type": "function", "function": function}]}


FINISH = chunk({}, "tool_calls")
STOP = chunk({}, "stop")
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
USAGE_CHUNK = chunk(usage=USAGE) | {"choices": []}
WEATHER = CallDelta(0, "call_1", "get_weather", '{"city":"Oslo"}')
TIME = CallDelta(1, "call_2", "time_now", '{"zone":"UTC"}')

CALLS = {
    "normal form": (
        [call(0, "call_1", "get_weather", ""), call(0, arguments='{"city":'), call(0, arguments='"Oslo"}')],
        (WEATHER,),
    ),
    "whole call in one chunk": ([call(0, "call_1", "get_weather", '{"city":"Oslo"}')], (WEATHER,)),
    "id, name and type repeated": (
        [call(0, "call_1", "get_weather", '{"city":'), call(0, "call_1", "get_weather", '"Oslo"}')],
        (WEATHER,),
    ),
    "name repeated before the arguments": (
        [call(0, "call_1", "get_weather", ""), call(0, "call_1", "get_weather", '{"city":"Oslo"}')],
        (WEATHER,),
    ),
    "another id with every delta": (
        [call(0, "call_1", "get_weather", ""), call(0, "x1", None, '{"city":'), call(0, "x2", None, '"Oslo"}')],
        (WEATHER,),
    ),
    "name null later": (
        [
            call(0, "call_1", "get_weather", '{"city":'),
            {
                "tool_calls": [
                    {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": '"Oslo"}'}}
                ]
            },
        ],
        (WEATHER,),
    ),
    "name empty later": (
        [call(0, "call_1", "get_weather", '{"city":'), call(0, "", "", '"Oslo"}')],
        (WEATHER,),
    ),
    "name split": (
        [call(0, "call_1", "get_", ""), call(0, None, "weather"), call(0, None, None, '{"city":"Oslo"}')],
        (WEATHER,),
    ),
    "id after the name": (
        [call(0, None, "get_weather"), call(0, "call_1"), call(0, arguments='{"city":"Oslo"}')],
        (WEATHER,),
    ),
    "delta without function": (
        [call(0, "call_1", "get_weather"), {"tool_calls": [{"index": 0}]}, call(0, arguments='{"city":"Oslo"}')],
        (WEATHER,),
    ),
    "index from 1 with a gap": (
        [
            call(1, "call_1", "get_weather", '{"city":"Oslo"}'),
            call(5, "call_2", "time_now", ""),
            call(5, arguments='{"zone":"UTC"}'),
        ],
        (WEATHER, TIME),
    ),
    "index missing": (
        [
            call(None, "call_1", "get_weather", ""),
            call(None, arguments='{"city":"Oslo"}'),
            call(None, "call_2", "time_now", '{"zone":"UTC"}'),
        ],
        (WEATHER, TIME),
    ),
    "index missing, no ids": (
        [call(None, None, "get_weather", '{"city":"Oslo"}'), call(None, None, "get_weather", '{"city":"Bergen"}')],
        (CallDelta(0, None, "get_weather", '{"city":"Oslo"}'), CallDelta(1, None, "get_weather", '{"city":"Bergen"}')),
    ),
    "every call at index 0": (
        [call(0, "call_1", "get_weather", '{"city":"Oslo"}'), call(0, "call_2", "time_now", '{"zone":"UTC"}')],
        (WEATHER, TIME),
    ),
    "interleaved": (
        [
            call(0, "call_1", "get_weather", '{"city":'),
            call(1, "call_2", "time_now", '{"zone":'),
            call(0, arguments='"Oslo"}'),
            call(1, arguments='"UTC"}'),
        ],
        (WEATHER, TIME),
    ),
    "two calls in one chunk": (
        [
            {
                "tool_calls": [
                    {"index": 0, "id": "call_1", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}},
                    {"index": 1, "id": "call_2", "function": {"name": "time_now", "arguments": '{"zone":"UTC"}'}},
                ]
            }
        ],
        (WEATHER, TIME),
    ),
    "arguments as an object": ([call(0, "call_1", "get_weather", {"city": "Oslo"})], (WEATHER,)),
    "arguments null, then whole": (
        [
            {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "get_weather", "arguments": None}}]},
            call(0, arguments='{"city":"Oslo"}'),
        ],
        (WEATHER,),
    ),
    "no arguments": ([call(0, "call_1", "ping")], (CallDelta(0, "call_1", "ping"),)),
    "no arguments, then another call": (
        [call(0, "call_1", "ping"), call(1, "call_2", "time_now", '{"zone":"UTC"}')],
        (CallDelta(0, "call_1", "ping"), TIME),
    ),
    "no name at all": ([call(0, "call_1", None, "{}")], (CallDelta(0, "call_1", None, "{}"),)),
    "legacy function_call": (
        [
            {"function_call": {"name": "get_weather", "arguments": ""}},
            {"function_call": {"arguments": '{"city":"Oslo"}'}},
        ],
        (CallDelta(0, None, "get_weather", '{"city":"Oslo"}'),),
    ),
    "two whole calls at index 0 with empty ids": (
        [call(0, "", "get_weather", '{"city":"Oslo"}'), call(0, "", "time_now", '{"zone":"UTC"}')],
        (CallDelta(0, None, "get_weather", '{"city":"Oslo"}'), CallDelta(1, None, "time_now", '{"zone":"UTC"}')),
    ),
    "two whole calls of one tool at index 0 without ids": (
        [call(0, None, "get_weather", '{"city":"Oslo"}'), call(0, None, "get_weather", '{"city":"Bergen"}')],
        (CallDelta(0, None, "get_weather", '{"city":"Oslo"}'), CallDelta(1, None, "get_weather", '{"city":"Bergen"}')),
    ),
    "two calls of one tool at index 0 with one id, in pieces": (
        [
            call(0, "call_1", "get_weather", '{"city":'),
            call(0, "call_1", "get_weather", '"Oslo"}'),
            call(0, "call_1", "get_weather", ' {"city":'),
            call(0, "call_1", "get_weather", '"Bergen"}'),
        ],
        (WEATHER, CallDelta(1, "call_1", "get_weather", ' {"city":"Bergen"}')),
    ),
    "three calls at index 0 in one chunk without ids": (
        [
            {
                "tool_calls": [
                    {"index": 0, "function": {"name": name, "arguments": arguments}}
                    for name, arguments in (("f", '{"a":{}}'), ("f", '{"a":1}'), ("g", "{}"))
                ]
            }
        ],
        (CallDelta(0, None, "f", '{"a":{}}'), CallDelta(1, None, "f", '{"a":1}'), CallDelta(2, None, "g", "{}")),
    ),
    "all arguments again in the last chunk": (
        [
            call(0, "call_1", "get_weather", '{"city":'),
            call(0, arguments='"Oslo"}'),
            call(0, arguments='{"city":"Oslo"}'),
        ],
        (WEATHER,),
    ),
    "the whole call again in the last chunk": (
        [
            call(0, "call_1", "get_weather", '{"city":'),
            call(0, arguments='"Oslo"}'),
            call(0, "call_1", "get_weather", '{"city":"Oslo"}\n'),
        ],
        (WEATHER,),
    ),
    "the whole call twice at once": ([call(0, "call_1", "get_weather", '{"city":"Oslo"}')] * 2, (WEATHER,)),
    "the same call with two ids is two": (
        [call(0, "call_1", "get_weather", '{"city":"Oslo"}'), call(0, "call_2", "get_weather", '{"city":"Oslo"}')],
        (WEATHER, CallDelta(1, "call_2", "get_weather", '{"city":"Oslo"}')),
    ),
    "an object in the arguments begins a delta": (
        [
            call(0, "call_1", "f", '{"a":[{"b":1}'),
            call(0, arguments=","),
            call(0, arguments='{"b":1}'),
            call(0, arguments="]}"),
        ],
        (CallDelta(0, "call_1", "f", '{"a":[{"b":1},{"b":1}]}'),),
    ),
    "another index with every delta": (
        [call(0, "call_1", "get_weather", ""), call(1, "call_1", None, '{"city":'), call(2, None, None, '"Oslo"}')],
        (WEATHER,),
    ),
    "one call where a list belongs": (
        [{"tool_calls": {"id": "call_1", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}}],
        (WEATHER,),
    ),
    "name and arguments beside the index": (
        [{"tool_calls": [{"index": "0", "id": "call_1", "name": "get_weather", "arguments": '{"city":"Oslo"}'}]}],
        (WEATHER,),
    ),
    "id is a number": (
        [{"tool_calls": [{"index": 0.0, "id": 7, "function": {"name": "ping", "arguments": {}}}]}],
        (CallDelta(0, "7", "ping", "{}"),),
    ),
    "unknown fields": (
        [
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "call_1",
                        "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}', "note": "n"},
                        "extra_content": {"google": {"thought_signature": "AbC="}},
                        "nothing": None,
                    }
                ]
            }
        ],
        (
            CallDelta(
                0,
                "call_1",
                "get_weather",
                '{"city":"Oslo"}',
                {"extra_content": {"google": {"thought_signature": "AbC="}}, "function": {"note": "n"}},
            ),
        ),
    ),
    "fields that come late": (
        [
            call(0, "call_1", "get_weather", '{"city":"Oslo"}'),
            {"tool_calls": [{"index": 0, "extra_content": {"google": {"thought_signature": "AbC="}}}]},
        ],
        (
            CallDelta(
                0,
                "call_1",
                "get_weather",
                '{"city":"Oslo"}',
                {"extra_content": {"google": {"thought_signature": "AbC="}}},
            ),
        ),
    ),
    "big integer": (
        [call(0, "call_1", "f", {"n": 9007199254740993123})],
        (CallDelta(0, "call_1", "f", '{"n":9007199254740993123}'),),
    ),
}


TEXT = chunk({"content": "Hello"})
TEXTS: dict[str, tuple[list[bytes], ResponseChunk]] = {
    "role first, empty content, nulls": (
        [
            event(chunk({"role": "assistant", "content": "", "refusal": None, "tool_calls": None})),
            event(chunk({"role": "assistant", "content": "Hello", "tool_calls": []})),
            event(STOP),
        ],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "finish chunk carries the last delta": (
        [event(TEXT), event(chunk({"content": "!"}, "stop"))],
        ResponseChunk(text="Hello!", finish="stop"),
    ),
    "usage after the finish": (
        [event(TEXT), event(STOP), event(USAGE_CHUNK)],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 4)),
    ),
    "usage on the finish chunk": (
        [event(TEXT), event(STOP | {"usage": USAGE})],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 4)),
    ),
    "usage on every chunk, the last counts": (
        [
            event(TEXT | {"usage": {"prompt_tokens": 9, "completion_tokens": 1}}),
            event(STOP | {"usage": {"prompt_tokens": 9, "completion_tokens": 3}}),
            event(USAGE_CHUNK),
        ],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 4)),
    ),
    "usage null after usage": (
        [event(TEXT | {"usage": USAGE}), event(STOP | {"usage": None})],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 4)),
    ),
    "usage with details": (
        [
            event(STOP),
            event(
                USAGE_CHUNK
                | {
                    "usage": USAGE
                    | {
                        "prompt_tokens_details": {"cached_tokens": 8},
                        "completion_tokens_details": {"reasoning_tokens": 2},
                    }
                }
            ),
        ],
        ResponseChunk(finish="stop", usage=Usage(9, 4, 8, 2)),
    ),
    "empty choices first": (
        [event(chunk() | {"choices": [], "prompt_filter_results": []}), event(TEXT), event(STOP)],
        ResponseChunk(text="Hello", finish="stop", answer_fields={"prompt_filter_results": []}),
    ),
    "vLLM reasoning": (
        [event(chunk({"reasoning": "Hm"})), event(TEXT), event(STOP)],
        ResponseChunk(text="Hello", reasoning="Hm", finish="stop"),
    ),
    "reasoning_content, and both names": (
        [
            event(chunk({"reasoning_content": "H", "content": None})),
            event(chunk({"reasoning_content": "m", "reasoning": "m"})),
            event(STOP),
        ],
        ResponseChunk(reasoning="Hm", finish="stop"),
    ),
    "content parts with thinking": (
        [
            event(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]})),
            event(chunk({"content": [{"type": "text", "text": "Hello"}]})),
            event(STOP),
        ],
        ResponseChunk(text="Hello", reasoning="Hm", finish="stop"),
    ),
    "logprobs": (
        [
            event(
                {
                    "choices": [
                        {"delta": {"content": "Hello"}, "logprobs": {"content": [{"token": "Hello", "logprob": -1}]}}
                    ]
                }
            ),
            event(STOP),
        ],
        ResponseChunk(text="Hello", logprobs=({"token": "Hello", "logprob": -1},), finish="stop"),
    ),
    "another choice": (
        [event(TEXT), event({"choices": [{"index": 1, "delta": {"content": "no"}}]}), event(STOP)],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "numbers as strings": (
        [event(TEXT), event(STOP | {"usage": {"prompt_tokens": "9", "completion_tokens": "4"}})],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 4)),
    ),
    "unknown finish reason": ([event(TEXT), event(chunk({}, "eos"))], ResponseChunk(text="Hello", finish="stop")),
    "Mistral's length": ([event(TEXT), event(chunk({}, "model_length"))], ResponseChunk(text="Hello", finish="length")),
    "GLM's filter": ([event(chunk({}, "sensitive"))], ResponseChunk(finish="content_filter")),
    "refusal": ([event(chunk({"refusal": "I can't."})), event(STOP)], ResponseChunk(refusal="I can't.", finish="stop")),
    "the word null with every chunk": (
        [event(chunk({"content": "Hel"}, "null")), event(chunk({"content": "lo"}, "None")), event(STOP)],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "a reason with every chunk": (
        [event(chunk({"content": "Hel"}, "stop")), event(chunk({"content": "lo"}, "stop"))],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "a reason that more follows": (
        [event(chunk({"content": "Hel"}, "stop")), event(chunk({"content": "lo"})), event(chunk({}, "length"))],
        ResponseChunk(text="Hello", finish="length"),
    ),
    "an empty delta after the reason": (
        [event(TEXT), event(chunk({}, "length")), event(chunk({"role": "assistant", "content": ""}))],
        ResponseChunk(text="Hello", finish="length"),
    ),
    "the whole message after its deltas": (
        [
            event(TEXT),
            event({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}),
        ],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "an empty error with every chunk": (
        [event(TEXT | {"error": {}}), event(STOP | {"error": {"message": "", "code": None}})],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "usage that is no number": (
        [event(TEXT), event(STOP | {"usage": {"prompt_tokens": 9.5, "completion_tokens": -4, "total_tokens": "x"}})],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(9, 0)),
    ),
    "usage beyond all bounds": (
        [
            event(TEXT),
            event(STOP).replace(
                b'"stop"}]', b'"stop"}],"usage":{"prompt_tokens":1%b,"completion_tokens":4}' % (b"0" * 400)
            ),
        ],
        ResponseChunk(text="Hello", finish="stop", usage=Usage(0, 4)),
    ),
    "usage that is none": (
        [event(TEXT), event(STOP | {"usage": [1]}), event(STOP | {"usage": "many"})],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "fields of the message, the choice and the answer": (
        [
            event(chunk({"content": "Hel", "reasoning_details": [{"text": "a"}]}) | {"provider": "x"}),
            event(chunk({"content": "lo", "reasoning_details": [{"text": "b"}], "annotations": None})),
            event(
                {
                    "choices": [
                        {
                            "index": 0,
                            "delta": {"annotations": [1]},
                            "finish_reason": "stop",
                            "stop_reason": 7,
                            "odd": {},
                        }
                    ],
                    "service_tier": "flex",
                    "system_fingerprint": "fp",
                    "obfuscation": "x",
                }
            ),
        ],
        ResponseChunk(
            text="Hello",
            fields={"reasoning_details": [{"text": "a"}, {"text": "b"}], "annotations": [1]},
            choice_fields={"odd": {}, "stop_reason": 7},
            answer_fields={"provider": "x", "service_tier": "flex", "system_fingerprint": "fp"},
            finish="stop",
        ),
    ),
    "logprobs and refusal of odd types": (
        [
            event({"choices": [{"delta": {"content": "Hello", "refusal": [1]}, "logprobs": {"content": "no"}}]}),
            event(STOP),
        ],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "comments, event names, ids": (
        [b": ping\n\n", b"event: message\nid: 7\nretry: 10\n" + event(TEXT), b":\n\n", event(STOP)],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "CRLF": (
        [event(TEXT).replace(b"\n", b"\r\n"), event(STOP).replace(b"\n", b"\r\n")],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "no space after the colon": (
        [event(TEXT).replace(b"data: ", b"data:"), event(STOP)],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "byte order mark": ([b"\xef\xbb\xbf" + event(TEXT), event(STOP)], ResponseChunk(text="Hello", finish="stop")),
    "multi-line data": (
        [b"data: " + json.dumps(TEXT, indent=1).encode().replace(b"\n", b"\ndata: ") + b"\n\n", event(STOP)],
        ResponseChunk(text="Hello", finish="stop"),
    ),
    "unicode": (
        [event(chunk({"content": "서울 🌦️\u2028"})), event(STOP)],
        ResponseChunk(text="서울 🌦️\u2028", finish="stop"),
    ),
}
