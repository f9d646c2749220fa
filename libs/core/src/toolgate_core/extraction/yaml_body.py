"""Bodies in YAML: the schema says what a scalar is, and where it is silent the JSON form of the scalar.

```
body = mapping of argument names to values                 (YAML 1.2, https://yaml.org/spec/1.2.2/, less the below)
```
Granite 4 writes hermes' calls in YAML at times, and `yaml_xml` is a form that asks for it. The readings of YAML itself
(`no` is false, `1_0` is ten) would be guesses about arguments, so scalars are read without them. Anchors and aliases
are refused: a small text could name a huge value with them ("billion laughs").

The body is not streamed: its indentation can be undone only when all lines are there. Bounds: MAX_YAML characters,
MAX_DEPTH levels, MAX_BRACKETS in flow style (the parser recurses on them).
"""

from __future__ import annotations

import re

import regex
import yaml

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError, TooLargeError
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode_str
from toolgate_core.schema import coerce_text
from toolgate_core.schema.kinds import possible_types

MAX_YAML = 65_536
MAX_DEPTH = 32
MAX_BRACKETS = 256
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z|true\Z|false\Z|null\Z")
_TRIPLE = re.compile(r"""(?<=: )[ \t]*(\"{3}|'{3})((?:(?!\1).)*)\1(?=[ \t]*(?:\n|\Z))""", re.DOTALL)
_LINE = re.compile(r"(?:\A|\n)[ \t]*\Z")


def read_until(reader: BlockReader, edge: regex.Pattern[str]) -> Steps[str]:
    """Read the text up to `edge`, which stays; raises `MalformedBlockError` where the text ends before, cut.

    In a text of several lines the edge counts where a line begins.
    """
    cursor = reader.cursor
    text = ""
    while True:
        # The edges are tags; YAML of arguments rarely has a `<`.
        stop = cursor.text.find("<", cursor.pos)
        text += cursor.take((len(cursor.text) if stop < 0 else stop) - cursor.pos)
        if len(text) > MAX_YAML:
            raise TooLargeError
        if stop >= 0:
            # `a: </b>` in the middle of a line is text of a scalar.
            if ("\n" not in text or _LINE.search(text[-256:])) and (yield from cursor.peek_match(edge)) is not None:
                return text
            if reader.stopped and edge.fullmatch(cursor.text, cursor.pos, partial=True):
                cursor.take(cursor.remaining)
                return text
            text += cursor.take(1)
        if not cursor.remaining and not (yield from cursor.wait()):
            if reader.stopped:
                return text
            raise MalformedBlockError


def yaml_value(text: str, schema: JsonValue = True, root: JsonObject | None = None) -> JsonValue:
    """Return what YAML text says, its scalars by `schema`, and where that is silent by their JSON form.

    Raises `MalformedBlockError` where the text is none, or has anchors or YAML tags.
    """
    # Composing recurses for each bracket, without a bound.
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise MalformedBlockError
    text = _TRIPLE.sub(_as_json, text)
    try:
        tokens = yaml.scan(text, Loader=_LOADER)
        # The tokens are checked before anything is built from them.
        if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken) for token in tokens):
            raise MalformedBlockError
        node = yaml.compose(text, Loader=_LOADER)
        return None if node is None else _value_of_node(node, schema, root or {}, MAX_DEPTH)
    except (yaml.YAMLError, JsonTextError, RecursionError, ValueError, OverflowError) as error:
        raise MalformedBlockError from error


def _as_json(match: re.Match[str]) -> str:
    """Return Python's string of several lines as a JSON string, which YAML can read."""
    return encode_str(match[2])


def _scalar_text(node: yaml.ScalarNode) -> str:
    """Return what a scalar says; halves of surrogate pairs, which are not text, are a `ValueError`."""
    return str(node.value).encode().decode()


def _value_of_node(node: yaml.Node, schema: JsonValue, root: JsonObject, depth: int) -> JsonValue:
    if not depth:
        raise MalformedBlockError
    known = schema if isinstance(schema, dict) else {}
    if isinstance(node, yaml.MappingNode):
        properties = known.get("properties")
        schemas = properties if isinstance(properties, dict) else {}
        members: JsonObject = {}
        for key, member in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise MalformedBlockError
            name = _scalar_text(key)
            # Of equal keys the first counts, as in every form that is not JSON.
            members.setdefault(name, _value_of_node(member, schemas.get(name, True), root, depth - 1))
        return members
    if isinstance(node, yaml.SequenceNode):
        return [_value_of_node(item, known.get("items", True), root, depth - 1) for item in node.value]
    assert isinstance(node, yaml.ScalarNode)  # there is no fourth kind
    text = _scalar_text(node)
    if possible_types(schema, root):
        return coerce_text(text, schema, root)[0]
    # Quotes and blocks mark text; a plain scalar is what JSON would read.
    return decode(text) if not node.style and _SCALAR.match(text) else text


def read_mapping(reader: BlockReader, call: CallWriter, edge: regex.Pattern[str], indent: str) -> Steps[None]:
    """Read arguments that are a YAML mapping, up to the end of the call; raises `MalformedBlockError`.

    `indent` is the white space before the first line, which has been read.
    """
    text = yield from read_until(reader, edge)
    root = call.tool.parameters if call.tool else {}
    value = yaml_value(dedented(indent + text), root, root)
    # An empty body, or the word for it.
    if value is None or value == "null":
        value = {}
    if not isinstance(value, dict):
        raise MalformedBlockError
    if value:
        call.write_value(value)
    call.add_repairs("yaml_body")


def dedented(text: str) -> str:
    """Return `text` without the white space that all of its lines begin with, and without carriage returns."""
    lines = text.replace("\r\n", "\n").split("\n")
    depth = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "\n".join(line[depth:] for line in lines)
