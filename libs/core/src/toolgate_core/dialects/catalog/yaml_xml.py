"""`yaml_xml`: the tag of a call is the tool's name, its arguments are a YAML mapping.

```
<F>
k: v
text: |
  two
  lines
</F>
```
Source: the protocol of the same name in https://github.com/minpeter/ai-sdk-tool-call-middleware.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, WrittenCall
from toolgate_core.dialects.catalog import morph_xml
from toolgate_core.dialects.writing import argument_items, definition_list, escape_lt, standard_writer
from toolgate_core.jsontext import JsonValue, encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = replace(morph_xml.GRAMMAR, yaml=True)


INTRO = "# Tools\nYou may call tools. Here they are, with JSON Schemas of their parameters:\n"
FORM = "# Format\nTo call a tool, write an element named after it, with the arguments as a YAML mapping:"
NOTE = (
    "Use YAML syntax for the values; write text of several lines with `|`. For several calls, write several elements. "
    "Results come back in <tool_response> blocks."
)
_MAX = 60_000
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w{0,100}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z][\w/.-]*(?: [\w/.-]+)*", re.ASCII)
_BLOCK = re.compile(r"(?:(?!</)[ -~\u00a1-\u2027\u2030-\ud7ff\ue000-\ufefe\U00010000-\U0010ffff])+")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one JSON array."""
    return f"<tools>{definition_list(tools)}</tools>"


def _quoted(value: JsonValue) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", escape_lt(encode_str(value)))


def _text(value: str) -> str:
    lines = value.split("\n")
    if len(lines) > 1 and lines[-1].strip() and not lines[0][:1].isspace() and lines[0]:
        if all(not line or (line.strip() and _BLOCK.fullmatch(line)) for line in lines):
            return "|-\n" + "\n".join(f"  {line}".rstrip() if not line else f"  {line}" for line in lines)
    return value if _PLAIN.fullmatch(value) else _quoted(value)


def _only_text(value: JsonValue) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, str | list | dict) and all(map(_only_text, items))


def _value(value: JsonValue) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | dict) and not _only_text(value):
        return "'" + _quoted(value).replace("'", "''") + "'"
    return _quoted(value)


def _call(call: WrittenCall) -> str:
    found = argument_items(call.arguments)
    body = "".join(f"{key if _PLAIN_KEY.fullmatch(key) else _quoted(key)}: {_value(value)}\n" for key, value in found)
    if len(body) > _MAX or any(len(key) > 128 for key, _ in found):
        body = f"{escape_lt(call.arguments)}\n"
    return f"<{call.name}>\n{body}</{call.name}>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one element per call.

    Scalars of YAML are read as text, which the tool's schema types, so that lists and objects with anything but text in
    them are written as JSON in quotes. Arguments that are too large for YAML are one JSON object.
    """
    return "\n".join(map(_call, calls))


YAML_XML = Dialect(
    name="yaml_xml",
    models="any model that is asked for it in the prompt",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form=FORM,
        note=NOTE,
        result=morph_xml.render_result,
    ),
)
