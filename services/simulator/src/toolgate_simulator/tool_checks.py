"""The tools of a request, and the choice among them."""

from __future__ import annotations

from typing import Any

from toolgate_simulator.faults import RefusedError, fault, internal, invalid, literal, missing, no_object, refuse
from toolgate_simulator.grammar import check_strict_tool
from toolgate_simulator.personas import Persona
from toolgate_simulator.values import Json

_USAGE = 'Correct usage: `{"type": "function", "function": {"name": "my_function"}}`'


def check_tools(body: Json, persona: Persona) -> None:
    """Raise `RefusedError` where vLLM refuses the tools, or the choice among them."""
    tools = body.get("tools")
    choice = body.get("tool_choice", "auto" if tools else None)
    if tools == []:
        message = "`tools` must not be an empty array. Either provide at least one tool or omit the field entirely."
        raise invalid(message, "tools")
    if choice not in (None, "none"):
        _check_choice(choice, tools)
    if tools is None:
        return
    if isinstance(choice, dict) and isinstance(tools, list):
        _check_named(choice["function"]["name"], tools)
    _check_definitions(tools)
    _check_parser(choice, persona)
    if choice != "none" and persona.json_schema == "enforced":
        for tool in tools:
            if tool["function"].get("strict"):
                check_strict_tool(tool["function"].get("parameters") or {})


def _check_choice(choice: Any, tools: Any) -> None:
    if tools is None:
        raise invalid("When using `tool_choice`, `tools` must be set.", "tool_choice")
    if choice not in ("auto", "required") and not isinstance(choice, dict):
        known = 'Only named tools, "none", "auto" or "required" are supported.'
        raise invalid(f"Invalid value for `tool_choice`: {choice}! {known}", "tool_choice")
    if not isinstance(choice, dict):
        return
    function = choice.get("function")
    if not isinstance(function, dict):
        message = f"Invalid value for `function`: `{function}` in `tool_choice`! {_USAGE}"
        raise invalid(message, "tool_choice.function")
    if "name" not in function:
        message = f"Expected field `name` in `function` in `tool_choice`! {_USAGE}"
        raise invalid(message, "tool_choice.function.name")
    if not isinstance(function["name"], str) or not function["name"]:
        message = f"Invalid `name` in `function`: `{function['name']}` in `tool_choice`! {_USAGE}"
        raise invalid(message, "tool_choice.function.name")


def _check_named(name: str, tools: list[Any]) -> None:
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)]
    if None in functions:
        # vLLM looks a name up before it has checked the tools.
        raise internal("'function'", late=False)
    if name not in [one.get("name") for one in functions if isinstance(one, dict)]:
        message = "The tool specified in `tool_choice` does not match any of the specified `tools`"
        raise invalid(message, "tool_choice")


def _check_definitions(tools: Any) -> None:
    if not isinstance(tools, list):
        refuse([fault("list_type", "body.tools", "Input should be a valid list", tools)])
    wrong = [found for place, tool in enumerate(tools) for found in _wrong_definition(f"body.tools.{place}", tool)]
    if wrong:
        refuse(wrong)


def _wrong_definition(at: str, tool: Any) -> list[Json]:
    if not isinstance(tool, dict):
        return [no_object(at, tool)]
    wrong = []
    if tool.get("type", "function") != "function":
        wrong.append(literal(f"{at}.type", "'function'", tool["type"]))
    function = tool.get("function")
    if function is None:
        return [*wrong, missing(f"{at}.function", tool)]
    if not isinstance(function, dict):
        return [*wrong, no_object(f"{at}.function", function)]
    if "name" not in function:
        wrong.append(missing(f"{at}.function.name", function))
    elif not isinstance(function["name"], str):
        wrong.append(fault("string_type", f"{at}.function.name", "Input should be a valid string", function["name"]))
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        wrong.append(fault("dict_type", f"{at}.function.parameters", "Input should be a valid dictionary", parameters))
    return wrong


def _check_parser(choice: Any, persona: Persona) -> None:
    """Without its two flags vLLM refuses whatever might end in a call; a plain server knows no tools at all."""
    if choice in (None, "none") or (persona.tools and persona.auto_tools):
        return
    if choice == "auto":
        raise RefusedError('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
    wanted = f'function "{choice["function"]["name"]}"' if isinstance(choice, dict) else f'"{choice}"'
    raise RefusedError(f"tool_choice={wanted} requires --tool-call-parser to be set")
