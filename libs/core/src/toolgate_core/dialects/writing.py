"""What the writers of dialects share: one system block, put together from the pieces in which dialects differ."""

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
    """Return JSON text that says the same without `<`, which only strings can hold."""
    return text.replace("<", "\\u003c")


def definitions_in_tools_tag(tools: Sequence[ToolDefinition]) -> str:
    """Return the definitions as one line of JSON each, in `<tools>`."""
    return "<tools>\n{}\n</tools>".format("\n".join(map(openai_definition, tools)))


def openai_definition(tool: ToolDefinition) -> str:
    """Return a tool's definition as one line of JSON, in OpenAI's form."""
    return f'{{"type": "function", "function": {prompt.definition_json(tool)}}}'


def result_as_json(content: str) -> str:
    """Return a result that is JSON as it is and any other as a JSON string; markup in it is harmless."""
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
    """Return a result as one JSON object that can't close a tag."""
    return escape_lt(encode_str({"name": name, "tool_call_id": call_id, "content": content}))


def tool_response(name: str, call_id: str, content: str) -> str:
    """Return a result as JSON in `<tool_response>`, in which markup is harmless."""
    return f"<tool_response>\n{escape_markup(result_object(name, call_id, content))}\n</tool_response>"


def result_between(before: str, after: str) -> Callable[[str, str, str], str]:
    """Return a writer of results that stand as they are between `before` and `after`, but for markup in them."""

    def result(_name: str, _call_id: str, content: str) -> str:
        return f"{before}{escape_markup(content, before.strip(), after.strip())}{after}"

    return result


def worked_example(calls: Callable[[Sequence[WrittenCall]], str], tools: Sequence[ToolDefinition]) -> tuple[str, str]:
    """Return the name of the first tool and a call to it, as `calls` writes it; empty without a tool."""
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
        calls: writes calls; the examples of the prompt are written with it, too.
        intro: the sentences before the definitions.
        definitions: writes the definitions.
        form: the sentence before the form of a call.
        note: what there is to say about values, several calls, and results.
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
    """Return the members of arguments that are the JSON text of an object."""
    value = decode(arguments)
    return list(value.items()) if isinstance(value, dict) else []


def string_or_json(value: JsonValue) -> str:
    """Return a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else encode_str(value)


def json_call(call: WrittenCall, *, name: str = "name", arguments: str = "arguments") -> str:
    """Return one call as JSON; the arguments stay as they are written, but can't close a tag."""
    return f'{{"{name}": {encode_str(call.name)}, "{arguments}": {escape_lt(call.arguments)}}}'


def json_call_list(calls: Sequence[WrittenCall], *, name: str = "name", arguments: str = "arguments") -> str:
    """Return calls as one JSON array."""
    return "[" + ", ".join(json_call(call, name=name, arguments=arguments) for call in calls) + "]"
