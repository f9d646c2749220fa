"""The arguments of a tagged call: from tag to tag, each written once, under its own key."""

from __future__ import annotations

import regex

from toolgate_core.dialects.base import TaggedGrammar
from toolgate_core.extraction.calls import Call, Reading
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import BadBodyError
from toolgate_core.extraction.tags import MAX_TAG, TagMarks, ValueEnds, attribute, value_ends
from toolgate_core.extraction.values import Value
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema import coerce_text
from toolgate_core.schema.kinds import possible
from toolgate_core.schema.relaxed import relax

_WRAPPERS = ("arguments", "input", "parameters", "params", "args")
_WRAPPED = regex.compile(r"\s*<value>(.*)</value>\s*", regex.DOTALL)
_RAW = ("true", "string", "str")


class Parameters:
    """Reads the arguments of one call."""

    def __init__(self, reading: Reading, grammar: TaggedGrammar, mark: TagMarks, call: Call) -> None:
        self._reading = reading
        self._cursor = reading.cursor
        self._grammar = grammar
        self._mark = mark
        self._call = call
        self._root: JsonObject = call.tool.parameters if call.tool else {}
        properties = self._root.get("properties")
        self.declared: JsonObject = properties if isinstance(properties, dict) else {}
        self._seen: set[str] = set()
        self._several: dict[str, list[str]] = {}
        self._wrapped = False

    def read(self) -> Steps[bool]:
        """Read one argument; false where none begins here."""
        cursor = self._cursor
        yield from cursor.space()
        match = yield from cursor.expect(self._mark.parameter, window=MAX_TAG)
        if match is None:
            if cursor.left and cursor.end is not None and self._cut():
                raise BadBodyError
            return False
        found = match.groupdict()
        if found.get("missing") is not None:
            raise BadBodyError
        inside = found.get("inside") or ""
        named = found.get("key") or found.get("property")
        key = named.strip() if named is not None else attribute(inside, self._grammar.key_attribute)
        empty = inside.rstrip().endswith("/")
        kind = found.get("kind")
        if kind is None and self._grammar.kind_attribute:
            kind = attribute(inside, self._grammar.kind_attribute)
        yield from self._argument(key, kind, self._ends(found.get("property")), empty=empty)
        return True

    def end(self) -> None:
        """No argument follows."""
        for key, texts in self._several.items():
            self._write_several(key, texts)
        self._several.clear()
        if not self._call.empty and not self._wrapped:
            self._call.write("}")

    def _cut(self) -> bool:
        """Whether the end of the text has cut the tag of an argument here, with nothing else that it could be."""
        cursor = self._cursor
        match = self._mark.parameter.fullmatch(cursor.text, cursor.pos, partial=True)
        others = (self._mark.call_close, self._mark.section_close)
        return match is not None and not any(other.fullmatch(cursor.text, cursor.pos, partial=True) for other in others)

    def _ends(self, property_tag: str | None) -> ValueEnds:
        if property_tag is None:
            return self._mark.value
        return value_ends(rf"</\s*{regex.escape(property_tag)}\s*>", self._mark.any_structure)

    def _argument(self, key: str | None, kind: str | None, ends: ValueEnds, *, empty: bool) -> Steps[None]:
        if key is not None and key in self._several:
            yield from self._another(key, ends, empty=empty)
        elif key in self._seen and self._grammar.declared:
            raise BadBodyError  # which of two texts is meant can't be told
        elif key is None or key in self._seen or self._wrapped:
            self._call.repaired("duplicate_key" if key is not None else "stray_text")
            self._call.repaired(*(yield from self._value(ends).read(empty=empty)))
        else:
            self._seen.add(key)
            yield from self._new(key, kind, ends, empty=empty)

    def _new(self, key: str, kind: str | None, ends: ValueEnds, *, empty: bool) -> Steps[None]:
        schema: JsonValue = self.declared.get(key, {})
        raw = None if kind is None else kind.lower() in _RAW
        value = self._value(ends, schema, raw=bool(raw), kept=True)
        wraps = len(self._seen) == 1 and key in _WRAPPERS and key not in self.declared and bool(self.declared)
        if value.streams and not wraps and raw is not False:
            self._open(key)
            self._call.write('"')
            self._call.repaired(*(yield from value.read(empty=empty)))
            self._call.write('"')
            return
        value.hold()
        self._call.repaired(*(yield from value.read(empty=empty)))
        if wraps and self._unwrap(value.text):
            return
        if "array" in possible(schema, self._root) and not value.text.lstrip().startswith("["):
            self._several[key] = [value.text]
            return
        self._write(key, value.text, schema, raw=bool(raw), typed=raw is False)

    def _another(self, key: str, ends: ValueEnds, *, empty: bool) -> Steps[None]:
        """One more value of an array that is written as repeated arguments."""
        value = self._value(ends, kept=True)
        value.hold()
        self._call.repaired(*(yield from value.read(empty=empty)))
        self._several[key].append(value.text)

    def _value(self, ends: ValueEnds, schema: JsonValue = True, *, raw: bool = False, kept: bool = False) -> Value:
        call = self._call if kept else None
        return Value(
            self._reading,
            self._grammar,
            self._mark,
            ends=ends,
            call=call,
            schema=schema,
            declared=self.declared,
            seen=self._seen,
            raw=raw,
        )

    def _open(self, key: str) -> None:
        self._call.write(("{" if self._call.empty else ",") + encode_str(key) + ":")

    def _write(self, key: str, text: str, schema: JsonValue, *, raw: bool, typed: bool) -> None:
        found = _json(text) if typed else None
        if raw:
            value: JsonValue = text
        elif found is not None:
            value, tags = found
            self._call.repaired(*tags)
        else:
            wrapped = _WRAPPED.fullmatch(text) if "string" not in possible(schema, self._root) else None
            value, tags = coerce_text(wrapped[1] if wrapped else text, schema, self._root)
            self._call.repaired(*tags)
        self._open(key)
        self._call.write(encode_str(value))

    def _write_several(self, key: str, texts: list[str]) -> None:
        schema = self.declared.get(key, {})
        if len(texts) == 1:
            self._write(key, texts[0], schema, raw=False, typed=False)
            return
        items = schema.get("items", {}) if isinstance(schema, dict) else {}
        self._open(key)
        self._call.write(encode_str([coerce_text(text, items, self._root)[0] for text in texts]))
        self._call.repaired("repeated_key")

    def _unwrap(self, text: str) -> bool:
        """The whole of the arguments in one parameter that nobody declared: write the object that it holds."""
        found = _json(text)
        if found is None or not isinstance(found[0], dict) or not found[0].keys() <= self.declared.keys():
            return False
        self._call.write_value(found[0])
        self._wrapped = True
        self._call.repaired("unwrapped", *found[1])
        return True


def _json(text: str) -> tuple[JsonValue, tuple[str, ...]] | None:
    """Return the value that `text` writes in JSON, or nearly so, and what was mended; none where it writes none."""
    try:
        return decode(text.strip()), ()
    except JsonTextError:
        return relax(text)
