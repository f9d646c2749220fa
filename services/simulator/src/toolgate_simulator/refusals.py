"""Requests that vLLM 0.32 refuses, with its messages; recorded answers of a real server verify these checks."""

from __future__ import annotations

from typing import Any

from toolgate_simulator.faults import RefusedError, fault, internal, invalid, literal, missing, no_object, refuse
from toolgate_simulator.grammar import check_schema
from toolgate_simulator.numbers import check_numbers
from toolgate_simulator.personas import Persona
from toolgate_simulator.quirks import check_quirks
from toolgate_simulator.tool_checks import check_tools
from toolgate_simulator.values import Json

_MESSAGE_KINDS = (
    *(f"ChatCompletion{kind}MessageParam" for kind in ("Developer", "System", "User", "Assistant", "Tool", "Function")),
    "CustomChatCompletionMessageParam",
)
_BOTH = "Cannot set both `continue_final_message` and `add_generation_prompt` to True."


def check(body: Any, persona: Persona) -> None:
    """Raise `RefusedError` for a request that vLLM (started as `persona` says) would refuse."""
    if body.get("continue_final_message") and body.get("add_generation_prompt"):
        raise _quoting(body, _BOTH) if "quotes_input" in persona.refuses else RefusedError(_BOTH)
    _check_messages(body)
    check_numbers(body, persona.max_model_len)
    _check_stops(body.get("stop"))
    _check_stream(body)
    check_tools(body, persona)
    _check_format(body.get("response_format"))
    _check_structured(body)
    check_quirks(body, persona.refuses)
    _check_constraint(body, persona)


def _quoting(body: Json, message: str) -> RefusedError:
    """Return the refusal of an older vLLM, which quotes the whole request in its error."""
    quoted = {
        "type": "value_error",
        "loc": ("body",),
        "msg": f"Value error, {message}",
        "input": body,
        "ctx": {"error": ValueError(message)},
    }
    return RefusedError(str([quoted]), kind="Bad Request")


def _check_messages(body: Json) -> None:
    if "messages" not in body:
        refuse([missing("body.messages", body)])
    messages = body["messages"]
    if messages is None or isinstance(messages, (bool, int, float)):
        raise RefusedError(f"'{type(messages).__name__}' object is not iterable")
    if not isinstance(messages, list):
        refuse([fault("list_type", "body.messages", "Input should be a valid list", messages)])
    if not messages:
        raise RefusedError("Cannot apply chat template to an empty conversation. Provide at least one message.")
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            at = f"body.messages.{place}"
            wrong = [fault("dict_type", f"{at}.{kind}", "Input should be a valid dictionary", message)
                     for kind in _MESSAGE_KINDS]  # fmt: skip
            refuse([*wrong, no_object(f"{at}.Message", message)])


def _check_stops(stop: Any) -> None:
    texts = stop if isinstance(stop, list) else [stop]
    if stop is None or (isinstance(stop, str) and stop):
        return
    if stop == "" or "" in texts:
        raise RefusedError("stop cannot contain an empty string.")
    no_text = fault("string_type", "body.stop", "Input should be a valid string", stop)
    if not isinstance(stop, list):
        refuse([no_text, fault("list_type", "body.stop", "Input should be a valid list", stop)])
    if len(stop) > 4:
        message = f"List should have at most 4 items after validation, not {len(stop)}"
        sizes = {"field_type": "List", "max_length": 4, "actual_length": len(stop)}
        refuse([no_text, fault("too_long", "body.stop", message, stop, sizes)])


def _check_stream(body: Json) -> None:
    for key in ("stream", "parallel_tool_calls", "logprobs"):
        if isinstance(body.get(key), str) and body[key].lower() not in ("true", "false", "1", "0"):
            message = "Input should be a valid boolean, unable to interpret input"
            refuse([fault("bool_parsing", f"body.{key}", message, body[key])])
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        refuse([no_object("body.stream_options", options)])
    if options and not body.get("stream"):
        raise invalid("Stream options can only be defined when `stream=True`.", "stream_options")


def _check_format(wanted: Any) -> None:
    """Check `response_format`, which may be one of three objects: each prints what it misses."""
    at = "body.response_format"
    if wanted is None:
        return
    if not isinstance(wanted, dict):
        refuse([no_object(at, wanted)] * 3)
    kind, schema = wanted.get("type"), wanted.get("json_schema")
    wrong: list[Json] = []
    if kind not in ("text", "json_object", "json_schema"):
        wrong = [literal(f"{at}.type", "'text', 'json_object' or 'json_schema'", kind)]
    elif isinstance(schema, dict) and "name" not in schema:
        wrong = [missing(f"{at}.json_schema.name", schema)]
    elif isinstance(schema, dict) and not isinstance(schema.get("schema"), (dict, type(None))):
        wrong = [fault("dict_type", f"{at}.json_schema.schema", "Input should be a valid dictionary", schema["schema"])]
    elif kind == "json_schema" and not isinstance(schema, dict):
        message = "When response_format type is 'json_schema', the 'json_schema' field must be provided."
        raise invalid(message, "response_format")
    if wrong:
        tag = literal(f"{at}.type", "'structural_tag'", kind)
        others = [tag, missing(f"{at}.format", wanted), tag]
        refuse([*wrong, *others, missing(f"{at}.structures", wanted), missing(f"{at}.triggers", wanted)])


def _check_structured(body: Json) -> None:
    structured = body.get("structured_outputs")
    if structured is None:
        return
    if not isinstance(structured, dict):
        raise internal(f"'{type(structured).__name__}' object has no attribute 'get'", late=False)
    kinds = [key for key in ("json", "regex", "choice") if structured.get(key) is not None]
    if len(kinds) > 1:
        raise RefusedError(
            "You can only use one kind of constraints for structured outputs ('json', 'regex' or 'choice')."
        )
    if kinds and isinstance(body.get("tool_choice"), dict):
        raise RefusedError("You can only either use constraints for structured outputs or tools, not both.")
    choice = structured.get("choice")
    if choice is not None and not isinstance(choice, list):
        refuse([fault("list_type", "body.structured_outputs.choice", "Input should be a valid list", choice)])
    if choice == []:
        raise RefusedError("Choice '[]' cannot be an empty list")
    if kinds == ["json"] and not isinstance(structured["json"], dict):
        raise RefusedError("Invalid JSON grammar specification.")


def _check_constraint(body: Json, persona: Persona) -> None:
    wanted, structured = body.get("response_format") or {}, body.get("structured_outputs") or {}
    constrained = wanted.get("type") in ("json_schema", "json_object") or bool(structured)
    if constrained and persona.json_schema == "refused":
        raise RefusedError(
            "response_format is not supported by this server: no structured output backend", param="response_format"
        )
    if persona.json_schema == "enforced":
        schema = structured.get("json") or (wanted.get("json_schema") or {}).get("schema")
        if wanted.get("type") == "json_schema" or structured.get("json"):
            check_schema(schema or {})
