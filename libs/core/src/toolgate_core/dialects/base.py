"""What a dialect is made of: grammars, which say how calls are read, and a writer, for prompts and histories.

Grammars are data. Each kind of grammar has one frame that reads it; a new dialect of a known kind is a new record and
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from toolgate_core.messages import ToolChoice, ToolDefinition


class Grammar(Struct, frozen=True, kw_only=True):
    """What every grammar has.

    Attributes:
        tags: names of opening tags (`tool_call` for `<tool_call …>`); white space, `/` or `>` must follow the name.
        tokens: openers that stand as they are.
        close_tags: names of closing tags; one without its opener is markup, once there has been a call.
        close_tokens: closers that stand as they are; the same holds.
        special: the markers are special tokens of a model, so that they mean what they say even inside code.
    """

    tags: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    close_tags: tuple[str, ...] = ()
    close_tokens: tuple[str, ...] = ()
    special: bool = False


class EnvelopeGrammar(Grammar, frozen=True, kw_only=True):
    """A JSON object, several of them or an array of them, each with name and arguments, between the markers."""

    name_keys: tuple[str, ...] = ("name",)
    argument_keys: tuple[str, ...] = ("arguments", "parameters")
    id_keys: tuple[str, ...] = ("id", "call_id")


class TaggedGrammar(Grammar, frozen=True, kw_only=True):
    """One element per call, one element per argument; the value's type comes from the tool's schema.

    The five XML entities and CDATA sections are decoded, once.

    Attributes:
        sections: names of the tags around the calls; they may be missing.
        calls: names of the tag around a call; its attribute `name` is the tool's.
        parameters: names of the tag around an argument; its attribute `name` is the key.
    """

    sections: tuple[str, ...]
    calls: tuple[str, ...]
    parameters: tuple[str, ...]


class MessageGrammar(Grammar, frozen=True, kw_only=True):
    """Messages with a header of channel and recipient, as in harmony: the recipient is the tool, the body its JSON."""

    reasoning: frozenset[str]
    content: frozenset[str]


class DecisionGrammar(Grammar, frozen=True, kw_only=True):
    """The decision JSON: `{"action":"call","calls":[…]}` or `{"action":"answer","answer":…}`."""

    envelope: EnvelopeGrammar


AnyGrammar: TypeAlias = EnvelopeGrammar | TaggedGrammar | MessageGrammar | DecisionGrammar


class Writer(Struct, frozen=True):
    """How prompts and histories are written in a dialect."""

    tools: Callable[[Sequence[ToolDefinition], ToolChoice, bool], str]
    calls: Callable[[Sequence[tuple[str, str]]], str]
    result: Callable[[str, str, str], str]


class Dialect(Struct, frozen=True, kw_only=True):
    """A text form in which a model family writes tool calls.

    `prose_safe`: its openers cannot be ordinary prose, so that `auto` and the marker scanner look for them everywhere.
    """

    name: str
    grammars: tuple[AnyGrammar, ...]
    writer: Writer
    prose_safe: bool = True

    def render_tools(self, tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
        """Return the system block that declares the tools and says how to call them."""
        return self.writer.tools(tools, choice, parallel)

    def render_calls(self, calls: Sequence[tuple[str, str]]) -> str:
        """Return calls (name, JSON text of the arguments) as the model itself would have written them."""
        return self.writer.calls(calls)

    def render_result(self, name: str, call_id: str, content: str) -> str:
        """Return a tool's result in the dialect's wrapper, with markup in it made harmless."""
        return self.writer.result(name, call_id, content)
