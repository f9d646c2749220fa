"""Frame: messages with a header of channel and recipient, as harmony writes them.

```
message = [<|start|>role] {to=RECIPIENT | <|channel|>NAME | [<|constrain|>]TYPE} <|message|> body [<|end|> …]
```
The recipient may stand before or after the channel, and any special token may be missing where it leaked as text. A
recipient makes the body a call's JSON; otherwise the channel says whether it is reasoning or content, and the body is
read as ordinary text.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from toolgate_core.dialects.base import MessageGrammar
from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps, beginnings
from toolgate_core.extraction.envelope import scan_value
from toolgate_core.extraction.json_reader import BadBodyError, TooLargeError
from toolgate_core.extraction.mend import mend, skip
from toolgate_core.extraction.scanner import HEAD_WORDS

Turn = Literal["content", "reasoning", "skip"]
"""What kind of text follows a header."""

MAX_HEADER = 320
_ITEM = re.compile(
    r"\s*(?:<\|start\|>\s*(?P<role>[\w.-]+)?(?=[\s<])|<\|channel\|>\s*(?P<channel>[a-z]+)"
    r"|to=(?P<to>[^\s<{]+)|<\|constrain\|>\s*\w*|(?:json|code)\b)"
)
_HEAD_WORD = re.compile(rf"\s*(?:{'|'.join(HEAD_WORDS)})(?=\s)")
_BODY = re.compile(r"\s*<\|message\|>")
_BARE_BODY = re.compile(r"\s*(?=\{)")
_EDGES = re.compile(r"<\|(?:end|call|return)\|>|(<\|(?:start|channel)\|>)")
_CLOSE = re.compile(r"<\|(?:end|call|return)\|>")
_CLOSE_PREFIXES = beginnings(("<|end|>", "<|call|>", "<|return|>"))


class Header(Struct):
    """What a header says; `body` is whether the body has begun."""

    role: str = ""
    channel: str = ""
    to: str = ""


def read_header(text: str) -> tuple[Header, int, bool]:
    """Read header items; return them, where they end, and whether the body begins there."""
    header = Header()
    word = _HEAD_WORD.match(text)
    at = word.end() if word else 0
    while match := _ITEM.match(text, at):
        header.role = match.group("role") or header.role
        header.channel = match.group("channel") or header.channel
        header.to = match.group("to") or header.to
        at = match.end()
    body = _BODY.match(text, at) or (_BARE_BODY.match(text, at) if header.to else None)
    return header, body.end() if body else at, body is not None


def read_message(reading: Reading, grammar: MessageGrammar) -> Steps[bool | Turn]:
    """Read a header, and a call if it is one; return the channel's kind where ordinary text follows, false for text."""
    header = yield from _header(reading)
    if header is None:
        return False
    if header.to and header.to != "assistant" and not header.role.startswith("functions"):
        return (yield from _call(reading, header.to.removeprefix("functions.")))
    if header.role.startswith("functions") or header.channel not in grammar.reasoning | grammar.content:
        if header.role in ("", "assistant") and not header.channel:
            return "content"
        return "skip"
    return "reasoning" if header.channel in grammar.reasoning else "content"


def _header(reading: Reading) -> Steps[Header | None]:
    cursor = reading.cursor
    while True:
        text = cursor.text[cursor.pos : cursor.pos + MAX_HEADER]
        header, stop, complete = read_header(text)
        if complete:
            cursor.take(stop)
            return header
        if len(text) >= MAX_HEADER or not _may_go_on(text, stop) or not (yield from cursor.more()):
            return None


_TAIL = re.compile(r"\s*(?:<(?:\|\w{0,10}(?:\|(?:>\s*[\w.-]{0,64})?)?)?|to=\S{0,256}|\w{0,40})?\Z")


def _may_go_on(text: str, stop: int) -> bool:
    return _TAIL.match(text, stop) is not None


def _call(reading: Reading, name: str) -> Steps[bool]:
    cursor, call = reading.cursor, Call(reading)
    if not call.begin(name):
        return False
    char = yield from cursor.space()
    tape = cursor.record()
    complete = True
    try:
        if char == "{":
            yield from scan_value(reading, tape, call)
        elif not (yield from cursor.literal(_CLOSE, _CLOSE_PREFIXES)):
            raise BadBodyError
    except TooLargeError:
        call.repaired("too_large")
        yield from skip(cursor, _EDGES)
        complete = False
    except BadBodyError:
        mended = yield from mend(reading, tape, _EDGES)
        complete = not isinstance(mended, str) and call.write_value(mended.value)
        call.repaired(*(() if isinstance(mended, str) else mended.repairs))
    cursor.stop(tape)
    if call.tool is None and not complete:
        reading.sink.discard()
        reading.sink.drop("bad_json" if cursor.end is None or reading.stopped else "cut", tape.getvalue())
    else:
        call.end(complete=complete)
    yield from cursor.space()
    yield from cursor.literal(_CLOSE, _CLOSE_PREFIXES)
    return True
