"""The arguments of a tagged call: from tag to tag, each written once, under its own key.

```
arguments = { argument | stray }        argument = opening tag with KEY, VALUE, closing tag
```
`TaggedArguments` decides what a tag means for the object that is written; where a value ends is up to `tagged_values`.

- A key that comes twice is written once, the first one counts: it may have been emitted already. Only where the schema
  wants an array do all of them count, as its items, which is how models without lists write them.
- A value gets its type from the schema. A plain string streams as it comes; every other value waits for its end.
- An only argument that the tool does not declare may hold all of them, as JSON or as elements (`arguments`, `input`):
  DeepSeek and others wrap them so. It waits until another argument shows that it is one.
- Text between arguments belongs to no argument. It is read over and reported, and the call is incomplete (`lost`): what
  is missing may have been the middle of a value, and a wrong call is worse than none.

Bounds: those of the values; keys are at most 256 characters by their patterns.
"""

from __future__ import annotations

import regex
from msgspec import Struct

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError
from toolgate_core.extraction.tag_patterns import MAX_TAG, TagPatterns, argument_key, attribute
from toolgate_core.extraction.tagged_doubt import Siblings
from toolgate_core.extraction.tagged_values import TaggedValue
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema import coerce_text
from toolgate_core.schema.kinds import possible_types
from toolgate_core.schema.relaxed import relax

_WRAPPERS = ("arguments", "input", "parameters", "params", "args", "properties")
_WRAPPED = regex.compile(r"\s*<value>(.*)</value>\s*", regex.DOTALL)
_RAW = ("true", "string", "str")


class _OnlyArgument(Struct, frozen=True):
    """The first argument, which the tool does not declare: as long as it is the only one, it may hold all of them."""

    key: str
    text: str
    raw: bool | None


class TaggedArguments:
    """Reads the arguments of one call and writes them into it.

    `lost`: text that belongs to no argument was read over, so that the call can't be what was meant.
    """

    def __init__(self, reader: BlockReader, grammar: TaggedGrammar, patterns: TagPatterns, call: CallWriter) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        self._patterns = patterns
        self._call = call
        self._root: JsonObject = call.tool.parameters if call.tool else {}
        properties = self._root.get("properties")
        self.declared: JsonObject = properties if isinstance(properties, dict) else {}
        repeated = (key for key, schema in self.declared.items() if "array" in possible_types(schema, self._root))
        self._siblings = Siblings(frozenset(self.declared), frozenset(repeated))
        self._several: dict[str, list[str]] = {}
        self._only: _OnlyArgument | None = None
        self.lost = False

    def read(self) -> Steps[bool]:
        """Read one argument; false where none begins here. Raise `MalformedBlockError` for one that is cut."""
        cursor = self._cursor
        yield from cursor.skip_space()
        match = yield from cursor.read_match(self._patterns.parameter, window=MAX_TAG)
        if match is None:
            # Half a tag of an argument at the end of the text: the call was cut, not complete without it.
            if cursor.remaining and cursor.end is not None and self._tag_is_cut():
                raise MalformedBlockError
            return False
        found = match.groupdict()
        # GLM's key without a value, in front of the call's end: which value was meant is unknown.
        if found.get("missing") is not None:
            raise MalformedBlockError
        inside = found.get("inside") or ""
        named = found.get("property")
        key = argument_key(match, self._grammar)
        kind = found.get("kind")
        if kind is None and self._grammar.kind_attribute:
            kind = attribute(inside, self._grammar.kind_attribute)
        key = None if key is None else self._declared_name(key, tag=named is not None)
        yield from self._read_argument(key, kind, named, empty=inside.rstrip().endswith("/"))
        return True

    def _declared_name(self, key: str, *, tag: bool) -> str:
        """Return the parameter that a key means: without white space around, or a tag in any case; else the key."""
        if key in self.declared:
            return key
        if key.strip() in self.declared:
            return key.strip()
        # Tags named after parameters come in other cases; keys in attributes are copied exactly.
        return next((name for name in self.declared if tag and name.casefold() == key.casefold()), key)

    def end(self) -> None:
        """Write what waits for the last argument, and close the object."""
        only, self._only = self._only, None
        if only is not None and self._unwrap(only):
            return
        self._write_only(only)
        for key, texts in self._several.items():
            self._write_several(key, texts)
        self._several.clear()
        if not self._call.empty:
            self._call.write("}")

    def _tag_is_cut(self) -> bool:
        """Whether the end of the text has cut the tag of an argument here, with nothing else that it could be."""
        cursor = self._cursor
        match = self._patterns.parameter.fullmatch(cursor.text, cursor.pos, partial=True)
        others = (self._patterns.call_close, self._patterns.section_close)
        return match is not None and not any(other.fullmatch(cursor.text, cursor.pos, partial=True) for other in others)

    def _read_argument(self, key: str | None, kind: str | None, tag: str | None, *, empty: bool) -> Steps[None]:
        only, self._only = self._only, None
        self._write_only(only)
        # A second value for an array: it is an item.
        if key is not None and key in self._several:
            yield from self._read_another_item(key, tag, empty=empty)
        elif key in self._siblings.seen and self._grammar.declared_only:
            raise MalformedBlockError  # an element may also be markup in a text, so neither of the two is certain
        elif key is None or key in self._siblings.seen:
            # Read like any other value, to find its end, but written nowhere.
            value = self._value(tag, kept=True)
            value.hold()
            tags = yield from value.read(empty=empty)
            if key is None:
                self.lost = self.lost or bool(value.text.strip())
            else:
                self._call.add_repairs("duplicate_key", *tags)
        else:
            self._siblings.seen.add(key)
            yield from self._read_new(key, kind, tag, empty=empty)

    def _read_new(self, key: str, kind: str | None, tag: str | None, *, empty: bool) -> Steps[None]:
        schema: JsonValue = self.declared.get(key, {})
        # DSML and Kimi K3 say in the tag whether a value is text or JSON; that beats the schema.
        raw = None if kind is None else kind.lower() in _RAW
        value = self._value(tag, schema, raw=bool(raw), kept=True)
        # The first and so far only argument, of a name that the tool does not have.
        only = bool(self.declared) and key not in self.declared and len(self._siblings.seen) == 1
        if value.streams and not only and raw is not False:
            self._write_key(key)
            self._call.write('"')
            self._call.add_repairs(*(yield from value.read(empty=empty)))
            self._call.write('"')
            return
        value.hold()
        self._call.add_repairs(*(yield from value.read(empty=empty)))
        if only:
            self._only = _OnlyArgument(key, value.text, raw)
        # An array whose first value is not JSON: its items may come as further arguments of the same name.
        elif key in self._siblings.repeated and not value.text.lstrip().startswith("["):
            self._several[key] = [value.text]
        else:
            self._write(key, value.text, schema, raw=bool(raw), typed=raw is False)

    def _read_another_item(self, key: str, tag: str | None, *, empty: bool) -> Steps[None]:
        """One more value of an array that is written as repeated arguments."""
        value = self._value(tag, kept=True)
        value.hold()
        self._call.add_repairs(*(yield from value.read(empty=empty)))
        self._several[key].append(value.text)

    def _value(
        self, tag: str | None, schema: JsonValue = True, *, raw: bool = False, kept: bool = False
    ) -> TaggedValue:
        return TaggedValue(
            self._reader,
            self._grammar,
            self._patterns,
            tag=tag,
            call=self._call if kept else None,
            schema=schema,
            siblings=self._siblings,
            raw=raw,
        )

    def _write_key(self, key: str) -> None:
        self._call.write(("{" if self._call.empty else ",") + encode_str(key) + ":")

    def _write(self, key: str, text: str, schema: JsonValue, *, raw: bool, typed: bool) -> None:
        found = _json(text) if typed else None
        if raw:
            value: JsonValue = text
        elif found is not None:
            value, tags = found
            self._call.add_repairs(*tags)
        else:
            # Qwen's models put `<value>` around what is not a string.
            wrapped = _WRAPPED.fullmatch(text) if "string" not in possible_types(schema, self._root) else None
            value, tags = coerce_text(wrapped[1] if wrapped else text, schema, self._root)
            self._call.add_repairs(*tags)
        self._write_key(key)
        self._call.write(encode_str(value))

    def _write_several(self, key: str, texts: list[str]) -> None:
        schema = self.declared.get(key, {})
        if len(texts) == 1:
            self._write(key, texts[0], schema, raw=False, typed=False)
            return
        items = schema.get("items", {}) if isinstance(schema, dict) else {}
        self._write_key(key)
        self._call.write(encode_str([coerce_text(text, items, self._root)[0] for text in texts]))
        self._call.add_repairs("repeated_key")

    def _write_only(self, only: _OnlyArgument | None) -> None:
        """Write an argument that has turned out to be one among others."""
        if only is not None:
            self._write(only.key, only.text, {}, raw=bool(only.raw), typed=only.raw is False)

    def _unwrap(self, only: _OnlyArgument) -> bool:
        """Write the object that the only argument holds, if its members are arguments of the tool; whether it does."""
        found = _json(only.text)
        if found is None and only.text.lstrip().startswith("<"):
            found = coerce_text(only.text, self._root, self._root)
        # All of its members must be parameters: otherwise it is an argument that the schema does not know.
        if found is None or not isinstance(found[0], dict) or not found[0].keys() <= self.declared.keys():
            return False
        # An empty object has no members to check; only under the usual names does it mean "no arguments".
        if not found[0] and only.key not in _WRAPPERS:
            return False
        self._call.write_value(found[0])
        self._call.add_repairs("unwrapped", *found[1])
        return True


def _json(text: str) -> tuple[JsonValue, tuple[str, ...]] | None:
    """Return the value of JSON or near-JSON and the tags of repairs; none where `text` is neither."""
    try:
        return decode(text.strip()), ()
    except JsonTextError:
        return relax(text)
