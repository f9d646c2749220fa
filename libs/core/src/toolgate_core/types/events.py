"""What an extraction says about a model's text, in the order of the text.

Events are append-only: nothing is ever taken back. `CallStart` comes once per call, `ArgumentsDelta` pieces of it
concatenate to one JSON object, `CallEnd` closes it. Indexes are dense from 0 for one extraction.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from toolgate_core.jsontext import JsonObject


class TextDelta(Struct, frozen=True):
    """Text meant for the user."""

    text: str


class ReasoningDelta(Struct, frozen=True):
    """Text that the model meant for itself."""

    text: str


class CallStart(Struct, frozen=True):
    """A call has begun and its name is complete; `id` is the one that the text gives, if it gives one.

    `fields` are what an upstream says of a call beyond OpenAI's contract; a client sends them back in its history.
    """

    index: int
    name: str
    id: str | None = None
    fields: JsonObject = {}


class ArgumentsDelta(Struct, frozen=True):
    """The next piece of the arguments' JSON text."""

    index: int
    json: str


class CallEnd(Struct, frozen=True):
    """A call has ended. Not `complete`: it was cut or could not be read, and must never be delivered.

    `repairs` are the tags of what was mended on the way, such as `missing_close`.
    """

    index: int
    complete: bool = True
    repairs: tuple[str, ...] = ()


class Drop(Struct, frozen=True):
    """Text that is neither for the user nor a call: markup, or a call that could not be read.

    `kind` is `markup` for what merely wraps, otherwise what was wrong, such as `bad_json` or `cut`.
    """

    kind: str
    raw: str


class RefusalDelta(Struct, frozen=True):
    """Text in which the model refuses, where the upstream tells it from other text."""

    text: str


class MessageFields(Struct, frozen=True):
    """Fields of a message that nobody here knows; those of one message are merged by `merge_fields`."""

    fields: JsonObject


Event: TypeAlias = TextDelta | ReasoningDelta | CallStart | ArgumentsDelta | CallEnd | Drop
"""What an extraction says."""

AnswerEvent: TypeAlias = Event | RefusalDelta | MessageFields
"""What an answer is made of: extracted, or told by the upstream."""
