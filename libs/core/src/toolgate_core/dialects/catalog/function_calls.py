"""`function_calls`: tagged XML, the best-known text form; what the bridge writes unless a policy says otherwise.

```
<function_calls>
<invoke name="F">
<parameter name="K">V</parameter>
</invoke>
</function_calls>
```
Strings are not escaped, except that the five XML entities are decoded once and CDATA sections are raw; everything
else is JSON. Tags may carry one of the namespaces in which imitations write them.
Source: the form that Anthropic has published for prompts. It is not XML: models need not escape what they write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Dialect, TaggedGrammar, Writer, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.dialects.patterns import bare_tag, close_tag, open_tag
from toolgate_core.dialects.writing import string_or_json, worked_example
from toolgate_core.jsontext import JsonValue, decode
from toolgate_core.types.requests import ToolChoice, ToolDefinition

_NAMESPACE = "antml:|atem:|minimax:"
_SPACES = ("", "antml:", "atem:", "minimax:")


def _in_all(name: str) -> tuple[str, ...]:
    return tuple(space + name for space in _SPACES)


GRAMMAR = TaggedGrammar(
    tags=_in_all("function_calls") + _in_all("invoke"),
    close_tags=_in_all("function_calls") + _in_all("invoke") + _in_all("parameter"),
    section=bare_tag("function_calls", namespace=_NAMESPACE),
    section_close=close_tag("function_calls", namespace=_NAMESPACE),
    call=open_tag("invoke", namespace=_NAMESPACE),
    call_close=close_tag("invoke", namespace=_NAMESPACE),
    parameter=open_tag("parameter", namespace=_NAMESPACE),
    parameter_close=close_tag("parameter", namespace=_NAMESPACE),
    entities="always",
    trim="layout",
)

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
_MUST_ESCAPE = re.compile("[&<>\"']")
_EDGE_SPACE = re.compile(r"\A[\r\n]|[\r\n][ \t]*\Z")


def escape(text: str) -> str:
    """Return `text` with the five XML entities."""
    return _MUST_ESCAPE.sub(lambda match: _ESCAPES[match.group()], text)


def _value(value: JsonValue) -> str:
    text = string_or_json(value)
    if _EDGE_SPACE.search(text):  # a line break at an edge would be taken for layout
        return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _call(name: str, arguments: str) -> str:
    value = decode(arguments)
    members = value.items() if isinstance(value, dict) else ()
    lines = [f'<parameter name="{escape(key)}">{_value(item)}</parameter>\n' for key, item in members]
    return f'<invoke name="{escape(name)}">\n{"".join(lines)}</invoke>\n'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block with all calls."""
    return f"<function_calls>\n{''.join(_call(call.name, call.arguments) for call in calls)}</function_calls>"


def render_result(name: str, call_id: str, content: str) -> str:
    """Return a result; markup in it is escaped, so that it can't end its wrapper."""
    output = escape_markup(content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return (
        f"<function_results>\n<result>\n<tool_name>{escape(name)}</tool_name>\n<call_id>{escape(call_id)}</call_id>\n"
        f"<output>{output}</output>\n"
        "</result>\n</function_results>"
    )


def render_tools(tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
    """Return the system block."""
    allowed = prompt.permitted(tools, choice)
    definitions = "\n".join(f"<function>{prompt.definition_json(tool)}</function>" for tool in allowed)
    example, real = worked_example(render_calls, allowed or tools)
    return f"""In this environment you have access to a set of tools.
Here they are, with JSON Schemas of their parameters:
<functions>
{definitions}
</functions>

Call tools by writing a block like this:
<function_calls>
<invoke name="TOOL_NAME">
<parameter name="PARAMETER_NAME">VALUE</parameter>
</invoke>
</function_calls>

For example, a call to {example or "a tool"}:
{real}

String and number values stand as they are, without quotes; lists and objects are JSON. One block may hold several
<invoke> elements. Results come back in <function_results> blocks.

Rules:
{prompt.calling_rules(choice, parallel=parallel)}"""


FUNCTION_CALLS = Dialect(
    name="function_calls",
    models="any model that is asked for it in the prompt",
    grammars=(GRAMMAR,),
    writer=Writer(render_tools, render_calls, render_result),
)
