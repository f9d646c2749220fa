"""The questions that a doctor asks a model, and what each answer should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from toolgate_cli.doctor.diagnosis import Seen, Verdict, failed, in_calls, in_text

WEATHER: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TIME: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"timezone": {"type": "string", "description": "An IANA name."}},
    "required": ["timezone"],
    "additionalProperties": False,
}
SCHEMAS: Final = {"get_weather": WEATHER, "get_time": TIME}
TOOLS: Final[list[Any]] = [
    {"type": "function", "function": {"name": name, "description": about, "parameters": SCHEMAS[name]}}
    for name, about in (("get_weather", "The weather in a city."), ("get_time", "The time in a time zone."))
]
QUESTION: Final[list[Any]] = [{"role": "user", "content": "What is the weather in Oslo? Use the tool."}]
TWO: Final[list[Any]] = [{"role": "user", "content": "What is the weather in Oslo and in Rome? Ask for both at once."}]
CALL_ID: Final = "call_doctor01"
ANSWERED: Final[list[Any]] = [
    *QUESTION,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": CALL_ID, "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": CALL_ID, "content": '{"celsius": 4, "sky": "rain"}'},
]
_FLAG: Final = "structured outputs: value models.{model}.structuredOutputs.backend; through the gateway: its priorities"


class Check(Struct, frozen=True):
    """One question: its name, the request's fields, and what is made of the answer."""

    name: str
    fields: dict[str, Any]
    judge: Callable[[Seen, str], Verdict]
    stream: bool = False


def _judged(seen: Seen, model: str, good: Callable[[Seen], str], missing: Verdict) -> Verdict:
    """Return the first thing that is wrong; `good` says what is right, empty where something is missing."""
    found = failed(seen, model) or in_calls(seen, SCHEMAS) or in_text(seen, model)
    told = good(seen)
    if found is not None:
        return found
    return Verdict("ok", told) if told else Verdict(missing.level, missing.text, missing.remedy.format(model=model))


def _calls(seen: Seen) -> str:
    count = len(seen.calls)
    return f"{count} call{'s' if count > 1 else ''}" if count else ""


def _auto(seen: Seen, model: str) -> Verdict:
    missing = Verdict(
        "warn",
        "the model answers in words although a tool fits",
        "value models.{model}.gateway.policy: {{auto_start: bridge}} makes the gateway ask again",
    )
    return _judged(seen, model, _calls, missing)


def _required(seen: Seen, model: str) -> Verdict:
    missing = Verdict("fail", "a call was required, and none came", _FLAG)
    return _judged(seen, model, _calls, missing)


def _named(seen: Seen, model: str) -> Verdict:
    missing = Verdict("fail", "get_time was asked for by name, and was not called", _FLAG)
    right = any(call.name == "get_time" for call in seen.calls) and all(call.name == "get_time" for call in seen.calls)
    return _judged(seen, model, lambda seen: _calls(seen) if right else "", missing)


def _parallel(seen: Seen, model: str) -> Verdict:
    missing = Verdict("fail", "two calls were possible and required, and none came", _FLAG)
    one = len(seen.calls) == 1
    return _judged(seen, model, lambda seen: _calls(seen) + (" (one a turn)" if one else ""), missing)


def _second_turn(seen: Seen, model: str) -> Verdict:
    missing = Verdict(
        "fail", "no answer to a tool's result", "the chat template: value models.{model}.toolCalling.chatTemplate"
    )
    return _judged(seen, model, lambda seen: "an answer in words" if seen.content.strip() else _calls(seen), missing)


def _none(seen: Seen, model: str) -> Verdict:
    missing = Verdict("fail", "no tool was to be called, and one was", "flag --exclude-tools-when-tool-choice-none")
    return _judged(seen, model, lambda seen: "words" if seen.content.strip() and not seen.calls else "", missing)


CHECKS: Final = (
    Check("auto", {"messages": QUESTION, "tools": TOOLS}, _auto),
    Check("required", {"messages": QUESTION, "tools": TOOLS, "tool_choice": "required"}, _required),
    Check(
        "named",
        {
            "messages": [{"role": "user", "content": "What time is it in Europe/Oslo?"}],
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "get_time"}},
        },
        _named,
    ),
    Check("parallel", {"messages": TWO, "tools": TOOLS, "tool_choice": "required"}, _parallel),
    Check("streamed", {"messages": QUESTION, "tools": TOOLS, "tool_choice": "required"}, _required, stream=True),
    Check("second turn", {"messages": ANSWERED, "tools": TOOLS}, _second_turn),
    Check("none", {"messages": QUESTION, "tools": TOOLS, "tool_choice": "none"}, _none),
)
"""In the order in which they are asked."""
UPSTREAM: Final = Check("upstream", {"messages": QUESTION, "tools": TOOLS}, _auto)
"""Asked past the gateway's ladder, which would hide what the server behind it does wrong."""
