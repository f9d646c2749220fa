"""The normal form of an answer without tools, as values: what official clients accept, whatever a server writes.

A whole answer and a stream's chunk share what is here: which choices count, what a message holds, what a finish reason
means, and what of a usage is a number. A request without tools gets no calls: they would be to tools that it did
not declare.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonValue

from toolgate_formats.codecs.openai_chat.event_blocks import is_error
from toolgate_formats.codecs.openai_chat.finish import finish_from_upstream
from toolgate_formats.codecs.openai_chat.lenient import tokens
from toolgate_formats.codecs.openai_chat.wire import content_text, thinking_text
from toolgate_formats.normal import AnswerFault

WHOLE: Final = "chat.completion"
CHUNK: Final = "chat.completion.chunk"
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_ENVELOPE: Final = frozenset(("id", "object", "created", "model", "choices", "usage", "error", "obfuscation"))


NO_COMPLETION: Final = AnswerFault("other", "The upstream's answer is not a chat completion.")
NO_CHOICE: Final = AnswerFault("other", "The upstream's answer holds no choice.")
BROKE_OFF: Final = AnswerFault("cut", "The upstream broke its answer off.")
REPORTED: Final = AnswerFault("error")


class LearnedIdentity(Struct):
    """What every part of one answer repeats. `id` and `created` are the upstream's own, or ours where it has none."""

    id: str
    created: int
    model: str
    known: bool = False

    def learn(self, value: JsonObject) -> None:
        """Take over the upstream's id and time, from the first part of its answer."""
        if self.known:
            return
        self.known = True
        if isinstance(value.get("id"), str) and value["id"]:
            self.id = str(value["id"])
        created = value.get("created")
        if isinstance(created, int | float) and not isinstance(created, bool) and 0 <= created < 2**53:
            self.created = int(created)

    def fields(self, kind: str) -> JsonObject:
        """Return the fields of an answer of this kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def other_fields(value: JsonObject) -> JsonObject:
    """Return the fields of an answer or a chunk beyond its envelope."""
    return {key: item for key, item in value.items() if key not in _ENVELOPE}


def whole_answer(value: JsonValue, identity: LearnedIdentity, *, choices: int) -> JsonObject | AnswerFault:
    """Return a whole answer in normal form, the same object where it has that already."""
    if is_error(value):
        return REPORTED
    choices_given = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(choices_given, list):
        return NO_COMPLETION
    found: list[JsonValue] = []
    for choice in choices_given[:choices]:
        normal = _choice(choice, len(found)) if isinstance(choice, dict) else NO_COMPLETION
        if isinstance(normal, AnswerFault):
            return normal
        found.append(normal)
    if not found:
        return NO_CHOICE
    identity.learn(value)
    answer: JsonObject = {**identity.fields(WHOLE), "choices": found, **other_fields(value)}
    if isinstance(usage := value.get("usage"), dict):
        answer["usage"] = clean_usage(usage)
    return value if answer == value and _same_counts(answer, value) else answer


def _same_counts(answer: JsonObject, value: JsonObject) -> bool:
    """Whether equal answers are equal in type too: 1.0 is 1, but no count."""
    usage, given = answer.get("usage"), value.get("usage")
    if not isinstance(usage, dict) or not isinstance(given, dict):
        return True
    return all(type(usage.get(key)) is type(given.get(key)) for key in _COUNTS)


def _choice(choice: JsonObject, index: int) -> JsonObject | AnswerFault:
    message = choice.get("message") or choice.get("delta")
    if not isinstance(message, dict):
        return NO_COMPLETION
    reason = finish_from_upstream(choice.get("finish_reason"))
    if reason == "aborted":
        return BROKE_OFF
    rest = {key: value for key, value in choice.items() if key not in ("index", "message", "delta")}
    said: JsonObject = {"role": "assistant", "content": "", "refusal": None, **without_calls(message)}
    said["role"] = "assistant"
    if said["content"] is None and not said["refusal"]:
        said["content"] = ""
    return {
        "index": index,
        "message": said,
        "logprobs": None,
        **rest,
        "finish_reason": plain_reason(reason) or "stop",
    }


def plain_reason(reason: str | None) -> str | None:
    """Return the reason of an answer whose calls are left out."""
    return "stop" if reason == "tool_calls" else reason


def without_calls(message: JsonObject) -> JsonObject:
    """Return a message, or a delta of one, without calls, its content as text; the same object if that changes nothing.

    Content parts are joined; their thinking becomes reasoning.
    """
    content = message.get("content")
    parts = [content] if isinstance(content, dict) else content
    calls = "tool_calls" in message or "function_call" in message
    if not calls and not isinstance(parts, list):
        return message
    out = {key: value for key, value in message.items() if key not in ("tool_calls", "function_call")}
    if isinstance(parts, list):
        out["content"] = content_text(list[object](parts))
        if thinking := thinking_text(list[object](parts)):
            out["reasoning"] = out["reasoning_content"] = thinking
    return out


def clean_usage(usage: JsonObject) -> JsonObject:
    """Return a usage whose counts are counts; the same object where they are."""
    counts = {key: tokens(usage.get(key)) for key in _COUNTS}
    if counts["total_tokens"] is None:
        counts["total_tokens"] = (counts["prompt_tokens"] or 0) + (counts["completion_tokens"] or 0)
    clean: JsonObject = {key: count or 0 for key, count in counts.items()}
    return {**usage, **clean}
