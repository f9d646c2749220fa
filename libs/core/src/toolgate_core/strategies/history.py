"""The conversation so far, as a strategy without native tools shows it to a model: in a dialect, with a fault quoted.

Chat templates decide what a server accepts, and most want one system message at the beginning and roles that alternate.
So results become user messages, those in a row one message, and system messages one block. Calls and results have the
ids under which the dialect knows them, so that a model that reads its own dialect finds what it has been trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects import DIALECTS, Dialect
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.types.faults import Fault
from toolgate_core.types.messages import (
    INSTRUCTION_ROLES,
    Call,
    Message,
    Result,
    Text,
    calls_of,
    results_of,
    text_message,
    text_of,
)

MAX_QUOTED = 2_000
"""Characters of a model's own answer that a retry shows it."""


def render_history(messages: Sequence[Message], dialect: str) -> list[Message]:
    """Return the messages without calls and results: they are written in `dialect`.

    Results become user messages, those in a row one; system messages are left out (see `with_system`).
    """
    history = _History(DIALECTS[dialect])
    out: list[Message] = []
    after_result = False
    for message in messages:
        # `with_system` collects them from the given messages.
        if message.role in INSTRUCTION_ROLES:
            continue
        results = results_of(message)
        for result in results:
            # Only results in a row, and the user's words after them, become one message.
            add_user(out, history.result(result), merge=after_result)
            after_result = True
        rest = _without_results(message) if results else message
        if rest is None:
            continue
        if calls_of(rest):
            out.append(history.calls(rest))
        elif rest.role == "user":
            add_user(out, rest, merge=after_result)
        else:
            out.append(rest)
        after_result = False
    return out


def with_system(messages: list[Message], given: Sequence[Message], block: str, *, role: bool) -> tuple[Message, ...]:
    """Return `messages` after one system message: the texts of those in `given`, then `block`.

    `role`: the upstream has system messages; otherwise the text begins the first user message.
    """
    texts = [text_of(message.parts) for message in given if message.role in INSTRUCTION_ROLES]
    text = "\n\n".join(filter(None, [*texts, block]))
    if not text:
        return tuple(messages)
    if role:
        return (text_message("system", text), *messages)
    first = [text_message("user", text)]
    # Roles that have to alternate allow no second user message after the text.
    if messages and messages[0].role == "user":
        add_user(first, messages[0], merge=True)
        return (*first, *messages[1:])
    return (*first, *messages)


def quote(messages: Sequence[Message], fault: Fault) -> tuple[Message, ...]:
    """Return the messages with the model's last answer and what was wrong with it, asking for another."""
    out = list(messages)
    # The model sees its own words before the correction, in the order of a conversation.
    if fault.raw:
        out.append(text_message("assistant", fault.raw[:MAX_QUOTED]))
    ask = f"That answer could not be used: {fault.detail} Give the whole answer again, with this corrected."
    add_user(out, text_message("user", ask), merge=True)
    return tuple(out)


def add_user(out: list[Message], message: Message, *, merge: bool) -> None:
    """Append a user message; `merge`: to the one before it, since many templates want the roles to alternate."""
    if not merge or not out or out[-1].role != "user":
        out.append(message)
        return
    before = out[-1]
    if before.plain and message.plain:
        # Two strings stay one string; with images or other parts the list is kept.
        text = f"{text_of(before.parts)}\n\n{text_of(message.parts)}"
        out[-1] = replace(before, parts=(Text(text),))
    else:
        out[-1] = replace(before, parts=(*before.parts, *message.parts), plain=False)


def _without_results(message: Message) -> Message | None:
    """Return what else a message with results says; None where it says nothing else."""
    rest = tuple(part for part in message.parts if not isinstance(part, Result))
    return replace(message, parts=rest) if rest else None


class _History:
    """Writes the calls and results of one conversation; counts its calls."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[str, WrittenCall] = {}
        self._count = 0

    def calls(self, message: Message) -> Message:
        """Return an assistant message with its calls as text."""
        block = self._dialect.render_calls([self._call(call) for call in calls_of(message)])
        text = text_of(message.parts)
        return text_message("assistant", f"{text}\n{block}" if text else block)

    def result(self, result: Result) -> Message:
        """Return a result as a user message."""
        # A result without its call, as in a history that was cut, is written under the id that it has.
        call = self._known.get(result.call_id, WrittenCall(result.call_id, "{}", result.call_id))
        text = Text(self._dialect.render_result(call.name, call.id, text_of(result.parts)))
        # Dialects write text alone; images of a result stay parts of the user message.
        media = tuple(part for part in result.parts if not isinstance(part, Text))
        return Message("user", (text, *media), plain=not media)

    def _call(self, given: Call) -> WrittenCall:
        call = WrittenCall(given.name, given.arguments, given.id, self._count)
        # Some dialects have their own form of ids: Kimi's name the tool and count the calls.
        call = replace(call, id=self._dialect.call_id(call))
        self._known[given.id] = call
        self._count += 1
        return call
