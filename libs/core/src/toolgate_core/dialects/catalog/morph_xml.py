"""`morph_xml`: the tag of a call is the tool's name, the tags in it are its parameters.

```
<F>
<k>v</k>
</F>
```
Only the names of declared tools open a call; then any element is an argument, whatever attributes it has. Repeated tags
make an array. The prompt asks for strings as they are, but models that take the form for XML escape them: entities are
decoded in values without tags, so that HTML stays unchanged, and a value that is a CDATA section is its text.
Source: the protocol of the same name in https://github.com/minpeter/ai-sdk-tool-call-middleware.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.patterns import ATTRIBUTES
from toolgate_core.dialects.tagging import as_text
from toolgate_core.dialects.writing import argument_items, escape_lt, standard_writer
from toolgate_core.jsontext import JsonValue, encode_str
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = TaggedGrammar(
    tokens=("<",),
    auto=False,
    plain_opener=True,
    call=rf"<(?P<name>[A-Za-z_][\w.\-]{{0,255}}){ATTRIBUTES}>",
    call_close=r"</\s{0,4}{name}\s{0,4}>",
    parameter="",
    parameter_close="",
    entities="unless_markup",
    trim="strip",
    property_tags=True,
    declared_only=True,
)


INTRO = "# Tools\nYou may call tools. Here they are, with JSON Schemas of their parameters:\n"
FORM = "To call a tool, write an element named after it, with an element for each parameter:"
NOTE = (
    "Strings stand as they are, without quotes or escapes; lists and objects are JSON. Several calls are several "
    "elements. Write nothing before or after the calls. Results come back in <tool_response> blocks."
)
_TAG = re.compile(r"<[/!\w]|&(?:#|\w)")
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,200}")


def _is_expressible(key: str, value: JsonValue) -> bool:
    if not _NAME.fullmatch(key):
        return False
    return not isinstance(value, str) or (value == value.strip() and _TAG.search(value) is None)


def _call(call: WrittenCall) -> str:
    found = argument_items(call.arguments)
    if all(_is_expressible(key, value) for key, value in found):
        body = "".join(f"<{key}>{as_text(value)}</{key}>\n" for key, value in found)
    else:
        body = f"{escape_lt(call.arguments)}\n"
    return f"<{call.name}>\n{body}</{call.name}>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one element per call.

    Arguments are one JSON object where an element can't say one of them: a string with tags or entities in it or with
    white space at an edge, a key that is not a name.
    """
    return "\n".join(map(_call, calls))


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one block each: a summary, and the schema."""
    return "\n".join(map(_definition, tools))


def _definition(tool: ToolDefinition) -> str:
    properties, required = tool.parameters.get("properties"), tool.parameters.get("required")
    needed = required if isinstance(required, list) else []
    lines = [f"name: {tool.name}", f"description: {tool.description}", "parameters:"]
    for key, schema in properties.items() if isinstance(properties, dict) else ():
        known = schema if isinstance(schema, dict) else {}
        kind = known.get("type", "any")
        words = f"{kind if isinstance(kind, str) else encode_str(kind)}, {'required' if key in needed else 'optional'}"
        lines.append(f"  - {key} ({words}){' - ' if 'description' in known else ''}{known.get('description', '')}")
    return "\n".join(("<tools>", *lines, f"schema: {encode_str(tool.parameters)}", "</tools>"))


def render_result(name: str, _call_id: str, content: str) -> str:
    """Return a result as elements, with markup in it escaped."""
    safe = content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    lines = (f"  <tool_name>{escape_markup(name)}</tool_name>", f"  <result>{escape_markup(safe)}</result>")
    return "\n".join(("<tool_response>", *lines, "</tool_response>"))


MORPH_XML = Dialect(
    name="morph_xml",
    models="any model that is asked for it in the prompt",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls, intro=INTRO, definitions=definitions, form=FORM, note=NOTE, result=render_result
    ),
    aliases=("morph", "sijawara"),
)
