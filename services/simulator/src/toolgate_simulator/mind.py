"""The decision of the model: call a tool with arguments, or answer in text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_simulator.answers import answer_of, thought_of
from toolgate_simulator.choose import choose_calls, force_call
from toolgate_simulator.endings import ending, handing_over, working
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.values import Call, Decision, ToolSpec, Turn

_MUST = re.compile(
    r"(?:^|[.\n]\s*)(?:[-*\d.]+\s*)?(?:You|The assistant|Your answer|This time,? you|Now)?\s*must (?:now )?"
    r"(?:call|use|invoke|be a call|contain a call|be a tool call)\b(?![^.\n]*\b(?:if|when|unless|before|only)\b)",
    re.IGNORECASE,
)
_ONE = re.compile(r"\b(?:at most|exactly|only) one (?:tool |function )?call\b", re.IGNORECASE)
_MUST_NAME = re.compile(
    r"must (?:now )?(?:call|use|invoke) (?:the )?(?:tool|function)?\s*[`\"']?([\w.-]+)", re.IGNORECASE
)


def decide(turn: Turn, tools: Sequence[ToolSpec], *, must: bool, most: int | None) -> Decision:
    """Decide what to do.

    Args:
        turn: the conversation so far.
        tools: the tools that may be called.
        must: an answer without a call is not possible.
        most: the number of calls that one turn may have; None for any.
    """
    text = answer_of(turn)
    wanted = choose_calls(turn.question, working(tools))
    calls = _left(wanted, turn)
    last = None if calls else handing_over(turn, tools) or ending(turn, tools, text, must=must)
    if last:
        calls = [last]
    if must and not calls and tools:
        calls = wanted or [force_call(turn.question, tools)]
    calls = calls[:most]
    return Decision(tuple(calls), text, thought_of(calls))


def _left(wanted: list[Call], turn: Turn) -> list[Call]:
    """Return the calls that have not been made yet; none when as many results are there as calls were wanted."""
    if len(turn.results) >= len(wanted):
        return []
    done = {_key(call) for call in turn.done}
    return [call for call in wanted if _key(call) not in done]


def _key(call: Call) -> tuple[str, str]:
    # Markup turns numbers into text and back, so that only what is written counts.
    return call.name, dumps({key: str(value) for key, value in sorted(call.arguments.items())})


def prompt_forces(instructions: str, tools: Sequence[ToolSpec]) -> tuple[bool, str | None]:
    """Return whether a prompt demands a call, and of which tool where it names one."""
    named = _MUST_NAME.search(instructions)
    if named and any(tool.name == named.group(1).rstrip(".") for tool in tools) and _MUST.search(instructions):
        return True, named.group(1).rstrip(".")
    return bool(_MUST.search(instructions) or "has to be called" in instructions), None


def prompt_allows_one(instructions: str) -> bool:
    """Whether a prompt limits a turn to one call."""
    return bool(_ONE.search(instructions))
