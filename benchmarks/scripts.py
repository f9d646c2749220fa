"""The request that is sent and the answers that the fake upstream gives: as perf measurements elsewhere have them."""

from __future__ import annotations

import json

MODEL = "bench"
REQUEST_BYTES = 4096
CHUNKS = 100
CHUNK_BYTES = 200
SPACED = "spaced"
"""As `user` of a request, a word that every gateway hands on: the fake upstream then waits between the chunks."""
_ARGUMENTS = json.dumps({"city": "Oslo", "unit": "celsius", "days": 3, "note": "Only the mornings matter to me."})
_WORDS = "The weather in Oslo stays mild, with some rain. "


def _tool(name: str) -> dict[str, object]:
    properties = {
        "city": {"type": "string", "description": "City and country, for example Oslo, Norway"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "note": {"type": "string", "description": "Anything else that matters to the user"},
    }
    schema = {"type": "object", "properties": properties, "required": ["city"], "additionalProperties": False}
    function = {"name": name, "description": f"Does what {name} says, for one city.", "parameters": schema}
    return {"type": "function", "function": function}


TOOLS = [_tool(name) for name in ("get_weather", "get_forecast", "find_city", "send_alert", "book_trip")]


def request(*, stream: bool, spaced: bool = False) -> bytes:
    """Return a chat request of `REQUEST_BYTES` with five tools; `spaced` asks for a stream's chunks 10 ms apart."""
    body: dict[str, object] = {"model": MODEL, "tools": TOOLS, "messages": []}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if spaced:
        body["user"] = SPACED
    history = [
        {"role": "system", "content": "You help travellers."},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "What would you like to know?"},
        {"role": "user", "content": "What will the weather in Oslo be?"},
    ]
    short = len(json.dumps({**body, "messages": history}))
    history[1]["content"] = (_WORDS * 100)[: max(0, REQUEST_BYTES - short)]
    return json.dumps({**body, "messages": history}).encode()


def _completion(message: dict[str, object], finish: str) -> bytes:
    body = {
        "id": "chatcmpl-0123456789abcdef",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960, "prompt_tokens_details": None},
        "prompt_logprobs": None,
    }
    return json.dumps(body).encode()


def native_answer() -> bytes:
    """Return a whole answer of about 700 bytes with one native call."""
    function = {"name": "get_weather", "arguments": _ARGUMENTS}
    call = {"id": "chatcmpl-tool-0123456789abcdef", "type": "function", "function": function}
    return _completion({"content": None, "reasoning": None, "refusal": None, "tool_calls": [call]}, "tool_calls")


def decision_answer() -> bytes:
    """Return a whole answer whose text is a decision, for strategies that send no tools."""
    calls = [{"name": "get_weather", "arguments": json.loads(_ARGUMENTS)}]
    return _completion({"content": json.dumps({"action": "call", "calls": calls})}, "stop")


def _chunk(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL}
    return {**head, "choices": [choice]}


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def stream_chunks() -> list[bytes]:
    """Return the events of a text stream: `CHUNKS` of about `CHUNK_BYTES`, then the end with its usage."""
    texts = [_chunk({"content": f"{number:03} some text "}) for number in range(CHUNKS)]
    events = [_event(_chunk({"role": "assistant", "content": ""})), *map(_event, texts)]
    usage = {"prompt_tokens": 900, "completion_tokens": CHUNKS, "total_tokens": 900 + CHUNKS}
    last = {**_chunk({}), "choices": [], "usage": usage}
    return [*events, _event(_chunk({}, "stop")), _event(last), b"data: [DONE]\n\n"]


LAST_TEXT = f"{CHUNKS - 1:03} some text".encode()
"""Stands in the stream's last chunk: an answer that lacks it is wrong."""
