"""Broken servers as data: what each answers to which question of a doctor, on a real socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.upstream import Reply, Request, answer, chunk, completion, event, stream

WEATHER = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
ROME = {"id": "call_2", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}}
TIME = {"id": "call_3", "type": "function", "function": {"name": "get_time", "arguments": '{"timezone":"Europe/Oslo"}'}}
SOUND: Mapping[str, Mapping[str, Any]] = {
    "answers": {"content": "Hello."},
    "auto": {"calls": [WEATHER]},
    "required": {"calls": [WEATHER]},
    "named": {"calls": [TIME]},
    "parallel": {"calls": [WEATHER, ROME]},
    "streamed": {"calls": [WEATHER]},
    "second turn": {"content": "It rains."},
    "none": {"content": "I would have to look."},
}
"""What a server that is well answers, by check."""
CARDS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "us"}]}


def question(request: Request) -> str:
    """The check that a request belongs to."""
    body = request.json
    choice = body.get("tool_choice", "auto")
    if "tools" not in body:
        return "answers"
    if body["messages"][-1]["role"] == "tool":
        return "second turn"
    if isinstance(choice, dict):
        return "named"
    if choice == "required":
        return "streamed" if body.get("stream") else "parallel" if "Rome" in str(body["messages"]) else "required"
    return str(choice)


def reply(spec: Mapping[str, Any], *, streamed: bool) -> Reply:
    """What a case says is answered."""
    kind = spec.get("type", "application/json")
    status = spec.get("status", 200)
    if "drop" in spec:
        return Reply(None)
    if "silence" in spec:
        return Reply([], then="silence")
    if "json" in spec:
        return answer(spec["json"], status=status, content_type=kind, **spec.get("headers", {}))
    if "text" in spec:
        body = spec["text"].encode() * spec.get("times", 1)
        return Reply([body], status, {"content-type": kind, **spec.get("headers", {})}, spec.get("then", "end"))
    if "events" in spec:
        parts = [event(each) for each in spec["events"]]
        made = stream(*parts, then=spec.get("then", "end"))
        return Reply(made.parts, status, {"content-type": spec.get("type", "text/event-stream")}, made.then)
    return _chat(spec, streamed=streamed, kind=spec.get("type"))


def _chat(spec: Mapping[str, Any], *, streamed: bool, kind: str | None) -> Reply:
    message = {"content": spec.get("content"), **spec.get("message", {})}
    calls = spec.get("calls", [])
    finish = spec.get("finish", "tool_calls" if calls else "stop")
    if not streamed:
        made = completion({**message, **({"tool_calls": calls} if "calls" in spec else {})}, finish)
        return answer(made, content_type=kind) if kind else answer(made)
    deltas = [{"role": "assistant", **message}, *({"tool_calls": [{"index": i, **c}]} for i, c in enumerate(calls))]
    events = [event(chunk(delta)) for delta in deltas] + [event(chunk({}, finish)), event("[DONE]")]
    made_stream = stream(*events)
    return Reply(made_stream.parts, 200, {"content-type": kind or "text/event-stream"})


def script(case: Mapping[str, Any]) -> Callable[[Request], Reply]:
    """The server of a case: `models`, `version` and, by check or for all, `chat`."""
    chat = case.get("chat", {})
    alike = not (set(chat) <= {*SOUND, "tools"})

    def answered(request: Request) -> Reply:
        if request.path.endswith("/models"):
            return reply(case.get("models", {"json": CARDS}), streamed=False)
        if request.path.endswith("/version"):
            return reply(case.get("version", {"status": 404, "json": {}}), streamed=False)
        if request.method != "POST":
            return reply(case.get("health", {"status": 404, "json": {"detail": "Not Found"}}), streamed=False)
        check = question(request)
        spec = chat if alike else chat.get(check, chat.get("tools") if check != "answers" else None)
        return reply(SOUND[check] if spec is None else spec, streamed=bool(request.json.get("stream")))

    return answered
