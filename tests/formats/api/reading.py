"""Reads what an API format has written, as a client does: one reader for each format, streams and whole answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from toolgate_formats.sse import SseReader


class Said(Struct):
    """An answer as its client understands it; `rest` are fields that the contract of the format does not have."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = []
    finish: str = "stop"
    usage: tuple[int, int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    rest: list[Any] = field(default_factory=list)


def openai_chat(data: bytes) -> Said:
    """Read a completion, or the chunks of one."""
    if data.startswith(b"{"):
        whole = json.loads(data)
        return _completion(whole, whole["choices"][0]["message"], "chat.completion")
    events = SseReader().feed(data)
    chunks: list[dict[str, Any]] = [json.loads(event) for event in events if event != b"[DONE]"]
    merged: dict[str, Any] = {}
    message: dict[str, Any] = {}
    for chunk in chunks:
        assert chunk["object"] == "chat.completion.chunk"
        merged |= {key: value for key, value in chunk.items() if key != "choices" and value is not None}
        for choice in chunk["choices"]:
            _merge(message, choice["delta"])
            ended = {key: value for key, value in choice.items() if key != "delta" and value is not None}
            merged.setdefault("choices", [{}])[0].update(ended)
    assert message["role"] == "assistant"
    if "finish_reason" in merged["choices"][0]:
        assert events[-1] == b"[DONE]"
    return _completion(merged, message, "chat.completion.chunk")


def _merge(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key == "tool_calls":
            for part in value:
                calls = message.setdefault("tool_calls", [])
                if "id" in part:
                    assert part["index"] == len(calls)
                    calls.append({name: item for name, item in part.items() if name != "index"})
                else:
                    calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
        elif isinstance(value, str) and key != "role":
            message[key] = (message.get(key) or "") + value
        else:
            message[key] = value


def _completion(body: dict[str, Any], message: dict[str, Any], kind: str) -> Said:
    assert (body["id"], body["object"], body["created"], body["model"]) == ("chatcmpl-fresh", kind, 7, 'a "model"')
    choice, usage = body["choices"][0], body.get("usage")
    calls = message.get("tool_calls", [])
    assert [call["type"] for call in calls] == ["function"] * len(calls)
    assert message.get("reasoning") == message.get("reasoning_content")
    known = {"role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls"}
    return Said(
        text=message.get("content") or "",
        reasoning=message.get("reasoning") or "",
        refusal=message.get("refusal") or "",
        calls=[(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls],
        finish=choice.get("finish_reason", "stop"),
        usage=(usage["prompt_tokens"], usage["completion_tokens"]) if usage else None,
        metadata=body.get("toolgate", {}),
        rest=[
            {key: value for key, value in message.items() if key not in known},
            {key: value for key, value in choice.items() if key not in _CHOICE},
            {key: value for key, value in body.items() if key not in _BODY},
            [{key: value for key, value in call.items() if key != "function"} for call in calls],
        ],
    )


_CHOICE = {"index", "message", "delta", "logprobs", "finish_reason"}
_BODY = {"id", "object", "created", "model", "choices", "usage", "toolgate"}


def blocks(data: bytes) -> Said:
    """Read an answer of `tests.formats.api.blocks`."""
    if data.startswith(b"{"):
        whole = json.loads(data)
        events, last = whole["events"], whole
    else:
        events = [json.loads(event) for event in SseReader().feed(data)]
        last = events.pop() if events[-1]["type"] == "stop" else {}
    assert (events or [last])[0]["id"] == "msg_fresh"
    said = Said(finish=last.get("reason", "stop"), metadata=last.get("toolgate", {}), rest=[last.get("fields")])
    said.usage = tuple(last["usage"]) if last.get("usage") else None
    open_block: dict[str, Any] | None = None
    for event in events:
        match event["type"]:
            case "block":
                assert open_block is None
                open_block = {**event, "text": ""}
            case "delta" if open_block is not None and "text" in event:
                open_block["text"] += event["text"]
            case "delta":
                said.rest.append(event["fields"])
            case "block_stop":
                assert open_block is not None
                _take(said, open_block)
                open_block = None
    if open_block is not None:
        _take(said, open_block)
    return said


def _take(said: Said, block: dict[str, Any]) -> None:
    match block["block"]:
        case "text":
            said.text += block["text"]
        case "thinking":
            said.reasoning += block["text"]
        case "refusal":
            said.refusal += block["text"]
        case "call":
            said.calls.append((block["id"], block["name"], block["text"]))
            said.rest.append(block["fields"])


READERS: dict[str, Callable[[bytes], Said]] = {"openai_chat": openai_chat, "blocks": blocks}
