"""A conversation, neutral of any wire format: messages that consist of parts.

Invariants. The order of messages and parts is the order in which the model reads them. `fields` hold what their format
says beyond the typed attributes, at every level, under that format's own names: they are carried, never read. A call's
`arguments` are the JSON text of an object. A result follows the call that it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias, overload

from msgspec import Struct

from toolgate_core.jsontext import JsonObject

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]

INSTRUCTION_ROLES: frozenset[Role] = frozenset(("system", "developer"))
"""Roles of instructions; the newer one is OpenAI's."""


class Text(Struct, frozen=True):
    """Text that the model reads or has written."""

    text: str
    fields: JsonObject = {}


class Media(Struct, frozen=True):
    """A picture, a sound, a file: one opaque JSON object in the form of its format."""

    value: JsonObject


class Reasoning(Struct, frozen=True):
    """What the model thought before it answered.

    `signature`: the proof of origin that some providers want back with it. `name`: what its format calls the field,
    where servers differ (`reasoning`, `reasoning_content`); empty otherwise.
    """

    text: str
    signature: str | None = None
    name: str = ""
    fields: JsonObject = {}


class Call(Struct, frozen=True):
    """A call that the model has made; `arguments` is the JSON text of an object."""

    id: str
    name: str
    arguments: str
    fields: JsonObject = {}


class Result(Struct, frozen=True):
    """What a call has returned. `plain`: its content is one string rather than a list of parts."""

    call_id: str
    parts: tuple[Text | Media, ...] = ()
    is_error: bool = False
    plain: bool = True
    fields: JsonObject = {}


Part: TypeAlias = Text | Media | Reasoning | Call | Result


class Message(Struct, frozen=True):
    """One message. `plain`: its content is one string, or missing, rather than a list of parts."""

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    plain: bool = True
    fields: JsonObject = {}


class Conversation(Sequence[Message]):
    """The messages of a request, made of their source when they are first read.

    A request that goes on in the format in which it came is never read by its messages, and a conversation of a hundred
    messages is most of a request: so building them waits. Two threads that read at once build the same messages.
    """

    __slots__ = ("_build", "_count", "_messages")

    def __init__(self, count: int, build: Callable[[], tuple[Message, ...]]) -> None:
        self._count = count
        self._build = build
        self._messages: tuple[Message, ...] | None = None

    def _read(self) -> tuple[Message, ...]:
        if self._messages is None:
            self._messages = self._build()
        return self._messages

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        """Return one message, or those of a slice."""
        return self._read()[index]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._read())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._read() == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # the fields of messages can change

    def __repr__(self) -> str:
        return f"Conversation({self._read()!r})"


def text_message(role: Role, text: str) -> Message:
    """Return a message that is one text."""
    return Message(role, (Text(text),))


def text_of(parts: Sequence[Part]) -> str:
    """Return the texts among parts, joined by line breaks; the other parts are left out."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def calls_of(message: Message) -> list[Call]:
    """Return the calls of a message."""
    return [part for part in message.parts if isinstance(part, Call)]


def results_of(message: Message) -> list[Result]:
    """Return the results of a message."""
    return [part for part in message.parts if isinstance(part, Result)]
