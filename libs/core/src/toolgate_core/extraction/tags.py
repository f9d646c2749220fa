"""Tags of tagged calls: their patterns, compiled, and the attributes inside of them."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.dialects.patterns import ungrouped

MAX_TAG = 2048
_NEVER = "(?!)"
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]{1,128}+)\s*+=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>/]+))""")
ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_NAMES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class ValueEnds(Struct, frozen=True):
    """How a value ends.

    Attributes:
        close: its closing tag.
        confirmed: the closing tag, with structure behind it.
        last: the same, or nothing at all behind it: for a text that has ended.
    """

    close: regex.Pattern[str]
    confirmed: regex.Pattern[str]
    last: regex.Pattern[str]


class TagMarks(Struct, frozen=True):
    """A grammar's tags, compiled.

    Attributes:
        between: a tag of an argument that shows the end of the one before it.
        value: how a value ends by its own tag.
        ends: how it ends by the end of the call or the section, its own tag missing.
        structure: the source of a pattern of everything that may follow a value.
        any_structure: the same, with tags that are named after arguments.
        json_edge: where arguments that are a broken JSON object end at the latest.
    """

    section: regex.Pattern[str]
    section_close: regex.Pattern[str]
    call: regex.Pattern[str]
    call_close: regex.Pattern[str]
    parameter: regex.Pattern[str]
    between: regex.Pattern[str]
    value: ValueEnds
    ends: ValueEnds
    structure: str
    any_structure: str
    json_edge: regex.Pattern[str]


def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern or _NEVER, regex.IGNORECASE)


@cache
def tag_marks(grammar: TaggedGrammar) -> TagMarks:
    """Return the patterns of a grammar's tags, as far as they do not depend on the call."""
    return _marks(grammar, grammar.call_close, grammar.parameter)


@lru_cache(maxsize=1024)
def _named_marks(grammar: TaggedGrammar, name: str, properties: tuple[str, ...]) -> TagMarks:
    tags = "|".join(map(regex.escape, properties)) or _NEVER
    parameter = f"{grammar.parameter or _NEVER}|<(?P<property>{tags})\\s*(?P<inside>/?)>"
    return _marks(grammar, grammar.call_close.replace("{name}", regex.escape(name)), parameter)


def call_marks(grammar: TaggedGrammar, name: str, properties: tuple[str, ...]) -> TagMarks:
    """Return the patterns for one call; `properties` are the names of the declared arguments."""
    if grammar.property_tags or "{name}" in grammar.call_close:
        return _named_marks(grammar, name, properties)
    return tag_marks(grammar)


def _marks(grammar: TaggedGrammar, call_close: str, parameter: str) -> TagMarks:
    section, section_close = grammar.section or _NEVER, grammar.section_close or _NEVER
    call = _NEVER if grammar.declared else ungrouped(grammar.call)
    ends = f"(?:{call_close}|{section_close})"
    after_call = f"(?:{call_close}|{section_close}|{call}|{section})"
    # Elsewhere tags that are named after a parameter may stand in a value.
    between = parameter if not grammar.parameter else grammar.parameter
    structure = f"(?:{ungrouped(between) or _NEVER}|{after_call})"
    return TagMarks(
        section=_compiled(grammar.section),
        section_close=_compiled(grammar.section_close),
        call=_compiled(grammar.call),
        call_close=_compiled(call_close),
        parameter=_compiled(parameter),
        between=_compiled(between),
        value=value_ends(grammar.parameter_close, structure),
        ends=value_ends(ends, after_call),
        structure=structure,
        any_structure=f"(?:{ungrouped(parameter) or _NEVER}|{after_call})",
        json_edge=_compiled(f"{ends}|(?P<other>{call})"),
    )


@lru_cache(maxsize=4096)
def value_ends(close: str, behind: str) -> ValueEnds:
    """Return how a value ends whose closing tag is `close` and which `behind` may follow."""
    return ValueEnds(
        close=_compiled(close),
        confirmed=_compiled(f"(?:{close or _NEVER})(?=\\s*{behind})"),
        last=_compiled(f"(?:{close or _NEVER})(?=\\s*(?:{behind}|\\Z))"),
    )


def attribute(inside: str, name: str) -> str | None:
    """Return an attribute of a tag, its entities decoded."""
    for match in _ATTRIBUTE.finditer(inside):
        if match.group(1).lower() == name:
            return unescape_entities(match.group(2) or match.group(3) or match.group(4) or "")
    return None


def unescape_entities(text: str) -> str:
    """Return `text` with the five XML entities and numeric ones decoded once."""
    return ENTITY.sub(decoded, text) if "&" in text else text


def decoded(match: re.Match[str]) -> str:
    """Return what an entity stands for; itself where it is none."""
    name, decimal, hexadecimal = match.groups()
    if name:
        return _NAMES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    valid = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if valid else match.group()
