"""Shared parts of the writers of dialects: one system block, made of the pieces in which dialects differ.

A prompt must be byte-stable, so that an upstream's prefix cache hits: the same tools give the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolgate_core.dialects import prompting as prompt
from toolgate_core.dialects.base import Writer, WrittenCall
from toolgate_core.dialects.escaping import escape_markup
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode_str
from toolgate_core.types.requests import ToolChoice, ToolDefinition

INTRO = "You may call tools. Here they are, with JSON Schemas of their parameters:"
FORM = "Call a tool by writing:"
SIGNATURES = (
    "You may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:"
)
NOTE = "Results come back in <tool_response> blocks."


def escape_lt(text: str) -> str:
    """Return equal JSON text without `<`: only strings can hold one, and they may write it as an escape."""
    return text.replace("<", "\\u003c")


def definitions_in_tools_tag(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one line of JSON each, in `<tools>`."""
    return "<tools>\n{}\n</tools>".format("\n".join(map(openai_definition, tools)))


def openai_definition(tool: ToolDefinition) -> str:
    """Return a tool's definition as one line of JSON, in OpenAI's form."""
    return f'{{"type": "function", "function": {prompt.definition_json(tool)}}}'


def result_as_json(content: str) -> str:
    """Return a result as JSON: JSON text unchanged, any other text as a JSON string; markup in it is escaped."""
    try:
        decode(content)
    except JsonTextError:
        content = encode_str(content)
    return escape_markup(escape_lt(content))


def definition_lines(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions as one line of JSON each."""
    return "\n".join(map(prompt.definition_json, tools))


def definition_list(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions of the functions as one JSON array."""
    return "[" + ", ".join(map(prompt.definition_json, tools)) + "]"


def result_object(name: str, call_id: str, content: str) -> str:
    """Return a result as one JSON object, with `<` escaped so that it can't close a tag."""
    return escape_lt(encode_str({"name": name, "tool_call_id": call_id, "content": content}))


def tool_response(name: str, call_id: str, content: str) -> str:
    """Return a result as JSON in `<tool_response>`, with markup in it escaped."""
    return f"<tool_response>\n{escape_markup(result_object(name, call_id, content))}\n</tool_response>"


def result_between(before: str, after: str) -> Callable[[str, str, str], str]:
    """Return a function that writes results between `before` and `after`, unchanged but for markup in them."""

    def result(_name: str, _call_id: str, content: str) -> str:
        return f"{before}{escape_markup(content, before.strip(), after.strip())}{after}"

    return result


def worked_example(calls: Callable[[Sequence[WrittenCall]], str], tools: Sequence[ToolDefinition]) -> tuple[str, str]:
    """Return the name of the first tool and a call to it, as `calls` writes it; empty strings without a tool."""
    if not tools:
        return "", ""
    return tools[0].name, calls([WrittenCall(tools[0].name, encode_str(prompt.example_arguments(tools[0])))])


def standard_writer(
    calls: Callable[[Sequence[WrittenCall]], str],
    *,
    intro: str = INTRO,
    definitions: Callable[[Sequence[ToolDefinition]], str] = definitions_in_tools_tag,
    form: str = FORM,
    note: str = NOTE,
    result: Callable[[str, str, str], str] = tool_response,
    call_id: Callable[[WrittenCall], str] | None = None,
) -> Writer:
    """Return the writer of a dialect.

    Args:
        calls: writes calls; also writes the examples of the prompt.
        intro: the sentences before the definitions.
        definitions: writes the definitions.
        form: the sentence before the form of a call.
        note: how to write values and several calls, and how results come back.
        result: writes a result.
        call_id: see `Writer`.
    """

    def tools_block(tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
        allowed = prompt.permitted(tools, choice)
        sample = calls([WrittenCall("TOOL_NAME", '{"PARAMETER_NAME": "VALUE"}')])
        example, real = worked_example(calls, allowed or tools)
        return (
            f"{intro}\n{definitions(allowed)}\n\n{form}\n{sample}\n\n"
            f"For example, a call to {example or 'a tool'}:\n{real}\n\n"
            f"{note}\n\nRules:\n{prompt.calling_rules(choice, parallel=parallel)}"
        )

    return Writer(tools_block, calls, result, call_id)


def argument_items(arguments: str) -> list[tuple[str, JsonValue]]:
    """Return the members of arguments, which are the JSON text of an object; empty for any other JSON."""
    value = decode(arguments)
    return list(value.items()) if isinstance(value, dict) else []


def string_or_json(value: JsonValue) -> str:
    """Return a string unchanged, anything else as JSON text."""
    return value if isinstance(value, str) else encode_str(value)


def json_call(call: WrittenCall, *, name: str = "name", arguments: str = "arguments") -> str:
    """Return one call as JSON; the arguments keep their text, but for `<`."""
    return f'{{"{name}": {encode_str(call.name)}, "{arguments}": {escape_lt(call.arguments)}}}'


def json_call_list(calls: Sequence[WrittenCall], *, name: str = "name", arguments: str = "arguments") -> str:
    """Return calls as one JSON array."""
    return "[" + ", ".join(json_call(call, name=name, arguments=arguments) for call in calls) + "]"
