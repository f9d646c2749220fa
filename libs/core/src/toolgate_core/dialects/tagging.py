"""Shared parts of the writers of tagged dialects: which values can be between tags, and how their edges are kept.

Tagged forms do not escape values. A value that would be read differently from how it was written is therefore not put
between tags at all: the arguments are JSON then, which every tagged frame reads, too. The law that what is written is
read back (`test_contract.py`) holds the conditions here and the reader together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import ungrouped
from toolgate_core.dialects.writing import argument_items, escape_lt
from toolgate_core.jsontext import JsonValue, encode_str

KEY = re.compile(r"[\w.$@:-]{1,200}")
"""Keys that can be in any tag."""

_EDGE = re.compile(r"\A\r?\n|[\r\n]\Z")
_LONG_SPACE = re.compile(r"[ \t\r\n]{4000}")
"""More white space than the reader holds to decide between layout and text (`MAX_GAP`)."""
_MEANS_MORE = re.compile(r"<[|｜]\w|</?(?:\w{1,16}[:_])?think\b", re.IGNORECASE)
"""Text that servers take for a special token, or chat templates for the end of reasoning, anywhere in a history."""


def as_text(value: JsonValue) -> str:
    """Return a string unchanged, anything else as JSON text with `<` escaped."""
    return value if isinstance(value, str) else escape_lt(encode_str(value))


def as_python_text(value: JsonValue) -> str:
    """Return the same, but True, False and None for true, false and null."""
    return repr(value) if value is None or isinstance(value, bool) else as_text(value)


def lines(text: str) -> str:
    """Return a text with a line break on each side; the reader removes one on each side."""
    return f"\n{text}\r\n" if text.endswith("\r") else f"\n{text}\n"


def keep_newlines(text: str) -> str:
    """Return a text, with line breaks around it if one at its own edge would be taken for layout."""
    return lines(text) if _EDGE.search(text) else text


def tagged_arguments(
    call: WrittenCall,
    grammar: TaggedGrammar,
    element: Callable[[str, str], str],
    *,
    to_text: Callable[[JsonValue], str] = as_text,
) -> str | None:
    """Return the arguments of a call, each written by `element` from its key and its text.

    None where a key can't be in a tag, or where a text holds what would be read as a tag.
    """
    found = [(key, to_text(value)) for key, value in argument_items(call.arguments)]
    keys = frozenset(key for key, _ in found)
    if all(KEY.fullmatch(key) and _is_expressible(text, grammar, keys) for key, text in found):
        return "".join(element(key, text) for key, text in found)
    return None


def tagged_or_json(
    call: WrittenCall,
    grammar: TaggedGrammar,
    element: Callable[[str, str], str],
    *,
    to_text: Callable[[JsonValue], str] = as_text,
) -> str:
    """Return the same, or all arguments as one JSON object, which the frame of tagged calls reads, too."""
    found = tagged_arguments(call, grammar, element, to_text=to_text)
    return f"{escape_lt(call.arguments)}\n" if found is None else found


def is_safe(text: str) -> bool:
    """Whether a text can be in a history unchanged: nothing in it is markup for servers or chat templates."""
    return _MEANS_MORE.search(text) is None


class _Tags(Struct, frozen=True):
    """What a text between tags must not hold.

    Attributes:
        breaks: what ends a value, or begins another, wherever it stands.
        parameter: the tags of arguments, which count where they are the call's own.
        opener: what opens a call or an argument, or begins like it.
        call: what opens a call.
        close: what may close the value.
        line_close: the same, at the beginning of a line.
        either: a tag that opens an argument, or one that closes it (group `close`).
    """

    breaks: regex.Pattern[str]
    parameter: regex.Pattern[str]
    opener: regex.Pattern[str]
    call: regex.Pattern[str]
    close: regex.Pattern[str]
    line_close: regex.Pattern[str]
    either: regex.Pattern[str]


def _is_expressible(text: str, grammar: TaggedGrammar, keys: frozenset[str]) -> bool:
    """Whether a text between tags is read back unchanged."""
    if not is_safe(text) or _LONG_SPACE.search(text) or (grammar.trim == "strip" and text != text.strip()):
        return False
    tags = _tags(grammar)
    if tags.breaks.search(text) or not _balanced(text, tags):
        return False
    # Behind a closing tag that may have been the value's own, what opens something new is believed.
    if tags.call.search(text) and tags.close.search(text):
        return False
    if tags.opener.search(text) and tags.line_close.search(text):
        return False
    found = (match.groupdict().get("key") for match in tags.parameter.finditer(text))
    return not any(key is None or key.strip() in keys for key in found)


def _balanced(text: str, tags: _Tags) -> bool:
    """Whether a text keeps its own closing tag to itself.

    A tag that stays open in it would take that one; before it, a closing tag of nothing would be the text's end.
    """
    depth = 0
    for match in tags.either.finditer(text):
        if match["close"] and not depth and not text[match.end() :].strip():
            return False
        depth = max(0, depth - 1) if match["close"] else depth + 1
    return not depth


@cache
def _tags(grammar: TaggedGrammar) -> _Tags:
    call, parameter = ungrouped(grammar.call), ungrouped(grammar.parameter)
    ends = "|".join(filter(None, (grammar.call_close, grammar.section_close)))
    after_call = "|".join(filter(None, (ends, call, grammar.section)))
    heads = "|".join((*(rf"<{tag}(?=[\s/>])" for tag in grammar.tags), *map(re.escape, grammar.tokens)))
    opener = f"{parameter}|{call}|{heads}"
    patterns = (
        rf"(?:{grammar.parameter_close})\s*(?:{parameter}|{after_call}|{heads})",
        rf"(?:{ends})\s*(?:{after_call}|{heads})",
        rf"(?:\A|\n)\s*(?:{opener})",
        r"\A\s*<!\[CDATA\[",
    )
    close = f"{grammar.parameter_close}|{ends}"
    return _Tags(
        breaks=_compiled("|".join(patterns)),
        parameter=_compiled(grammar.parameter),
        opener=_compiled(opener),
        call=_compiled(call),
        close=_compiled(close),
        line_close=_compiled(rf"(?:\A|\n)\s*(?:{close})"),
        either=_compiled(f"(?P<close>{grammar.parameter_close})|{parameter}"),
    )


def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE)
