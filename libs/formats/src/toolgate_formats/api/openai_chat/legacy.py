"""The older `functions` and `function_call` to tools, in the request and in its history."""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.types.errors import RequestError


def convert_functions(body: JsonObject) -> bool:
    """Rewrite the request's own fields in place; return whether the client spoke the older form.

    Raise `RequestError` where the older fields are wrong, or stand beside the newer ones.
    """
    if "functions" not in body:
        return _drop_choice(body)
    if "tools" in body or "tool_choice" in body:
        raise RequestError("'functions' can't be mixed with 'tools' or 'tool_choice'.", param="functions")
    functions = body.pop("functions")
    if not isinstance(functions, list):
        raise RequestError("functions must be an array.", param="functions")
    if not functions:
        return _drop_choice(body)
    body["tools"] = [{"type": "function", "function": function} for function in functions]
    if "function_call" in body:
        body["tool_choice"] = _choice(body.pop("function_call"), functions)
    body["parallel_tool_calls"] = False
    return True


def _drop_choice(body: JsonObject) -> bool:
    if "function_call" in body and body.pop("function_call") not in ("none", "auto"):
        raise RequestError("'function_call' is only allowed when 'functions' are specified.", param="function_call")
    return False


def _choice(choice: JsonValue, functions: list[JsonValue]) -> JsonValue:
    if choice in ("none", "auto"):
        return choice
    name = choice.get("name") if isinstance(choice, dict) else None
    if not isinstance(name, str):
        message = "Invalid value for 'function_call': expected 'none', 'auto' or an object with a name."
        raise RequestError(message, param="function_call", code="invalid_value")
    if not any(isinstance(function, dict) and function.get("name") == name for function in functions):
        raise RequestError(f"Function '{name:.64}' not found in 'functions' parameter.", param="function_call")
    return {"type": "function", "function": {"name": name}}


def convert_call(message: JsonObject, place: int) -> JsonObject:
    """Return an assistant message whose `function_call` has become its one tool call.

    Raise `RequestError` where it has tool calls, too. `place`: of the message, from 0.
    """
    param = f"messages[{place}].function_call"
    if message.get("tool_calls"):
        raise RequestError(f"{param} can't be mixed with tool_calls.", param=param)
    rest = {key: value for key, value in message.items() if key not in ("function_call", "tool_calls")}
    call: JsonObject = {"id": call_id(place), "type": "function", "function": message["function_call"]}
    return {**rest, "content": message.get("content"), "tool_calls": [call]}


def convert_result(message: JsonObject, place: int, pending: str) -> JsonObject:
    """Return a function message as the tool message that answers the call `pending`.

    Raise `RequestError` where it has no name. `place`: of the message, from 0.
    """
    name = message.get("name")
    if not isinstance(name, str) or not name:
        raise RequestError(f"messages[{place}].name is required.", param=f"messages[{place}].name")
    content = message.get("content")
    return {"role": "tool", "tool_call_id": pending, "content": "" if content is None else content}


def call_id(place: int) -> str:
    """Return the id of the call that is in the message at `place`: the same in every request of a talk."""
    return f"call_{place}"
