"""From a request to an answer: what the model reads, what it decides, and how its persona gets in the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from toolgate_simulator.constrain import ANY, callable_names, fulfil, requires_call, tools_in_schema
from toolgate_simulator.conversation import read_conversation, text_of
from toolgate_simulator.fill import Source
from toolgate_simulator.forms import find_form
from toolgate_simulator.intent import read_intents
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.mind import decide, prompt_forces
from toolgate_simulator.mishaps import Draft, applicable, spoil
from toolgate_simulator.personas import Persona
from toolgate_simulator.tool_finder import declared_tools, find_tools
from toolgate_simulator.values import Decision, Json, ToolSpec, Turn

Channel = Literal["native", "guided", "bridge", "convert", "text", "draft", "chat"]


@dataclass(frozen=True)
class Reading:
    """What a request says to a model.

    Attributes:
        turn: the conversation.
        tools: the tools that may be called.
        channel: how the answer was asked for.
        schema: the JSON Schema that holds for the answer's text, if any.
        json_object: the answer has to be some JSON object.
        forced: an answer without a call was excluded.
        most: calls that one turn may have; None for any.
        prompt: the instructions without the tools' definitions.
    """

    turn: Turn
    tools: tuple[ToolSpec, ...]
    channel: Channel
    schema: Json | None
    json_object: bool
    forced: bool
    most: int | None
    prompt: str


def read_request(body: Json, persona: Persona) -> Reading:
    """Read a request as `persona` would: messages, tools and constraints, nothing else."""
    turn = read_conversation(body["messages"])
    schema, json_object = _constraint(body, persona)
    most = None if persona.parallel and body.get("parallel_tool_calls") is not False else 1
    choice = body.get("tool_choice") or "auto"
    declared = declared_tools(body.get("tools")) if choice != "none" else []
    if declared:
        return _read_native(turn, declared, choice, schema, json_object=json_object, most=most)
    tools, prompt = _prompt_tools(body["messages"], turn)
    if schema is not None and callable_names(schema, schema):
        return _read_bridge(turn, tools, schema, most, prompt)
    if not tools:
        return Reading(turn, (), "chat", schema, json_object, forced=False, most=most, prompt=prompt)
    must, only = prompt_forces(turn.instructions, tools)
    usable = tuple(tool for tool in tools if only in (None, tool.name))
    channel: Channel = "text" if find_form(prompt) else "draft"
    return Reading(turn, usable, channel, schema, json_object, forced=must, most=most, prompt=prompt)


def _read_native(
    turn: Turn, tools: list[ToolSpec], choice: Any, schema: Json | None, *, json_object: bool, most: int | None
) -> Reading:
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    usable = tuple(tool for tool in tools if named in (None, tool.name))
    forced = choice == "required" or named is not None
    return Reading(
        turn, usable, "guided" if schema else "native", schema, json_object, forced, 1 if named else most, ""
    )


def _read_bridge(turn: Turn, tools: list[ToolSpec], schema: Json, most: int | None, prompt: str) -> Reading:
    names = callable_names(schema, schema)
    tools = tools or tools_in_schema(schema, schema)
    usable = tuple(tool for tool in tools if ANY in names or tool.name in names)
    channel: Channel = "convert" if turn.draft else "bridge"
    return Reading(
        turn, usable, channel, schema, json_object=False, forced=requires_call(schema, schema), most=most, prompt=prompt
    )


def _prompt_tools(messages: Sequence[Json], turn: Turn) -> tuple[list[ToolSpec], str]:
    found, rest = find_tools(turn.instructions)
    if found:
        return found, rest
    users = (text_of(message.get("content")) for message in messages if message.get("role") == "user")
    first = next(users, "")
    if "{" not in first or not turn.question or first.strip() == turn.question:
        return [], rest
    found, rest = find_tools(first)
    return found, rest


def _constraint(body: Json, persona: Persona) -> tuple[Json | None, bool]:
    """Return the schema that the answer has to follow, and whether any JSON object would do."""
    structured = body.get("structured_outputs") or {}
    wanted = body.get("response_format") or {}
    schema = structured.get("json")
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema", {})
    if isinstance(schema, str):
        schema = json.loads(schema)
    anything = wanted.get("type") == "json_object" or bool(structured.get("json_object"))
    return (schema, anything) if isinstance(schema, dict) and persona.json_schema != "refused" else (None, anything)


@dataclass(frozen=True)
class Dice:
    """Draws that depend on nothing but what was asked, of whom, and the seed."""

    key: bytes

    def chance(self, purpose: str) -> float:
        """Return a number in [0, 1) for a purpose."""
        digest = hashlib.blake2b(purpose.encode(), key=self.key, digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


def roll(body: Json, persona: Persona, seed: int, index: int) -> Dice:
    """Return the dice for choice `index` of a request: ids and `stream` leave no trace in them."""
    constraints = {
        key: body[key]
        for key in ("tools", "tool_choice", "parallel_tool_calls", "response_format", "structured_outputs")
        if body.get(key) is not None
    }
    said = [_said(message) for message in body["messages"]]
    text = json.dumps([seed, persona.name, index, said, constraints], sort_keys=True, ensure_ascii=False, default=str)
    return Dice(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest())


def _said(message: Json) -> list[Any]:
    functions = [call.get("function") for call in message.get("tool_calls") or [] if isinstance(call, dict)]
    return [message.get("role"), text_of(message.get("content")), functions]


def answer(body: Json, persona: Persona, seed: int, index: int = 0) -> Draft:
    """Return what `persona` answers to a valid request: the answer as asked for, or spoilt in its way."""
    reading = read_request(body, persona)
    decision = decide(reading.turn, reading.tools, must=reading.forced, most=reading.most)
    right = _right_answer(reading, decision, persona)
    dice = roll(body, persona, seed, index)
    rule = persona.rule(reading.channel, forced=reading.forced)
    kinds = applicable(rule.fails, calls=bool(decision.calls), forced=reading.forced, formed=right.formed)
    if not kinds or dice.chance("works") < rule.works:
        return right
    return spoil(right, _weighed(kinds, dice.chance("failure")), decision, persona, dice.chance("variant"))


def _weighed(kinds: dict[str, float], chance: float) -> str:
    left = chance * sum(kinds.values())
    for kind, weight in kinds.items():
        left -= weight
        if left < 0:
            return kind
    return next(reversed(kinds))


def _right_answer(reading: Reading, decision: Decision, persona: Persona) -> Draft:
    reasoning = decision.thought if persona.reasoning_key else ""
    if reading.channel == "draft":
        return Draft(decision.thought if decision.calls else f"{decision.thought} {decision.text}", reasoning)
    if reading.channel in ("native", "guided") and decision.calls and (reading.schema is None or reading.forced):
        return Draft(None, reasoning, decision.calls)
    if reading.channel == "text" and decision.calls:
        form = find_form(reading.prompt)
        return Draft(form.write(decision.calls) if form else decision.text, reasoning, formed=True)
    if reading.schema is not None and (reading.channel in ("guided", "bridge", "convert") or not _ignored(persona)):
        return Draft(dumps(fulfil(reading.schema, decision, _source(reading))), reasoning, formed=True)
    if reading.json_object or _wants_decision(reading):
        key = '"action"' in reading.prompt
        return Draft(
            dumps({"action": "answer", "answer": decision.text} if key else {"answer": decision.text}), reasoning
        )
    return Draft(decision.text, reasoning)


def _ignored(persona: Persona) -> bool:
    return persona.json_schema == "ignored"


def _wants_decision(reading: Reading) -> bool:
    form = find_form(reading.prompt) if reading.channel == "text" else None
    return form is not None and form.name == "decision"


def _source(reading: Reading) -> Source:
    intents = read_intents(reading.turn.question, ())
    return Source(reading.turn.question, intents[0] if intents else None, tuple(intents))
