"""A conversation in the simplest form that says the same, for servers that refuse what others take.

Chat templates want one system message, at the beginning, and users' messages that alternate with the model's;
Mistral's servers want ids of calls of exactly nine letters and digits. None of it is done unasked: what a client
wrote is the better prompt where it is accepted, and the more cacheable one.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.strategies.history import SYSTEM_ROLES, add_user, with_system
from toolgate_core.types.requests import ChatRequest

SIMPLE_ID = re.compile(r"[A-Za-z0-9]{9}", re.ASCII)
"""Ids of calls that every server takes."""


def simplified(request: ChatRequest) -> ChatRequest:
    """Return the request with a simplified history; the request itself where there is nothing to simplify."""
    given = request.messages
    messages = _merged(with_system([m for m in given if m["role"] not in SYSTEM_ROLES], given, "", role=True))
    if _has_odd_ids(messages):
        messages = _renamed(messages)
    if messages == given:
        return request
    texts = {name: text for name, text in request.texts.items() if name != "messages"}
    return replace(request, body={**request.body, "messages": list[JsonValue](messages)}, texts=texts)


def _merged(messages: list[JsonObject]) -> list[JsonObject]:
    out: list[JsonObject] = []
    for message in messages:
        if message["role"] == "user":
            add_user(out, message, merge=True)
        else:
            out.append(message)
    return out


def _has_odd_ids(messages: list[JsonObject]) -> bool:
    return any(SIMPLE_ID.fullmatch(str(call["id"])) is None for message in messages for call in _calls(message))


def _renamed(messages: list[JsonObject]) -> list[JsonObject]:
    """Return the messages with ids by the calls' place, so that a growing conversation keeps its prefix."""
    known: dict[str, str] = {}
    return [_with_ids(message, place, known) for place, message in enumerate(messages)]


def _with_ids(message: JsonObject, place: int, known: dict[str, str]) -> JsonObject:
    """Return one message with the new ids; `known` are those of the messages before it, and grows."""
    if message["role"] == "tool":
        given = str(message["tool_call_id"])
        return {**message, "tool_call_id": known.get(given, given)}
    calls: list[JsonValue] = []
    for index, call in enumerate(_calls(message)):
        name = f"c{place % 10_000:04d}{index % 10_000:04d}"
        known[str(call["id"])] = name
        calls.append({**call, "id": name})
    return {**message, "tool_calls": calls} if calls else message


def _calls(message: JsonObject) -> list[JsonObject]:
    calls = message.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
