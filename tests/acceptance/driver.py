"""A strict client: it reads raw answers and notes every breach of the wire format."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PATHS = {"auto": "/v1", "emulate": "/emulate/v1", "passthrough": "/passthrough/v1"}


@dataclass
class Outcome:
    """One answer. `calls` are (name, JSON text); `flaws` are breaches of OpenAI's wire format."""

    status: int
    headers: dict[str, str]
    calls: list[tuple[str, str]] = field(default_factory=list)
    content: str | None = None
    finish: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    flaws: list[str] = field(default_factory=list)

    @property
    def attempts(self) -> list[tuple[str, str]]:
        """The attempts as (strategy, outcome); those of an error come from its headers."""
        if self.facts:
            return [(attempt["strategy"], attempt["outcome"]) for attempt in self.facts["attempts"]]
        words = self.headers.get("x-toolgate-attempts", "none")
        return [] if words == "none" else [tuple(word.split(":")) for word in words.split(",")]  # type: ignore[misc]


class Driver:
    """Asks one gateway."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(self, body: dict[str, Any], *, mode: str = "auto", stream: bool = False) -> Outcome:
        """Send one chat request; every answer comes back as an outcome, errors too."""
        url = f"{self._url}{PATHS[mode]}/chat/completions"
        data = json.dumps({**body, "stream": True} if stream else body)
        async with self._session.post(url, data=data, headers={"content-type": "application/json"}) as response:
            outcome = Outcome(response.status, {key.lower(): value for key, value in response.headers.items()})
            kind = response.headers.get("content-type", "")
            raw = await response.read()
        if stream and outcome.status == 200:
            if not kind.startswith("text/event-stream"):
                outcome.flaws.append(f"content-type {kind}")
            _read_stream(raw, outcome)
        else:
            _read_whole(raw, outcome)
        if not stream and outcome.status == 200 and "x-toolgate-priority" not in outcome.headers:
            outcome.flaws.append("no x-toolgate-priority")
        return outcome


def _read_whole(raw: bytes, outcome: Outcome) -> None:
    body = json.loads(raw)
    if outcome.status != 200:
        outcome.error = body["error"]
        if set(body["error"]) != {"message", "type", "param", "code"}:
            outcome.flaws.append(f"error keys {sorted(body['error'])}")
        return
    [choice] = body["choices"]
    message = choice["message"]
    outcome.content, outcome.finish = message["content"], choice["finish_reason"]
    outcome.calls = [
        (call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())
    ]
    if message.get("tool_calls") == []:
        outcome.flaws.append("empty tool_calls")
    outcome.facts = body.get("toolgate", {})
    outcome.usage = body.get("usage") or {}


def _read_stream(raw: bytes, outcome: Outcome) -> None:
    events = [event for event in raw.decode().split("\n\n") if event]
    datas = [event.removeprefix("data: ") for event in events if not event.startswith(":")]
    if not raw.endswith(b"\n\n"):
        outcome.flaws.append("the last event is not closed")
    chunks = [json.loads(data) for data in datas if data != "[DONE]"]
    if chunks and "error" in chunks[-1]:
        last = chunks.pop()
        outcome.error, outcome.facts = last["error"], last["toolgate"]
    elif datas[-1:] != ["[DONE]"]:
        outcome.flaws.append("no [DONE] at the end")
    if len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) > 1:
        outcome.flaws.append("id, created or model changed")
    _read_chunks(chunks, outcome)


def _read_chunks(chunks: list[dict[str, Any]], outcome: Outcome) -> None:
    calls: list[list[str]] = []
    for number, chunk in enumerate(chunks):
        outcome.facts = chunk.get("toolgate") or outcome.facts
        outcome.usage = chunk.get("usage") or outcome.usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            if ("role" in delta) != (number == 0):
                outcome.flaws.append("role not in the first chunk alone")
            if outcome.finish is not None:
                outcome.flaws.append("a chunk after the finish reason")
            if delta.get("content"):
                if calls:
                    outcome.flaws.append("content after a call")
                outcome.content = (outcome.content or "") + delta["content"]
            for piece in delta.get("tool_calls", ()):
                _read_piece(piece, calls, outcome)
            outcome.finish = choice["finish_reason"] or outcome.finish
    if outcome.finish is None and outcome.error is None:
        outcome.flaws.append("no finish reason")
    outcome.calls = [(name, arguments) for name, arguments in calls]


def _read_piece(piece: dict[str, Any], calls: list[list[str]], outcome: Outcome) -> None:
    function = piece.get("function", {})
    if "id" in piece:
        if piece["index"] != len(calls) or piece.get("type") != "function" or not function.get("name"):
            outcome.flaws.append(f"bad first delta of a call: {piece}")
        calls.append([function.get("name", ""), function.get("arguments", "")])
        return
    if piece["index"] != len(calls) - 1 or "name" in function or "type" in piece:
        outcome.flaws.append(f"bad later delta of a call: {piece}")
    calls[-1][1] += function["arguments"]
