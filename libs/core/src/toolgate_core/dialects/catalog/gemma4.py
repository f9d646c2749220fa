"""`gemma4`: bare keys, strings between delimiters that nothing escapes.

```
<|tool_call>call:F{k:<|"|>text<|"|>,n:42,b:true,o:{…},l:[…]}<tool_call|>
```
Reasoning is in a channel; the channel's name is part of the marker. Openers and closers are sometimes lost or taken
from others.
Source: Gemma 4's chat template. vLLM reads it with `--tool-call-parser gemma4`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects.base import BraceGrammar, Dialect, PythonGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.writing import argument_items, escape_lt, standard_writer
from toolgate_core.jsontext import JsonObject, JsonValue, encode_str
from toolgate_core.types.requests import ToolDefinition

QUOTE = '<|"|>'
_NAME = r"(?P<name>[A-Za-z_][\w.\-]{0,255})"

GRAMMAR = BraceGrammar(
    tokens=("<|tool_call>",),
    close_tokens=("<tool_call|>",),
    special=True,
    call=rf"(?:<\|tool_call>\s{{0,8}}){{1,3}}:?\s{{0,8}}(?:call\s{{0,4}}:\s{{0,8}}{_NAME}(?=[\s{{(<])|{_NAME}(?=[{{(]))",
    close=r"<tool_call\|>|<turn\|>",
    another=rf"(?:[,;]\s{{0,8}})?call:\s{{0,8}}{_NAME}(?=[{{(])",
    quote=QUOTE,
)
BARE = BraceGrammar(
    tokens=("call:", "<call>"),
    where="line",
    auto=False,
    declared_only=True,
    plain_opener=True,
    call=rf"(?:call:|<call>)\s{{0,4}}{_NAME}\s{{0,4}}(?=[{{(])",
    close=r"<tool_call\|>|<turn\|>|</call>",
    quote=QUOTE,
)
ALONE = BraceGrammar(
    begins=rf"call:{_NAME}\{{",
    declared_only=True,
    plain_opener=True,
    call=rf"\s*+call:{_NAME}",
    close=BARE.close,
    quote=QUOTE,
)
TOOL_CODE = PythonGrammar(
    tokens=("```tool_code",),
    where="line",
    auto=False,
    plain_opener=True,
    open=r"```tool_code[ \t]*\r?\n",
    close=r"```",
    bare=True,
    statements=True,
)


NOTE = (
    f"Keys stand without quotes, strings stand between {QUOTE} without escapes, everything else as in JSON. "
    "For several calls, write them one behind the other. "
    "Results come back in <|tool_response> blocks with the tool's name."
)
_TOKEN = re.compile(r"<\||\|>|<(?:start|end)_\w{1,32}>|<escape>|<eos>")
_PLAIN_KEY = re.compile(r"[\w$@.-]{1,200}")


def braces(value: JsonValue, quote: str) -> str:
    """Return a value as the model writes it; `quote` is the delimiter of strings.

    Nothing escapes in a string, so that one with a delimiter or another token in it is written as JSON, as is a key
    that is not a word; readers take both.
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{braces(member, quote)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(braces(item, quote) for item in value) + "]"
    if isinstance(value, str) and not _TOKEN.search(value):
        return f"{quote}{value}{quote}"
    return escape_lt(encode_str(value))


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else escape_lt(encode_str(key))


def arguments(call: WrittenCall, quote: str) -> str:
    """Return the arguments of a call, sorted by their keys."""
    return braces(_ordered(dict(argument_items(call.arguments))), quote)


def _ordered(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=str.lower)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def declaration(tool: ToolDefinition, quote: str) -> str:
    """Return a tool's definition in the same form: names of types in capitals, the type last."""
    body: JsonObject = {"description": tool.description, "parameters": _schema(tool.parameters)}
    return f"declaration:{tool.name}{braces(body, quote)}"


def _schema(schema: JsonValue) -> JsonValue:
    if isinstance(schema, list):
        return [_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out: JsonObject = {}
    for key in sorted(schema, key=_place):
        value = schema[key]
        if key == "properties" and isinstance(value, dict):
            out[key] = {name: _schema(value[name]) for name in sorted(value, key=str.lower)}
        elif key == "type":
            out |= _type(value)
        else:
            out[key] = _schema(value) if key in _SCHEMAS else value
    return out


_SCHEMAS = ("items", "anyOf", "oneOf", "allOf", "additionalProperties", "prefixItems", "not")


def _place(key: str) -> int:
    return -1 if key == "description" else key == "type"


def _type(value: JsonValue) -> JsonObject:
    if not isinstance(value, list):
        return {"type": str(value).upper()}
    kinds: list[JsonValue] = [str(kind).upper() for kind in value if kind != "null"]
    rest: JsonObject = {"nullable": True} if "null" in value else {}
    return {**rest, "type": kinds[0] if len(kinds) == 1 else kinds}


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one block each."""
    return "".join(f"<|tool>{declaration(tool, QUOTE)}<tool|>" for tool in tools)


def _call(call: WrittenCall) -> str:
    return f"<|tool_call>call:{call.name}{arguments(call, QUOTE)}<tool_call|>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call."""
    return "".join(map(_call, calls))


def render_result(name: str, _call_id: str, content: str) -> str:
    """Return a result under the tool's name."""
    body = braces({"value": escape_markup(content)}, QUOTE)
    return f"<|tool_response>response:{escape_markup(name)}{body}<tool_response|>"


GEMMA4 = Dialect(
    name="gemma4",
    models="Gemma 4",
    grammars=(GRAMMAR, ALONE, BARE, TOOL_CODE),
    writer=standard_writer(
        render_calls, intro="You may call these tools:", definitions=definitions, note=NOTE, result=render_result
    ),
    reasoning=(
        Reasoning(
            open="<|channel>",
            close="<channel|>",
            header=r"(?:thought|analysis)(?:[ \t]{0,8}\n|(?=<))",
            answer=r"(?!thought|analysis)[a-z][a-z_]{1,31}(?:[ \t]{0,8}\n|(?=<))",
            special=True,
            auto=True,
        ),
    ),
    start_patterns=(r"(?:thought|analysis)[ \t]{0,8}\n\s{0,16}(?=<channel\|>)",),
    ends=("<turn|>", "<|tool_response>", "<eos>"),
)
