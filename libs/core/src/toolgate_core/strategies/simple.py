"""Simplifies a conversation without changing its meaning, for servers with strict chat templates.

Chat templates want one system message, at the beginning, and user messages that alternate with the model's; Mistral's
servers want ids of calls of exactly nine letters and digits. It is done only after a refusal: what a client wrote is
the better prompt where it is accepted, and the more cacheable one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.strategies.history import add_user, with_system
from toolgate_core.types.messages import INSTRUCTION_ROLES, Call, Message, Part, Result, calls_of
from toolgate_core.types.requests import ChatRequest

SIMPLE_ID = re.compile(r"[A-Za-z0-9]{9}", re.ASCII)
"""Ids of calls that every server takes."""


def simplified(request: ChatRequest) -> ChatRequest | None:
    """Return the request with a simplified history; None where there is nothing to simplify."""
    given = tuple(request.messages)
    others = [message for message in given if message.role not in INSTRUCTION_ROLES]
    # `role=True`: the text form of a server without system messages belongs to the strategies (`with_system`).
    messages = _merged(with_system(others, given, "", role=True))
    # Ids that are simple already are kept, so that the prefix of the conversation stays cached.
    if _has_other_ids(messages):
        messages = _with_simple_ids(messages)
    return None if messages == given else request.with_messages(messages)


def _merged(messages: Sequence[Message]) -> tuple[Message, ...]:
    out: list[Message] = []
    for message in messages:
        if message.role == "user":
            add_user(out, message, merge=True)
        else:
            out.append(message)
    return tuple(out)


def _has_other_ids(messages: Sequence[Message]) -> bool:
    return any(SIMPLE_ID.fullmatch(call.id) is None for message in messages for call in calls_of(message))


def _with_simple_ids(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages with ids by the calls' place, so that a growing conversation keeps its prefix."""
    known: dict[str, str] = {}
    return tuple(_with_ids(message, place, known) for place, message in enumerate(messages))


def _with_ids(message: Message, place: int, known: dict[str, str]) -> Message:
    """Return one message with the new ids; `known` are those of the messages before it, and grows."""
    parts: list[Part] = []
    index = 0
    for part in message.parts:
        if isinstance(part, Call):
            # Nine characters: the letter, four digits for the message and four for the call in it.
            name = f"c{place % 10_000:04d}{index % 10_000:04d}"
            known[part.id] = name
            parts.append(replace(part, id=name))
            index += 1
        elif isinstance(part, Result):
            # A result keeps an id of which no call was seen.
            parts.append(replace(part, call_id=known.get(part.call_id, part.call_id)))
        else:
            parts.append(part)
    return replace(message, parts=tuple(parts))
