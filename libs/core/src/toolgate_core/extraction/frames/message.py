"""Frame: messages with a header of channel and recipient, as harmony (gpt-oss) and Muse write them.

```
message = [<|start|>role] {to=RECIPIENT | <|channel|>NAME | [<|constrain|>]TYPE} <|message|> body [<|end|> …]
```
(Source: https://cookbook.openai.com/articles/openai-harmony; the server's template writes and mostly reads it.)

Servers parse harmony themselves, so what arrives here is what leaked. The recipient may be before or after the
channel, and any special token may be missing because it was stripped from the text: then the words are glued to each
other, as in `assistantcommentary to=functions.F json{…}`. A recipient makes the body a call; otherwise the channel says
whether it is reasoning or content, and the body is read as ordinary text by the engine (`MessageStart`).

With `body="block"` (Muse) the recipient decides: `self` is reasoning, `user` content, and calls stand as elements in
messages to tools. Calls in other messages are quotations.

What may wait: a header of at most MAX_HEADER characters. The body of a call is read by `object_arguments`.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import regex
from msgspec import Struct

from toolgate_core.dialects.base import MessageGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.object_arguments import read_object

MAX_HEADER = 512

# The parts of a header in any order, each recognised by its own token or word.
_ITEM = (
    r"(?:<\|start\|>\s{0,16}(?:(?P<role>[\w.-]+)(?=[\s<]))?|<\|channel\|>\s{0,16}(?P<channel>[a-z]+)"
    r"|assistant(?=<\|channel\|>)|to=(?P<to>[^\s<{]+)(?=[\s<{])|<\|constrain\|>\s{0,16}\w*|(?:json|code)(?=[\s<{]))"
)
_WORD = r"(?P<word>(?:assistant)?(?P<channel>analysis|commentary|final))"
_ITEMS = rf"(?:\s{{0,16}}{_ITEM}){{0,8}}"
# Without its tokens a header is a word; then only a recipient with a brace after it makes it one.
_HEADER = regex.compile(
    rf"(?:\s*{_WORD}(?=\s))?{_ITEMS}\s{{0,16}}(?:<\|message\|>|(?(to)(?=\{{)|(?!)))", regex.IGNORECASE
)
# Stripped tokens leave `analysisWe need …`: the channel's name and the text without a space.
_GLUED = regex.compile(
    rf"\s*{_WORD}(?:\s{{1,16}}to=(?P<to>[^\s<{{]+)(?:\s{{1,16}}(?:json|code))?\s{{0,16}}(?=\{{)|(?=\S))"
)
_BLOCK = regex.compile(r"\s{0,64}<[a-z]+:")


class MessageStart(Struct, frozen=True):
    """What kind of text follows a header; `quoted`: calls in it are quotations."""

    kind: Literal["content", "message_reasoning", "skip"]
    quoted: bool = False


@cache
def _closers(grammar: MessageGrammar) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    ends = "|".join(map(regex.escape, grammar.ends))
    return regex.compile(ends), regex.compile(rf"{ends}|(?P<other><\|(?:start|channel)\|>)")


def read_message(reader: BlockReader, grammar: MessageGrammar) -> Steps[bool | MessageStart]:
    """Read a header, and a call if it is one; return the channel's kind where ordinary text follows, false for text."""
    match = yield from reader.cursor.read_match(_GLUED if grammar.glued else _HEADER, window=MAX_HEADER)
    if match is None:
        return False
    found = {name: text or "" for name, text in match.groupdict().items()}
    role, to, channel = found.get("role", ""), found.get("to", ""), found.get("channel", "").lower()
    if grammar.body == "block":
        return False if channel else (yield from _addressed(reader, grammar, to))
    # `to=assistant` heads the echo of a result, whose role is `functions.NAME`.
    if to and to != "assistant" and not role.startswith("functions"):
        return (yield from _to_tool(reader, grammar, to))
    # An unknown channel, or an invented result, is neither for the user nor a thought.
    if role.startswith("functions") or channel not in grammar.reasoning | grammar.content:
        return MessageStart("content" if role in ("", "assistant") and not channel else "skip")
    return MessageStart("message_reasoning" if channel in grammar.reasoning else "content")


def _to_tool(reader: BlockReader, grammar: MessageGrammar, to: str) -> Steps[bool | MessageStart]:
    # Behind `functions.` any name is meant as a tool of the request, even an unknown one. Other names are built-in
    # tools of the model (browser, python), which do not run here.
    if not to.startswith("functions.") and reader.tool(to) is None:
        return MessageStart("skip")
    return (yield from _call(reader, grammar, to.removeprefix("functions.")))


def _addressed(reader: BlockReader, grammar: MessageGrammar, to: str) -> Steps[bool | MessageStart]:
    """Read a message whose recipient decides what it is: calls count only in messages to tools."""
    if not to or to in grammar.content:
        begins = bool(to) and (yield from reader.cursor.peek_match(_BLOCK, window=128)) is not None
        return MessageStart("content", quoted=bool(to) and not begins)  # an answer does not begin with a quoted call
    if to in grammar.reasoning:
        return MessageStart("message_reasoning", quoted=True)
    if (yield from reader.cursor.peek_match(_BLOCK, window=128)) is None:
        return False
    return MessageStart("skip")


def _call(reader: BlockReader, grammar: MessageGrammar, name: str) -> Steps[bool]:
    call = CallWriter(reader)
    if not call.begin(name):
        return False
    return (yield from read_object(reader, call, *_closers(grammar), marked=True))
