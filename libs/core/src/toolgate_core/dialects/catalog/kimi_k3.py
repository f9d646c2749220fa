"""`kimi_k3`: elements whose tags are written between tokens (XTML).

```
<|open|>tools<|sep|><|open|>call tool="F" index="1"<|sep|>
<|open|>argument key="K" type="string"<|sep|>V<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>
```
Values of the type `string` are raw, all others JSON.
Source: Kimi K3's chat template. vLLM reads it with `--tool-call-parser kimi_k3`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, NamedGrammar, Reasoning, TaggedGrammar, WrittenCall
from toolgate_core.dialects.tagging import tagged_arguments
from toolgate_core.dialects.writing import argument_items, escape_lt, openai_definition, standard_writer
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.kinds import type_of
from toolgate_core.types.requests import ToolDefinition


def _tag(kind: str, name: str) -> str:
    return rf"<\|{kind}\|>\s{{0,4}}{name}\s{{0,4}}<\|sep\|>"


def spaced(kind: str, *names: str) -> tuple[str, ...]:
    """Return tags, also with the spaces around the name that some servers put between tokens."""
    return tuple(f"<|{kind}|>{pad}{name}{end}<|sep|>" for name in names for pad in ("", " ") for end in ("", " "))


_ATTRIBUTES = r"""(?P<inside>(?:\s(?:[^<>"']|"[^"]*"|'[^']*')*)?)"""

GRAMMAR = TaggedGrammar(
    tokens=(*spaced("open", "tools"), "<|open|>call ", "<|open|> call "),
    close_tokens=spaced("close", "tools", "call", "argument", "json"),
    special=True,
    section=_tag("open", "tools"),
    section_close=_tag("close", "tools"),
    call=rf"<\|open\|>\s{{0,4}}call{_ATTRIBUTES}<\|sep\|>",
    call_close=_tag("close", "call"),
    parameter=rf"<\|open\|>\s{{0,4}}argument{_ATTRIBUTES}<\|sep\|>",
    parameter_close=_tag("close", "argument"),
    name_attribute="tool",
    key_attribute="key",
    kind_attribute="type",
)
JSON_BODY = NamedGrammar(
    tokens=GRAMMAR.tokens,
    close_tokens=GRAMMAR.close_tokens,
    special=True,
    call=r"""(?:<\|open\|>\s{0,4}tools\s{0,4}<\|sep\|>\s{0,16})?<\|open\|>\s{0,4}call\s{1,4}tool="(?P<name>[^"<>]{1,256})"[^<>]{0,64}"""
    r"<\|sep\|>\s{0,16}<\|open\|>\s{0,4}json[^<>]{0,64}<\|sep\|>",
    close=f"{_tag('close', 'json')}|{_tag('close', 'call')}",
)


INTRO = "# Tools\nHere are the available tools, described in JSONSchema.\n"
NOTE = (
    "Arguments of the type string stand as they are, all others (number, boolean, null, object, array) are JSON. "
    "One block holds all calls, their index counts from 1. Results come back in <tool_response> blocks."
)


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one JSON array in a code fence."""
    return f"```json\n[{','.join(map(openai_definition, tools))}]\n```"


def _type(value: JsonValue) -> str:
    return type_of(value).replace("integer", "number")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;")


def _elements(call: WrittenCall) -> str | None:
    types = {key: _type(value) for key, value in argument_items(call.arguments)}

    def element(key: str, text: str) -> str:
        return f'<|open|>argument key="{key}" type="{types[key]}"<|sep|>{text}<|close|>argument<|sep|>'

    return tagged_arguments(call, GRAMMAR, element)


def _json(call: WrittenCall) -> str:
    return f'<|open|>json type="object"<|sep|>{escape_lt(call.arguments)}<|close|>json<|sep|>'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls.

    Where an argument can't be between tags, the arguments of all calls are JSON objects, in the template's own other
    form.
    """
    bodies = [_elements(call) for call in calls]
    parts = [
        f'<|open|>call tool="{_escaped(call.name)}" index="{place}"<|sep|>'
        f"{_json(call) if None in bodies else body}<|close|>call<|sep|>"
        for place, (call, body) in enumerate(zip(calls, bodies, strict=True), 1)
    ]
    return f"<|open|>tools<|sep|>{''.join(parts)}<|close|>tools<|sep|>"


KIMI_K3 = Dialect(
    name="kimi_k3",
    models="Kimi K3",
    grammars=(JSON_BODY, GRAMMAR),
    writer=standard_writer(render_calls, intro=INTRO, definitions=definitions, note=NOTE),
    reasoning=(Reasoning(open="<|open|>think<|sep|>", close="<|close|>think<|sep|>", special=True, auto=True),),
    wrappers=(*spaced("open", "response"), *spaced("close", "response", "message")),
    ends=("<|end_of_msg|>",),
)
