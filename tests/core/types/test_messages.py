"""Messages of parts, and conversations that are built when they are first read."""

from __future__ import annotations

from toolgate_core.types.messages import (
    Call,
    Conversation,
    Media,
    Message,
    Reasoning,
    Result,
    Text,
    calls_of,
    results_of,
    text_message,
    text_of,
)

HI = text_message("user", "hi")
BYE = text_message("assistant", "bye")


def test_a_conversation_is_built_once_and_when_it_is_read() -> None:
    built: list[int] = []

    def build() -> tuple[Message, ...]:
        built.append(1)
        return HI, BYE

    talk = Conversation(2, build)
    assert (len(talk), built) == (2, [])
    assert list(talk) == [talk[0], *talk[1:]] == [HI, BYE]
    assert built == [1]


def test_a_conversation_equals_the_same_messages_in_any_sequence() -> None:
    talk = Conversation(2, lambda: (HI, BYE))
    assert talk == (HI, BYE)
    assert talk == [HI, BYE]
    assert talk == Conversation(2, lambda: (HI, BYE))
    assert talk != (HI,)
    assert talk != 2
    assert repr(talk) == f"Conversation({(HI, BYE)!r})"


def test_the_parts_of_a_message_are_found_by_their_kind() -> None:
    call, result = Call("c", "f", "{}"), Result("c", (Text("r"),))
    message = Message("assistant", (Reasoning("hm"), Text("a"), Media({"type": "file"}), call, Text("b"), result))
    assert text_of(message.parts) == "a\nb"
    assert calls_of(message) == [call]
    assert results_of(message) == [result]
