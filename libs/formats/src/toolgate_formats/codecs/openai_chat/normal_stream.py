"""A stream without tools in normal form, at the cost of its bytes: few events are looked into, the rest is passed on.

Looked into are a stream's first events, those that end it, and all that do not look like the chunks before. What a
plain chunk looks like is learned from one: all bytes before the text of its content, and all behind it. A block of
events in which these stand as often as there are events, with no other quotes between them, holds nothing but text.

The finish of each choice is held until the stream ends, because some servers give a reason with every chunk: only a
reason that nothing follows is one. Whatever the reads are, each event is judged alone, so they make no difference.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode
from toolgate_core.merging import FieldMerger

from toolgate_formats.codecs.openai_chat.event_blocks import PlainChunk, is_error
from toolgate_formats.codecs.openai_chat.finish import finish_from_upstream
from toolgate_formats.codecs.openai_chat.normal import (
    BROKE_OFF,
    CHUNK,
    NO_CHOICE,
    REPORTED,
    WHOLE,
    LearnedIdentity,
    clean_usage,
    other_fields,
    plain_reason,
    without_calls,
)
from toolgate_formats.normal import AnswerFault
from toolgate_formats.sse import SseReader

DONE: Final = b"data: [DONE]\n\n"
UNREADABLE: Final = AnswerFault("other", "The upstream sent a chunk that can't be read.")
UNFINISHED: Final = AnswerFault("cut", "The upstream ended its answer without a finish reason.")
_LESSONS: Final = 4
"""How often a plain chunk is learned from; a server whose chunks all differ is read event by event."""
# The model's name is replaced in the bytes around the text, so that no chunk is decoded for it.
_MODEL: Final = re.compile(rb'("model"\s*:\s*)"(?:[^"\\]|\\.)*"')


class Options(Struct, frozen=True):
    """What the client asked for. `every_usage`: vLLM's `continuous_usage_stats`."""

    choices: int = 1
    include_usage: bool = False
    every_usage: bool = False


class _Choice:
    """One choice so far."""

    __slots__ = ("contradicted", "fields", "finish", "had_text_without_reason", "last_reason", "opened")

    def __init__(self) -> None:
        self.opened = False
        self.finish: str | None = None
        self.last_reason: str | None = None
        self.contradicted = False
        self.had_text_without_reason = False
        self.fields: JsonObject = {}


class NormalStream:
    """One stream. `fault`: why it can't go on, set once; nothing is to be fed after it, or after `done`."""

    def __init__(self, identity: LearnedIdentity, options: Options) -> None:
        self.fault: AnswerFault | None = None
        self.done = False
        self._identity = identity
        self._options = options
        self._reader = SseReader()
        self._plain: PlainChunk | None = None
        self._renamed: PlainChunk | None = None
        self._lessons = 0
        self._choices: dict[int, _Choice] = {}
        self._fields: JsonObject = {}
        self._usage: JsonObject | None = None

    @property
    def may_be_over(self) -> bool:
        """Whether all choices have a finish reason that can be believed: the end itself need not be waited for long."""
        choices = self._choices.values()
        return bool(choices) and all(
            choice.finish is not None and choice.had_text_without_reason and not choice.contradicted
            for choice in choices
        )

    @property
    def ended(self) -> bool:
        """Whether all choices have a finish reason: a connection that breaks now breaks nothing off."""
        choices = self._choices.values()
        return bool(choices) and all(choice.finish is not None and not choice.contradicted for choice in choices)

    def feed(self, block: bytes) -> bytes:
        """Return what the client is sent for a block of whole events."""
        plain = self._plain
        # After a finish reason every event is looked into, since text would contradict it.
        if plain is not None and plain.holds_text(block) and not self._finishing():
            return self._rename(block)
        return self._all(self._reader.feed(block))

    def end(self, rest: bytes = b"") -> bytes:
        """Return the end of the stream; the upstream has ended its own. `rest`: an event without its blank line."""
        events = [*self._reader.feed(rest), *self._reader.finish()] if rest else []
        last = [data for data in events if _is_json(data) or data.startswith(b"[DONE]")]  # else a cut broke it off
        out = self._all(last)
        if self.done or self.fault is not None:
            return out
        if any(choice.finish is None and choice.last_reason is None for choice in self._choices.values()):
            self.fault = UNFINISHED
            return out
        return out + self.conclude()

    def conclude(self) -> bytes:
        """Return the finish of every choice, the usage where it was asked for, and `[DONE]`."""
        if not self._choices:
            self.fault = NO_CHOICE
            return b""
        self.done = True
        parts = [self._finish(index, self._choices[index]) for index in sorted(self._choices)]
        if self._options.include_usage and self._usage is not None:
            parts.append(_event({**self._identity.fields(CHUNK), "choices": [], **self._fields, "usage": self._usage}))
        return b"".join((*parts, DONE))

    def _finishing(self) -> bool:
        return any(choice.finish is not None for choice in self._choices.values())

    def _all(self, events: list[bytes]) -> bytes:
        out: list[bytes] = []
        for data in events:
            out.append(self._one(data))
            if self.done or self.fault is not None:
                break
        return b"".join(out)

    def _one(self, data: bytes) -> bytes:
        if data.startswith(b"[DONE]"):
            return self.conclude()
        if not data.strip():
            return b""
        try:
            value = decode(data)
        except JsonTextError:
            value = None
        if is_error(value):
            self.fault = replace(REPORTED, error=data)
            return b""
        if not isinstance(value, dict):
            self.fault = UNREADABLE
            return b""
        return self.chunk(value, data)

    def chunk(self, value: JsonObject, data: bytes = b"") -> bytes:
        """Return what the client is sent for a chunk; `data` is its text, which is sent where nothing changes."""
        self._identity.learn(value)
        if isinstance(usage := value.get("usage"), dict):
            self._usage = clean_usage(usage)
        given = value.get("choices")
        if not isinstance(given, list) or not given:
            self._fields.update(other_fields(value))
            if self._usage is not None and self._finishing() and self.ended:
                return self.conclude()  # a chunk with usage alone is the last
            return b""
        out: list[bytes] = []
        for choice in given:
            if isinstance(choice, dict) and (sent := self._one_choice(value, choice)) is not None:
                out.append(self._written(sent, value, data))
            if self.fault is not None:
                break
        return b"".join(out)

    def _one_choice(self, value: JsonObject, choice: JsonObject) -> JsonObject | None:
        """Return the chunk that a choice of a chunk becomes; None where the client has nothing of it."""
        index = _index(choice.get("index"))
        if not 0 <= index < self._options.choices:
            return None  # an upstream is only ever asked for so many
        state = self._choices.get(index) or self._choices.setdefault(index, _Choice())
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = _whole_message(choice, state)
        reason = finish_from_upstream(choice.get("finish_reason"))
        sent = self._delta(state, without_calls(delta), reasoned=reason is not None)
        if reason == "aborted":
            self.fault = BROKE_OFF
        elif reason is not None:
            state.finish = state.last_reason = plain_reason(reason)
            state.fields = {key: item for key, item in choice.items() if key not in _CHOICE}
            self._fields.update(other_fields(value))
        if not sent and not choice.get("logprobs"):
            return None
        rest = {key: item for key, item in choice.items() if key not in ("message", "delta")}
        normal: JsonObject = {**rest, "index": index, "delta": sent, "finish_reason": None}
        answer: JsonObject = {**self._identity.fields(CHUNK), "choices": [normal], **other_fields(value)}
        if "usage" in value:
            answer["usage"] = value["usage"] if self._options.every_usage else None
        return answer

    def _delta(self, state: _Choice, delta: JsonObject, *, reasoned: bool) -> JsonObject:
        """Return what of a delta is sent; its role once, with the choice's first."""
        says = any(value for key, value in delta.items() if key != "role")
        if says and state.finish is not None:
            state.contradicted, state.finish = True, None
        if says and not reasoned:
            state.had_text_without_reason = True
        if not state.opened:
            state.opened = True
            return {"role": "assistant", "content": "", **_unassigned(delta)}
        if not says:
            return {}
        return _unassigned(delta)

    def _written(self, chunk: JsonObject, value: JsonObject, data: bytes) -> bytes:
        """Return a chunk as an event: as the upstream wrote it, where it says the same."""
        opening = self._opening(chunk)
        if not data or b"\n" in data or opening:
            return opening + _event(chunk)
        event = b"data: " + data + b"\n\n"
        if self._plain is not None and self._plain.holds_text(event):
            return self._rename(event)
        if self._lessons < _LESSONS:
            self._learn(chunk, value, data)
        return event if chunk == value else _event(chunk)

    def _opening(self, chunk: JsonObject) -> bytes:
        """Return the first chunk of choice 0 where another one comes first, which official clients refuse."""
        if 0 in self._choices:
            return b""
        self._choices[0] = _Choice()
        self._choices[0].opened = True
        delta: JsonObject = {"role": "assistant", "content": ""}
        return _event({**chunk, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]})

    def _finish(self, index: int, choice: _Choice) -> bytes:
        reason = choice.finish or choice.last_reason or "stop"
        normal: JsonObject = {
            **choice.fields,
            "index": index,
            "delta": {},
            "logprobs": None,
            "finish_reason": reason,
        }
        usage: JsonObject = {"usage": None} if self._options.include_usage else {}
        return _event({**self._identity.fields(CHUNK), "choices": [normal], **self._fields, **usage})

    def _learn(self, chunk: JsonObject, value: JsonObject, data: bytes) -> None:
        """Remember what a plain chunk looks like, if this is one that differs in the model's name at most."""
        if self._options.choices > 1 or {**chunk, "model": None} != {**value, "model": None}:
            return
        plain = PlainChunk.of(value, data)
        if plain is not None:
            name = encode(self._identity.model)
            self._lessons += 1
            self._plain = plain
            self._renamed = plain.renamed(lambda text: _MODEL.sub(lambda match: match[1] + name, text))

    def _rename(self, block: bytes) -> bytes:
        """Return a block of plain chunks with the model's name that the client knows."""
        plain, renamed = self._plain, self._renamed
        assert plain is not None
        assert renamed is not None
        if renamed.before != plain.before:
            block = block.replace(plain.before, renamed.before)
        if renamed.behind != plain.behind:
            block = block.replace(plain.behind, renamed.behind)
        return block


_CHOICE: Final = frozenset(("index", "delta", "message", "finish_reason", "logprobs"))


def _whole_message(choice: JsonObject, state: _Choice) -> JsonObject:
    """Return a whole message in the place of a delta; nothing of it where its text was streamed before."""
    message = choice.get("message")
    return message if isinstance(message, dict) and not state.had_text_without_reason else {}


def _index(given: JsonValue) -> int:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return 0
    try:
        return int(given)
    except ValueError:
        return 0


def _is_json(data: bytes) -> bool:
    try:
        decode(data)
    except JsonTextError:
        return False
    return True


def _event(value: JsonObject) -> bytes:
    return b"data: " + encode(value) + b"\n\n"


def as_chunk(answer: JsonObject) -> JsonObject:
    """Return a whole answer, in normal form, as the one chunk of a stream."""
    given = answer["choices"]
    choices: list[JsonValue] = []
    for choice in given if isinstance(given, list) else ():
        assert isinstance(choice, dict)
        rest = {key: value for key, value in choice.items() if key != "message"}
        choices.append({**rest, "delta": choice["message"]})
    return {**answer, "object": CHUNK, "choices": choices}


def as_whole(events: list[JsonObject]) -> JsonObject:
    """Return the chunks of a stream, in normal form, as a whole answer."""
    messages: dict[int, FieldMerger] = {}
    choices: dict[int, JsonObject] = {}
    entries: dict[int, list[JsonValue]] = {}
    answer: JsonObject = {}
    for event in events:
        answer.update({key: value for key, value in event.items() if value is not None and key != "choices"})
        given = event["choices"]
        for choice in given if isinstance(given, list) else ():
            assert isinstance(choice, dict)
            index = _index(choice["index"])
            delta = choice["delta"]
            assert isinstance(delta, dict)
            messages.setdefault(index, FieldMerger()).add(_unassigned(delta))
            known = choices.setdefault(index, {})
            known.update({key: value for key, value in choice.items() if key not in ("delta", "logprobs")})
            logprobs = choice.get("logprobs")
            if isinstance(logprobs, dict) and isinstance(content := logprobs.get("content"), list):
                entries.setdefault(index, []).extend(content)
    whole: list[JsonValue] = [
        {
            **choices[index],
            "message": {"content": "", **messages[index].take(), "role": "assistant"},
            "logprobs": {"content": entries[index], "refusal": None} if index in entries else None,
        }
        for index in sorted(choices)
    ]
    return {**answer, "object": WHOLE, "choices": whole}


def _unassigned(delta: JsonObject) -> JsonObject:
    """Return a delta without its role."""
    return {key: value for key, value in delta.items() if key != "role"} if "role" in delta else delta
