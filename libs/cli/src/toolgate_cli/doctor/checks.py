"""The checks of a model: a question each, and the judgement of its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from toolgate_cli.doctor.diagnosis import in_calls, in_reasoning, in_text
from toolgate_cli.doctor.place import Place, Remedy
from toolgate_cli.doctor.seen import Seen, Verdict
from toolgate_cli.doctor.symptoms import TEMPLATE, failed, lesser

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
GREETING: Final[list[Any]] = [{"role": "user", "content": "Say hello in one word."}]
QUESTION: Final[list[Any]] = [{"role": "user", "content": "What is the weather in Oslo? Use the tool."}]
TWO: Final[list[Any]] = [{"role": "user", "content": "What is the weather in Oslo and in Rome? Ask for both at once."}]
CALL_ID: Final = "calldoc01"
"""Nine letters and digits, as Mistral's templates require."""
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
_HONOUR: Final = Remedy(
    "structured outputs of the server; Toolgate in front honours the choice: toolgate up --upstream URL",
    vllm="flags --enable-auto-tool-choice --tool-call-parser=NAME, --structured-outputs-config;"
    " Toolgate in front honours the choice: toolgate up --upstream URL",
    chart="structured outputs: value models.{model}.structuredOutputs.backend; through the gateway: its priorities",
    gateway="the model's policy: its ladder must have more than `native`",
)
_WORDS: Final = Remedy(
    "Toolgate in front asks again: toolgate up --upstream URL",
    chart="value models.{model}.gateway.policy: {auto_start: bridge} makes the gateway ask again",
    gateway="policy {auto_start: bridge} makes the gateway ask again",
)


class Check(Struct, frozen=True):
    """One check: its name, the fields of the request, and the judgement of the answer.

    `tools`: the request has tools; without them an error cannot be about tools.
    """

    name: str
    fields: dict[str, Any]
    judge: Callable[[Seen, Place, str], Verdict]
    stream: bool = False
    tools: bool = True


def _judged(seen: Seen, place: Place, model: str, right: str, missing: tuple[Verdict, Remedy]) -> Verdict:
    """Return the first fault; else ok with the text `right`, or `missing` where that is empty."""
    found = (
        failed(seen, place, model)
        or in_calls(seen, SCHEMAS, place, model)
        or in_text(seen, place, model, SCHEMAS)
        or lesser(seen, place, model)
    )
    if found is not None:
        return found
    verdict, remedy = missing
    return Verdict("ok", right) if right else Verdict(verdict.level, verdict.text, remedy.at(place, model))


def _calls(seen: Seen) -> str:
    count = len(seen.calls)
    return f"{count} call{'s' if count > 1 else ''}" if count else ""


def _plain(seen: Seen, place: Place, model: str) -> Verdict:
    """Judge an answer to a question without tools: a fault here is not about tools."""
    found = failed(seen, place, model, tools=False) or in_reasoning(seen, place, model, {})
    if found is not None:
        return Verdict(found.level, found.text, found.remedy, ends=True)
    if seen.content.strip():
        return lesser(seen, place, model) or Verdict("ok", "it answers")
    if seen.finish == "length":
        return in_text(seen, place, model, {}) or Verdict("ok", "it answers")
    text = "an empty answer, even without tools"
    return Verdict("fail", text, TEMPLATE.at(place, model), ends=True)


def _auto(seen: Seen, place: Place, model: str) -> Verdict:
    missing = Verdict("warn", _nothing(seen, "the model answers in text although a tool fits"))
    return _judged(seen, place, model, _calls(seen), (missing, _WORDS))


def _nothing(seen: Seen, words: str) -> str:
    return words if seen.content.strip() else "an empty answer: neither text nor a call"


def _required(seen: Seen, place: Place, model: str) -> Verdict:
    missing = Verdict("fail", _nothing(seen, "tool_choice is ignored: a call was required and text was returned"))
    return _judged(seen, place, model, _calls(seen), (missing, _HONOUR))


def _named(seen: Seen, place: Place, model: str) -> Verdict:
    others = [call.name for call in seen.calls if call.name != "get_time"]
    text = _nothing(seen, "tool_choice is ignored: a call was required and text was returned")
    if others:
        text = f"tool_choice is ignored: get_time was named and {others[0]} was called"
    good = "" if others else _calls(seen)
    return _judged(seen, place, model, good, (Verdict("fail", text), _HONOUR))


def _parallel(seen: Seen, place: Place, model: str) -> Verdict:
    missing = Verdict("fail", _nothing(seen, "tool_choice is ignored: a call was required and text was returned"))
    one = " (one per turn)" if len(seen.calls) == 1 else ""
    return _judged(seen, place, model, _calls(seen) + one, (missing, _HONOUR))


def _second_turn(seen: Seen, place: Place, model: str) -> Verdict:
    missing = Verdict("fail", "no answer to a tool's result")
    right = "a text answer" if seen.content.strip() else _calls(seen)
    return _judged(seen, place, model, right, (missing, TEMPLATE))


def _none(seen: Seen, place: Place, model: str) -> Verdict:
    found = (
        failed(seen, place, model) or in_text(seen, place, model, SCHEMAS, called=False) or lesser(seen, place, model)
    )
    if found is not None:
        return found
    remedy = Remedy(
        "the server ignores tool_choice none; send no tools then, or put Toolgate in front",
        vllm="flag --exclude-tools-when-tool-choice-none",
    ).at(place, model)
    if seen.calls:
        return Verdict("fail", "tool_choice was none and a tool was called", remedy)
    return Verdict("ok", "text") if seen.content.strip() else Verdict("fail", "an empty answer instead of text", remedy)


PLAIN: Final = Check("answers", {"messages": GREETING}, _plain, tools=False)
"""The first check: for a server that fails it, checks of tools mean nothing."""
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
"""The checks with tools, in order."""
UPSTREAM: Final = Check("upstream", {"messages": QUESTION, "tools": TOOLS}, _auto)
"""Sent in passthrough mode: the gateway's ladder would hide the faults of the server behind it."""
