"""The patterns of tagged calls, compiled once for each grammar, or for each call whose tags depend on the tool.

```
tag       = "<" name [attributes] ["/"] ">"        attribute = name "=" ("value" | 'value' | value)
closer    = "</" name ">"
```
Grammars say how their tags look (`TaggedGrammar`). Here they are put together into the questions that a reader asks at
a `<`: does an argument begin, does the value end, does the call end? In most dialects the answer needs the text
*after* the tag, since `</parameter>` may be inside a value that shows such markup. Therefore each closing tag is
compiled several times: alone, with structure after it (`confirmed`), and with the end of the text after it (`last`).

Some dialects name their tags after the tool or its parameters (`<city>Oslo</city>`): their patterns hold these names
and are cached for the last 1024 tools. Names are escaped, because a tool may be called `weather.v2`.

Bounds: a tag has at most MAX_TAG characters; attributes and names have bounded lengths in the patterns themselves, and
quantifiers are possessive where a hostile tag could otherwise be parted in many ways.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.dialects.patterns import ATTRIBUTES, ungrouped

MAX_TAG = 2048
"""Characters that a tag with its attributes may have; a longer one is text."""
MAX_STRAYS = 4
"""Closing tags in a row that close nothing."""
_NEVER = "(?!)"
# Models put a tag around all arguments that no dialect has: it is ignored.
_ALL = r"<(?:parameters|arguments|params|args|input)\s{0,16}>"
"""A tag around all arguments."""
_STRAYS = rf"</[^<>]{{1,128}}>|[,;]|{_ALL}|<!--(?:[^-]|-(?!->)){{0,512}}-->"
_ANY_NAME = r"[A-Za-z_][\w.\-]{0,255}"
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]{1,128}+)\s*+=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>/]+))""")
ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_MARKUP = re.compile(r"<[A-Za-z/!?]")
_NAMES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class ValueEnds(Struct, frozen=True):
    """How a value ends.

    Attributes:
        close: its closing tag.
        confirmed: the closing tag, with structure after it.
        last: the same, or nothing at all after it: for a text that has ended.
        strayed: what `confirmed` is, also with more closing tags between, which are strays.
        strayed_last: what `last` is, with such strays.
        open: a tag that the closing tag could belong to, where that is not the tag of any argument.
    """

    close: regex.Pattern[str]
    confirmed: regex.Pattern[str]
    last: regex.Pattern[str]
    strayed: regex.Pattern[str]
    strayed_last: regex.Pattern[str]
    open: regex.Pattern[str] | None = None


class TagPatterns(Struct, frozen=True):
    """A grammar's tags, compiled.

    Attributes:
        parameter: what opens an argument where one may begin.
        expected: the same, but for elements whose name the tool does not declare, unless it declares none; or a tag
            around all arguments.
        between: a tag of an argument that shows the end of the one before it.
        value: how a value ends by its own tag.
        property: the same, where the tag is named after the argument; the group `own` is its name.
        ends: how it ends by the end of the call or the section, its own tag missing.
        stray: what may be between arguments and is ignored: closing tags of nothing, a tag around all arguments,
            comments.
        json_edge: where arguments that are a broken JSON object end at the latest.
    """

    section: regex.Pattern[str]
    section_close: regex.Pattern[str]
    call: regex.Pattern[str]
    call_close: regex.Pattern[str]
    parameter: regex.Pattern[str]
    expected: regex.Pattern[str]
    between: regex.Pattern[str]
    value: ValueEnds
    property: ValueEnds
    ends: ValueEnds
    stray: regex.Pattern[str]
    json_edge: regex.Pattern[str]


def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern or _NEVER, regex.IGNORECASE)


@cache
def tag_patterns(grammar: TaggedGrammar) -> TagPatterns:
    """Return the patterns of a grammar's tags, as far as they do not depend on the call."""
    return _compile_patterns(grammar, grammar.call_close, grammar.parameter, grammar.parameter)


# Bounded: names come from requests. The patterns of a tool are compiled once for all calls to it.
@lru_cache(maxsize=1024)
def _patterns_for_name(grammar: TaggedGrammar, name: str, properties: tuple[str, ...]) -> TagPatterns:
    named = _property("|".join(map(regex.escape, properties))) if properties else ""
    declared = "|".join(filter(None, (grammar.parameter, named)))
    # An element of an unknown name holds arguments if it is JSON that begins with a declared parameter.
    first = rf"(?:{'|'.join(map(regex.escape, properties))})"
    held = rf'{_property(_ANY_NAME)}(?=\s*+\{{\s*+"{first}")' if properties and grammar.declared_only else ""
    anything = _property(_ANY_NAME) if grammar.declared_only else declared
    call_close = grammar.call_close.replace("{name}", regex.escape(name))
    return _compile_patterns(grammar, call_close, anything, declared or anything, held)


def _property(names: str) -> str:
    """Return the pattern of a tag that is named after a parameter; group `property`."""
    return f"<(?P<property>{names}){ATTRIBUTES}>"


def call_patterns(grammar: TaggedGrammar, name: str, properties: tuple[str, ...]) -> TagPatterns:
    """Return the patterns for one call.

    Args:
        grammar: the grammar that the call is read by.
        name: the name of the tool, as it was written.
        properties: the names of its declared parameters, in order.
    """
    if grammar.property_tags or "{name}" in grammar.call_close:
        return _patterns_for_name(grammar, name, properties)
    return tag_patterns(grammar)


def _compile_patterns(
    grammar: TaggedGrammar, call_close: str, parameter: str, expected: str, held: str = ""
) -> TagPatterns:
    """Return the patterns; `parameter` opens an argument where one may begin, `expected` wherever it stands.

    `held` is a tag around arguments in JSON.
    """
    section, section_close = grammar.section or _NEVER, grammar.section_close or _NEVER
    # Where every tag may be a tool, another call inside the value would be found everywhere.
    call = _NEVER if grammar.declared_only else ungrouped(grammar.call)
    ends = f"(?:{call_close}|{section_close})"
    after_call = f"(?:{call_close}|{section_close}|{call}|{section})"
    # Elsewhere tags that are named after a parameter may be in a value.
    between = grammar.parameter or expected
    structure = f"(?:{ungrouped(between) or _NEVER}|{after_call})"
    return TagPatterns(
        section=_compiled(grammar.section),
        section_close=_compiled(grammar.section_close),
        call=_compiled(grammar.call),
        call_close=_compiled(call_close),
        parameter=_compiled(parameter),
        expected=_compiled("|".join(filter(None, (expected, held, _ALL)))),
        between=_compiled(between),
        value=value_ends(grammar.parameter_close, structure),
        property=value_ends(
            rf"</\s*(?P<own>{_ANY_NAME})\s*>",
            f"(?:{ungrouped(expected) or _NEVER}|{after_call})",
            rf"<(?P<own>{_ANY_NAME}){ungrouped(ATTRIBUTES)}(?<!/)>",
        ),
        ends=value_ends(ends, after_call),
        stray=_compiled("|".join(filter(None, (grammar.parameter_close, _STRAYS)))),
        json_edge=_compiled(f"{ends}|(?P<other>{call})"),
    )


@lru_cache(maxsize=4096)
def value_ends(close: str, behind: str, opens: str = "") -> ValueEnds:
    """Return how a value ends whose closing tag is `close` and which `after` may follow; `opens`: see `ValueEnds`."""
    end = f"(?:{close or _NEVER})"
    # Closing tags that close nothing are between a value and the structure: `</b></parameter></parameter>`.
    strays = rf"(?:\s*{ungrouped(end)}){{0,{MAX_STRAYS}}}"
    return ValueEnds(
        close=_compiled(close),
        confirmed=_compiled(rf"{end}(?=\s*{behind})"),
        last=_compiled(rf"{end}(?=\s*(?:{behind}|\Z))"),
        strayed=_compiled(rf"{end}(?={strays}\s*{behind})"),
        strayed_last=_compiled(rf"{end}(?={strays}\s*(?:{behind}|\Z))"),
        open=_compiled(opens) if opens else None,
    )


def argument_key(match: regex.Match[str], grammar: TaggedGrammar) -> str | None:
    """Return the name of the argument whose opening tag `match` is; none where the tag names none."""
    found = match.groupdict()
    key = found.get("key")
    if key is not None:
        return key.strip()
    return found.get("property") or attribute(found.get("inside") or "", grammar.key_attribute)


def attribute(inside: str, name: str) -> str | None:
    """Return an attribute of a tag, its entities decoded; none where the tag has no such attribute."""
    for match in _ATTRIBUTE.finditer(inside):
        if match.group(1).lower() == name:
            return unescape_entities(match.group(2) or match.group(3) or match.group(4) or "")
    return None


def unescape_entities(text: str) -> str:
    """Return `text` with the five XML entities and numeric ones decoded once: `&amp;lt;` becomes `&lt;`."""
    return ENTITY.sub(decoded, text) if "&" in text else text


def without_escapes(text: str) -> str:
    """Return `text` with its entities decoded, unless tags or quotes in it show that they are meant as they are."""
    # A value that shows both tags and entities is a document, and the entities belong to it.
    if "&" not in text or _MARKUP.search(text) or ("&quot;" in text and '"' in text):
        return text
    return unescape_entities(text)


def decoded(match: re.Match[str]) -> str:
    """Return what an entity stands for; the entity itself where its number is not a character."""
    name, decimal, hexadecimal = match.groups()
    # One of the five of XML; HTML's others are not escapes of any template.
    if name:
        return _NAMES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    # Halves of surrogate pairs are not characters, and NUL is none in XML.
    valid = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if valid else match.group()
