"""Frame: one element per call, its arguments as nested elements that are named after their keys (MiniMax M3).

```
block   = [section-open] call {call} [section-close]
call    = <call name="F"> {element} </call>
element = <key> (text | {element}) </key>
```
(Source: MiniMax M3's chat template, where every structural tag is after the mark `]<]minimax[>[`.)

Lists are elements named `item`, or repeated elements; text next to elements is under `$text`. Nothing can be emitted
before the call has ended, because a later element may make a list of an earlier one. The schema decides what text is;
an empty element is an empty list or object where the schema wants one.

A tag without its mark closes only the innermost element, and only if a marked tag follows: values hold HTML. Bounds:
MAX_DEPTH elements inside each other, MAX_ARGUMENTS characters for the call.
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import ElementsGrammar
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES, ATTRIBUTES
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import MAX_ARGUMENTS, CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MAX_DEPTH, MalformedBlockError, TooLargeError
from toolgate_core.extraction.repair import skip_to_edge
from toolgate_core.extraction.tag_patterns import attribute
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema import coerce_text
from toolgate_core.schema.kinds import possible_types
from toolgate_core.schema.references import follow

_PLAIN = regex.compile(r"[^<\]]*")


class ElementPatterns(Struct, frozen=True):
    """A grammar's patterns, compiled."""

    section: regex.Pattern[str]
    section_close: regex.Pattern[str]
    call: regex.Pattern[str]
    call_close: regex.Pattern[str]
    plain_call_close: regex.Pattern[str]
    call_ends: regex.Pattern[str]
    tag: regex.Pattern[str]
    least: int
    plain_close: regex.Pattern[str]


@cache
def element_patterns(grammar: ElementsGrammar) -> ElementPatterns:
    """Return the patterns of a grammar."""
    prefix = regex.escape(grammar.tag_prefix) + r"\s{0,4}"
    any_prefix = f"(?:{prefix})?"
    section, call = regex.escape(grammar.section), regex.escape(grammar.call)
    return ElementPatterns(
        section=regex.compile(rf"{any_prefix}<{section}{ANY_ATTRIBUTES}>"),
        section_close=regex.compile(rf"{any_prefix}</{section}>"),
        call=regex.compile(rf"{prefix}<{call}(?=\s){ATTRIBUTES}>"),
        call_close=regex.compile(rf"{prefix}</{call}>"),
        plain_call_close=regex.compile(rf"</{call}>"),
        call_ends=regex.compile(rf"{prefix}</(?:{call}|{section})>|{prefix}<{call}\s"),
        tag=regex.compile(
            rf"{prefix}<(?P<name>[^<>/\s]{{1,256}}){ATTRIBUTES}>|{prefix}<(?P<close>/)(?P<name>[^<>/\s]{{1,256}})\s*>"
        ),
        least=len(grammar.tag_prefix) + 3,
        plain_close=regex.compile(rf"</(?P<name>[^<>/\s]{{1,256}})\s*>(?=\s{{0,16}}{prefix})"),
    )


class ElementNode:
    """An element that is being read."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text: list[str] = []
        self.children: list[ElementNode] = []


def read_elements(reader: BlockReader, grammar: ElementsGrammar) -> Steps[bool]:
    """Read one call, with the section tag before it if there is one; false if it is not one."""
    cursor, patterns = reader.cursor, element_patterns(grammar)
    match = yield from cursor.read_match(patterns.call, window=512)
    if match is None:
        if (yield from cursor.read_match(patterns.section, window=256)) is None:
            return False
        yield from cursor.skip_space()
        if (yield from cursor.read_match(patterns.section_close, window=256)) is not None:
            return True
        match = yield from cursor.read_match(patterns.call, window=512)
    call = CallWriter(reader)
    if match is None or not call.begin(attribute(match["inside"], "name") or ""):
        return False
    try:
        complete = yield from NestedElements(reader, patterns, call).read()
    except MalformedBlockError as error:
        if call.tool is None:
            return False
        cut = cursor.end in ("length", "cut")
        call.add_repairs("too_large" if isinstance(error, TooLargeError) else "cut" if cut else "bad_element")
        yield from skip_to_edge(cursor, patterns.call_ends)
        complete = False
    call.end(complete=complete)
    return True


class NestedElements:
    """Reads the elements of one call."""

    def __init__(self, reader: BlockReader, patterns: ElementPatterns, call: CallWriter) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._patterns = patterns
        self._call = call
        self._stack = [ElementNode("")]
        self._size = 0

    def read(self) -> Steps[bool]:
        """Read up to the end of the call; false where it is too large. Raises `MalformedBlockError` where it is cut."""
        while not (yield from self._part()):
            pass
        if len(self._stack) > 1:
            self._call.add_repairs("missing_close")
        schema: JsonObject = self._call.tool.parameters if self._call.tool else {}
        arguments = _members(self._stack[0], schema, schema)
        try:
            if arguments:
                self._call.write_value(arguments)
        except TooLargeError:
            self._call.add_repairs("too_large")
            return False
        # Text that belongs to no argument may have been part of one: an incomplete call, not a wrong one.
        if "".join(self._stack[0].text).strip():
            self._call.add_repairs("lost_text")
            return False
        return True

    def _part(self) -> Steps[bool]:
        """Read the next tag or piece of text; true at the end of the call."""
        cursor = self._cursor
        if (yield from cursor.peek()) == "":
            if self._reader.stopped and len(self._stack) == 1:
                self._call.add_repairs("missing_close")
                return True
            raise MalformedBlockError
        # Half a closing tag must hold more than the mark to count as one at the end of a text.
        if (yield from cursor.read_closer(self._patterns.call_close, least=self._patterns.least)):
            return True
        # A closing tag that lost its mark: at the top level it can be nothing else.
        if len(self._stack) == 1 and (yield from cursor.read_closer(self._patterns.plain_call_close)):
            return True
        if (yield from cursor.peek_match(self._patterns.call_ends)) is not None:
            self._call.add_repairs("missing_close")
            return True
        match = yield from cursor.read_match(self._patterns.tag, window=512)
        if match is not None:
            self._grow(len(match[0]))
            self._tag(match["name"], closes=bool(match["close"]), empty=(match["inside"] or "").endswith("/"))
            return False
        # A value may hold HTML, so an unmarked tag closes an element only in front of a marked one.
        match = yield from cursor.peek_match(self._patterns.plain_close, window=512)
        if match is not None and len(self._stack) > 1 and match["name"] == self._stack[-1].name:
            cursor.take(match.end() - cursor.pos)
            self._tag(match["name"], closes=True, empty=False)
            return False
        self._text()
        return False

    def _tag(self, name: str, *, closes: bool, empty: bool) -> None:
        if closes:
            # A closing tag of an outer element closes the inner ones, too; one that nothing opened is ignored.
            if any(node.name == name for node in self._stack[1:]):
                while self._stack.pop().name != name:
                    self._call.add_repairs("missing_close")
            return
        # The tree is walked recursively below.
        if len(self._stack) > MAX_DEPTH:
            raise MalformedBlockError
        node = ElementNode(name)
        self._stack[-1].children.append(node)
        if not empty:
            self._stack.append(node)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_ARGUMENTS:
            raise TooLargeError

    def _text(self) -> None:
        cursor = self._cursor
        # One character at least, because a tag that counts was ruled out at this place.
        match = _PLAIN.match(cursor.text, cursor.pos + 1)
        piece = cursor.take((match.end() if match else len(cursor.text)) - cursor.pos)
        self._grow(len(piece))
        self._stack[-1].text.append(piece)


def _value(node: ElementNode, schema: JsonValue, root: JsonObject) -> JsonValue:
    schema = _followed(schema, root)
    text = "".join(node.text)
    types = possible_types(schema, root)
    if not node.children:
        # An empty element: the schema decides whether it is an empty list, object or text.
        empty = not text.strip() and "string" not in types
        return _empty(types, text) if empty else coerce_text(text, schema, root)[0]
    names = {child.name for child in node.children}
    # The names of the elements in a list are free where the schema wants nothing but a list; elsewhere only `item`
    # makes one.
    only_array = "array" in types and "object" not in types
    if (only_array and len(names) == 1) or (names == {"item"} and ("array" in types or "object" not in types)):
        items = schema.get("items", {}) if isinstance(schema, dict) else {}
        return [_value(child, items, root) for child in node.children]
    members = _members(node, schema if isinstance(schema, dict) else {}, root)
    # Mixed content; the template writes it under the same key.
    if text.strip():
        members["$text"] = text.strip()
    return members


def _empty(types: tuple[str, ...], text: str) -> JsonValue:
    return [] if "array" in types else {} if "object" in types else text


def _members(node: ElementNode, schema: JsonObject, root: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    members: JsonObject = {}
    groups: dict[str, list[ElementNode]] = {}
    for child in node.children:
        groups.setdefault(child.name, []).append(child)
    for name, several in groups.items():
        # Repeated elements are a list, whatever the schema says: none of them may be lost, and the validator decides.
        own = _followed(known.get(name, {}), root)
        if len(several) == 1:
            members[name] = _value(several[0], own, root)
        else:
            items = own.get("items", {}) if isinstance(own, dict) else {}
            members[name] = [_value(child, items, root) for child in several]
    return members


def _followed(schema: JsonValue, root: JsonObject) -> JsonValue:
    if isinstance(schema, dict) and "$ref" in schema:
        return follow(schema["$ref"], root)
    return schema
