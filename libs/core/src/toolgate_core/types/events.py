"""Events: what an extraction finds in a model's text, in the order of the text, and what reaches the client.

Events are append-only, nothing is taken back: a client that has seen one can't forget it. Each call has one
`CallStart`, then `ArgumentsDelta`s that concatenate to one JSON object, then one `CallEnd`. Indexes of calls are dense
from 0.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from toolgate_core.jsontext import JsonObject


class TextDelta(Struct, frozen=True):
    """Text meant for the user."""

    text: str


class ReasoningDelta(Struct, frozen=True):
    """Reasoning: text that the model meant for itself."""

    text: str


class CallStart(Struct, frozen=True):
    """The start of a call: its name is complete. `id`: the one in the text, if there is one.

    `fields`: the upstream's own fields of a call, beyond OpenAI's contract; a client sends them back in its history.
    """

    index: int
    name: str
    id: str | None = None
    fields: JsonObject = {}


class ArgumentsDelta(Struct, frozen=True):
    """The next fragment of the arguments, as JSON text."""

    index: int
    json: str


class CallEnd(Struct, frozen=True):
    """The end of a call. Not `complete`: it was cut or could not be read, and must never be delivered.

    `repairs`: tags of the repairs that reading it took, such as `missing_close`.
    """

    index: int
    complete: bool = True
    repairs: tuple[str, ...] = ()


class Drop(Struct, frozen=True):
    """Text that is left out: markup around calls, or a call that could not be read.

    `kind`: `markup` for what merely wraps a call, otherwise what was wrong, such as `bad_json` or `cut`.
    """

    kind: str
    raw: str


class RefusalDelta(Struct, frozen=True):
    """Text in which the model refuses, where the upstream marks it as such."""

    text: str


class MessageFields(Struct, frozen=True):
    """Fields of a message that the gateway does not know; `merging.FieldMerger` merges those of one message."""

    fields: JsonObject


Event: TypeAlias = TextDelta | ReasoningDelta | CallStart | ArgumentsDelta | CallEnd | Drop
"""Events of an extraction."""

AnswerEvent: TypeAlias = Event | RefusalDelta | MessageFields
"""Events of an answer: extracted from its text, or reported by the upstream."""
