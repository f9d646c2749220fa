"""`seed_oss`: the form of `qwen3_coder` in its own tags.

```
<seed:tool_call>
<function=F>
<parameter=K>V</parameter>
</function>
</seed:tool_call>
```
Lists and objects are Python literals. A form with the name in `<tool_name>` and JSON in `<parameters>` is documented.
vLLM reads it with `--tool-call-parser seed_oss`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, NamedGrammar, Reasoning, WrittenCall
from toolgate_core.dialects.catalog import qwen3_coder
from toolgate_core.dialects.catalog.pythonic import literal
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.patterns import bare_tag, close_tag
from toolgate_core.dialects.tagging import keep_newlines, tagged_or_json
from toolgate_core.dialects.writing import escape_lt, standard_writer
from toolgate_core.jsontext import JsonValue
from toolgate_core.types.requests import ToolDefinition

GRAMMAR = replace(
    qwen3_coder.GRAMMAR,
    tags=("seed:tool_call",),
    close_tags=("seed:tool_call", "function", "parameter"),
    section=bare_tag("seed:tool_call"),
    section_close=close_tag("seed:tool_call"),
)
NAMED = NamedGrammar(
    tags=("seed:tool_call",),
    call=r"<seed:tool_call>\s*<tool_name>\s*(?P<name>[^<]+?)\s*</tool_name>\s*<parameters>\s*(?=\{)",
    close=r"(?:</parameters>\s*)?</seed:tool_call>",
)

NOTE = (
    "Strings stand as they are, without quotes or escapes; lists and objects are Python literals. "
    "Several calls are several <seed:tool_call> blocks. Results come back in <tool_response> blocks."
)
_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict"}
_SAID = frozenset(("type", "description"))


def _type(schema: JsonValue) -> str:
    return _TYPES.get(str(schema.get("type")), "Any") if isinstance(schema, dict) else "Any"


def _argument(key: str, schema: JsonValue, *, needed: bool) -> str:
    about = schema if isinstance(schema, dict) else {}
    shown = _SAID if _type(schema) != "Any" else frozenset(("description",))
    text = " ".join(filter(None, (str(about.get("description") or ""), prompt.remaining_keywords(about, shown))))
    return f"    - {key} ({_type(schema)}) [{'必填' if needed else '选填'}]: {text}".rstrip()


def _signature(tool: ToolDefinition) -> str:
    properties, required = tool.parameters.get("properties"), tool.parameters.get("required")
    needed = required if isinstance(required, list) else []
    schemas = properties if isinstance(properties, dict) else {}
    arguments = [_argument(key, schema, needed=key in needed) for key, schema in schemas.items()]
    head = ",".join(f"{key}: {_type(schema)}" for key, schema in schemas.items())
    parts = (f"    {tool.description.strip()}".rstrip(), "\n".join(("    Args:", *arguments)) if arguments else "")
    body = "\n\n".join(filter(None, parts))
    return f'Function:\ndef {tool.name}({head}):\n    """\n{body}\n    """'


def definitions(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as signatures in Python; what types can't say is in their comments as JSON Schema."""
    return escape_markup("\n\n".join(map(_signature, tools)))


def _to_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else escape_lt(literal(value))


def _element(key: str, text: str) -> str:
    return f"<parameter={key}>{keep_newlines(text)}</parameter>\n"


def _call(call: WrittenCall) -> str:
    arguments = tagged_or_json(call, GRAMMAR, _element, to_text=_to_text)
    return f"<seed:tool_call>\n<function={call.name}>\n{arguments}</function>\n</seed:tool_call>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call; arguments that can't be between tags are one JSON object."""
    return "\n".join(map(_call, calls))


SEED_OSS = Dialect(
    name="seed_oss",
    models="Seed-OSS",
    grammars=(GRAMMAR, qwen3_coder.loose("seed:tool_call"), NAMED),
    writer=standard_writer(
        render_calls,
        intro="You may call one or more functions to assist with the user query.\n",
        definitions=definitions,
        form="工具调用请遵循如下格式:",
        note=NOTE,
    ),
    reasoning=(Reasoning(open="<seed:think>", close="</seed:think>", auto=True),),
    ends=("<seed:eos>",),
)
