"""Splits a broken list of envelopes into its elements, so that a bad element does not take the others along.

```
list    = element { [","|";"] element }          element = "{" … "}"
end     = "}" that is before the beginning of another element, `{"name":`
```
A list that can't be repaired as a whole is mostly one with a single bad element, or with a comma missing. Where an
element ends can't be parsed then, so it is recognised by what begins after it: a brace and a key of envelopes. That is
no end inside a list within the element (its brackets are not balanced there): such a list is a list of arguments, not
of calls. Brackets inside its strings may hide an end, and never invent one. A brace that is missing at the end of an
element is closed, because the model has gone on.

Bounds: MAX_TRIES readings for each element that does not close, everything else is one pass.
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.extraction.json_calls import ParsedCall, calls_in
from toolgate_core.extraction.repair import MAX_TRIES
from toolgate_core.schema.relaxed import relax

_LIST_END = regex.compile(r"(?<=\}\s{0,64})\](?=[ \t]*+\n)")
_GOES_ON = regex.compile(r"\s*+(?:[}\],\"]|\Z)")
_OTHER_KEYS = ("type", "index", "function", "tool_call")


class ListElement(Struct, frozen=True):
    """One element: its calls, or the text that can't be read, with the name found in it (empty: none)."""

    found: tuple[ParsedCall, ...]
    repairs: tuple[str, ...] = ()
    raw: str = ""
    name: str = ""


@cache
def _patterns(grammar: EnvelopeGrammar) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    """Return the patterns of where an element may end before another one, and of the name in one."""
    keys = (*grammar.name_keys, *grammar.argument_keys, *grammar.id_keys, *_OTHER_KEYS)
    key = r"[^\"'\s:]{1,256}" if grammar.keyed else "|".join(map(regex.escape, keys))
    names = "|".join(map(regex.escape, grammar.name_keys))
    name = r"\{\s*+[\"'](?P<name>" if grammar.keyed else rf"[\"']?(?:{names})[\"']?\s*+:\s*+[\"'](?P<name>"
    return (
        regex.compile(rf"""\}}(?:\s*+[,;]){{0,4}}+\s*+(?=\{{\s*+["']?(?:{key})["']?\s*+:)"""),
        regex.compile(name + r"[^\"'\s]{1,256})[\"']"),
    )


def list_end(text: str) -> int:
    """Return where a list ends that has no closing marker: after a bracket at the end of a line, braces balanced.

    Granite and Mistral write a list without a closer, and text may follow it. Where the braces never balance, because
    one is missing, it is the last such bracket that is not followed by more of a list.
    """
    last, depth, counted = len(text), 0, 0
    for match in _LIST_END.finditer(text):
        depth += text.count("{", counted, match.start()) - text.count("}", counted, match.start())
        counted = match.start()
        if not depth:
            return match.start() + 1
        if _GOES_ON.match(text, match.end()) is None:
            last = match.start() + 1
    return last


def split_list(text: str, grammar: EnvelopeGrammar, *, arguments: bool = False) -> list[ListElement]:
    """Return the elements of what is inside the brackets of a list; empty if it has fewer than two.

    `arguments`: an object without arguments is not a call.
    """
    end, name = _patterns(grammar)
    ends = [match.start() + 1 for match in end.finditer(text)]
    if not ends:
        return []
    result: list[ListElement] = []
    start, tries = text.find("{"), 0
    body = text.rstrip(" \t\r\n]`")
    for stop in (*ends, len(body)):
        piece = body[start:stop]
        closed = piece.count("[") == piece.count("]")
        tries += 1
        read = relax(piece, close=closed and stop < len(body)) if closed or tries <= MAX_TRIES else None
        found = calls_in(read[0], grammar, arguments=arguments) if read is not None else []
        if read is not None and found:
            result.append(ListElement(tuple(found), read[1]))
        elif closed or stop == len(body):
            match = name.search(piece)
            result.append(ListElement((), raw=piece, name=match["name"] if match else ""))
        else:
            continue
        start, tries = max(text.find("{", stop), stop), 0
    return result
