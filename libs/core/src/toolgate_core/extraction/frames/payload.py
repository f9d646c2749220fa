"""Frame: JSON that no marker announces, the last resort for what no dialect claims.

```
payload = [fence] value {"," | ";" | white space  value} [fence] [closing tags]        value = any envelope in use
```
Models that were never trained on a form answer with `{"tool": "f", "args": {…}}`, bare or in a code fence. But answers
hold JSON, too, so the conditions are strict: a payload is the whole text, or its last paragraph; every call in it names
a declared tool and has arguments; with `settled` each call must also fit the schema of its tool (Qwen 2.5 answers in
JSON fences as well). So it is held until the text has ended, and given up at the first sign that it is something else:
a first key that no envelope has, a name of no tool, more text after it.

Bounds: MAX_PAYLOAD characters are held, read in steps, so that prose about JSON is released early.
"""

from __future__ import annotations

import re

import regex

from toolgate_core.dialects.base import EnvelopeGrammar, PayloadGrammar
from toolgate_core.dialects.catalog.generic import ARGUMENT_KEYS, BEGINS, FENCE, NAME_KEYS, OBJECT
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.broken_list import split_list
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_calls import ParsedCall, calls_in
from toolgate_core.extraction.json_reader import JsonScanner
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema.relaxed import relax
from toolgate_core.schema.settle import Settled, settle
from toolgate_core.schema.toolset import Tool
from toolgate_core.types.requests import ToolChoice

MAX_PAYLOAD = 16_384
"""Characters of a payload: a client sees none of it until the text has ended, so a longer one is an answer."""
STEP = 4096
"""Characters that are read between two looks at what the text is."""

ANY_ENVELOPE = EnvelopeGrammar(name_keys=NAME_KEYS, argument_keys=ARGUMENT_KEYS)
"""Every envelope that is in use."""

_BEGIN = regex.compile(rf"(?:{FENCE})?{BEGINS}", regex.IGNORECASE)
_ANY_KEY = regex.compile(rf"""(?:{FENCE})?{OBJECT}["']?(?P<key>[^"'\s:{{}}\[\]]{{1,128}})["']?\s{{0,16}}:""")
_HEAD = regex.compile(FENCE)
_NAMED = re.compile(
    rf"""^[\s\[]*\{{\s*["']?(?:{"|".join(NAME_KEYS)})["']?\s*:\s*["']([^"']{{0,256}})["']""", re.IGNORECASE
)
_TAIL = regex.compile(r"\s*+(?:`{3,}+|~{3,}+)?\s*+(?:</?[\w|/]++>\s*+)*+")
_REFENCE = r"(?:`{3,}+|~{3,}+)\s*+(?:`{3,}+|~{3,}+)\w{0,16}+\s*+"
_BETWEEN = re.compile(rf"[\s,;]*+(?:{_REFENCE})?")
_FENCES = regex.compile(rf"\s*+{_REFENCE}")


def read_payload(reader: BlockReader, grammar: PayloadGrammar) -> Steps[bool]:
    """Read a payload up to the end of the text; false if it is not one."""
    # A text that may be JSON is held to its end.
    reader.tentative = True
    cursor = reader.cursor
    yield from cursor.skip_space()
    # With a single tool in the request its arguments alone are enough: there is no other tool that they could be for.
    begins = (yield from cursor.peek_match(_BEGIN, window=512)) is not None
    only = None if begins or not grammar.arguments_only else (yield from _only_tool(reader))
    if not begins and only is None:
        return False
    head = yield from cursor.read_match(_HEAD, window=128)
    text = yield from PayloadText(reader, fenced=head is not None).gather()
    # A cut text may go on as anything.
    if text is None or not reader.stopped:
        return False
    values = _values(text)
    if values is None:
        return only is None and not grammar.settled and _write_list(reader, text)
    found = _calls(reader, values) if only is None else _call_of_only_tool(only, values)
    if grammar.settled and not all(_settles(reader, one) for one in found):
        return False
    return _write_calls(reader, found)


def _only_tool(reader: BlockReader) -> Steps[Tool | None]:
    """Return the only declared tool if the payload begins with one of its parameters."""
    only = reader.toolset.get(reader.toolset.names[0]) if len(reader.toolset.names) == 1 else None
    if only is None:
        return None
    match = yield from reader.cursor.peek_match(_ANY_KEY, window=512)
    return only if match is not None and match["key"] in _declared(only) else None


def _calls(reader: BlockReader, values: list[JsonValue]) -> list[ParsedCall]:
    """Return the calls that the values say; empty where not all of them are calls."""
    found = [one for value in values for one in calls_in(value, ANY_ENVELOPE, arguments=True)]
    # An object with `response` is an answer that the model wrapped in JSON.
    answers = any(isinstance(value, dict) and "response" in value for value in values)
    # All or nothing: one value that is not a call shows that the text is data.
    good = not answers and len(found) >= len(values) and all(_acceptable(reader, one) for one in found)
    return found if good else []


def _call_of_only_tool(tool: Tool, values: list[JsonValue]) -> list[ParsedCall]:
    """Return the call of the only tool whose arguments are there alone; empty where they are something else."""
    value = values[0] if len(values) == 1 else None
    # Without a name only a valid object counts; an empty one could be anything.
    if not isinstance(value, dict) or not value or not tool.valid(value) or not value.keys() <= _declared(tool):
        return []
    return [ParsedCall(tool.definition.name, value, None)]


def _write_list(reader: BlockReader, text: str) -> bool:
    """Write the calls of a list that can't be read as a whole, if all of its elements name declared tools."""
    rest = split_list(text, ANY_ENVELOPE, arguments=True)
    good = [one for element in rest for one in element.found]
    bad = [element.name for element in rest if not element.found]
    if not good or not all(_acceptable(reader, one) for one in good) or not all(map(reader.tool, bad)):
        return False
    for element in rest:
        if element.found:
            _write_calls(reader, list(element.found))
            continue
        call = CallWriter(reader)
        call.begin(element.name)
        call.add_repairs("bad_json")
        call.end(complete=False)
    return True


def _declared(tool: Tool) -> frozenset[str]:
    properties = tool.parameters.get("properties")
    return frozenset(properties if isinstance(properties, dict) else ())


def _acceptable(reader: BlockReader, found: ParsedCall) -> bool:
    """Whether a call names a declared tool and says its arguments."""
    arguments = found.arguments
    return reader.tool(found.name) is not None and (arguments is None or isinstance(arguments, dict | str))


def _settles(reader: BlockReader, found: ParsedCall) -> bool:
    """Whether a call is one that may be delivered."""
    arguments = found.arguments if isinstance(found.arguments, str) else encode_str(found.arguments)
    return isinstance(settle(found.name, arguments, reader.toolset, ToolChoice("auto")), Settled)


def _write_calls(reader: BlockReader, found: list[ParsedCall]) -> bool:
    for one in found:
        call = CallWriter(reader)
        call.call_id = one.call_id
        if not call.begin(one.name) or not call.write_value(one.arguments):
            return False
        call.add_repairs("bare_json")
        call.end()
    return bool(found)


class PayloadText:
    """Gathers the text of a payload."""

    def __init__(self, reader: BlockReader, *, fenced: bool) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._fenced = fenced
        self._scan: JsonScanner | None = JsonScanner()
        # `_at` is how far the text is understood, `_done` where the last complete value ended.
        self._at = self._done = 0
        self._broken = False
        self._named = False

    def gather(self) -> Steps[str | None]:
        """Return the text of the payload without what is around it; none where something else follows."""
        cursor = self._cursor
        text = ""
        while True:
            text += cursor.take(min(cursor.remaining, STEP))
            if len(text) > MAX_PAYLOAD or not self._first_name_is_declared(text) or not self._may_go_on(text):
                return None
            if not cursor.remaining and not (yield from cursor.wait()):
                return self._without_surroundings(text)

    def _may_go_on(self, text: str) -> bool:
        """Read on in `text`; false where something else than a payload is after a value."""
        while not self._broken and self._at < len(text):
            if self._scan is None:
                between = _BETWEEN.match(text, self._at)
                start = between.end() if between else self._at
                if start == len(text):
                    break
                if text[start] != "{":
                    # A fence may close, and another one may open: Qwen 2.5 writes each call into a separate fence.
                    return any(form.fullmatch(text, self._done, partial=True) for form in (_TAIL, _FENCES))
                self._at, self._scan = start, JsonScanner()
            self._at = self._scan.read(text, self._at, ended=self._cursor.end is not None)
            self._broken = self._scan.bad
            if not self._scan.done:
                break
            self._done, self._scan = self._at, None
        return True

    def _first_name_is_declared(self, text: str) -> bool:
        """Whether the first name, once it is complete, is a declared tool's."""
        if self._named:
            return True
        match = _NAMED.match(text)
        if match is None:
            return True
        # The first name decides for prose about JSON: it is checked as soon as it is there, not at the end.
        self._named = True
        return self._reader.tool(match.group(1)) is not None

    def _without_surroundings(self, text: str) -> str | None:
        done = self._done
        if not self._broken and done and self._scan is None:
            if _TAIL.fullmatch(text, done) is None and _BETWEEN.fullmatch(text, done) is None:
                return None
            return text[:done]
        body = text.rstrip()
        # A broken value swallowed the closing fence, which is not part of it.
        for fence in ("```", "~~~"):
            if self._fenced and body.endswith(fence):
                body = body.rstrip(fence[0])
        return body


def _values(text: str) -> list[JsonValue] | None:
    """Return the JSON values that are after each other in `text`; none where it can't be read."""
    values: list[JsonValue] = []
    at = 0
    while at < len(text):
        scan = JsonScanner()
        stop = scan.read(text, at, ended=True)
        if not scan.done:
            relaxed = relax(text[at:], close=True)
            return None if relaxed is None else [*values, relaxed[0]]
        try:
            values.append(decode(text[at:stop]))
        except JsonTextError:
            return None
        between = _BETWEEN.match(text, stop)
        at = between.end() if between else stop
    return values
