"""Answer a request: the model's decision, and the mistakes of its persona."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import Any

from toolgate_simulator.constrain import fulfil
from toolgate_simulator.conversation import text_of
from toolgate_simulator.endings import answering
from toolgate_simulator.forms import find_form, form_named
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.mind import decide
from toolgate_simulator.mishaps import Draft, applicable, spoil, swallowed
from toolgate_simulator.personas import Persona
from toolgate_simulator.reading import Reading, read_request, schema_in_prompt
from toolgate_simulator.values import Decision, Json

# Ids of calls, as they are in the text of a prompt that quotes results.
_IDS = re.compile(r'"tool_call_id":\s*"[^"]*"|<call_id>[^<]*</call_id>|\b(?:call_|chatcmpl-tool-)[A-Za-z0-9]+')

_THOUGHT_MARKS = {
    "harmony": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    )
}


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
    return [message.get("role"), _IDS.sub("", text_of(message.get("content"))), functions]


def answer(body: Json, persona: Persona, seed: int, index: int = 0) -> Draft:
    """Return what `persona` answers to a valid request: the answer as asked for, or spoilt in its way."""
    reading = read_request(body, persona)
    decision = decide(reading.turn, reading.tools, must=reading.forced, most=reading.most)
    right = _right_answer(reading, decision, persona)
    if persona.thinks_aloud and not right.formed:
        right = _aloud(right, persona)
    dice = roll(body, persona, seed, index)
    rule = persona.rule(reading.channel, forced=reading.forced)
    kinds = applicable(
        rule.fails, calls=bool(decision.calls), forced=reading.forced, formed=right.formed, held=reading.held
    )
    if kinds and dice.chance("works") >= rule.works:
        right = spoil(right, _weighed(kinds, dice.chance("failure")), decision, persona, dice.chance("variant"))
    return _parsed(right, persona, streamed=bool(body.get("stream")))


def _parsed(right: Draft, persona: Persona, *, streamed: bool) -> Draft:
    """Return an answer as the server's parsers, which may be those of another model, leave it."""
    if persona.swallows:
        return swallowed(right, persona.dialect)
    if persona.whole_only and streamed and right.calls:
        return replace(right, text=form_named(persona.dialect).write(right.calls), calls=())
    return right


def _aloud(right: Draft, persona: Persona) -> Draft:
    """Return an answer with its reasoning inside the text."""
    before, after = _THOUGHT_MARKS.get(persona.dialect, ("<think>\n", "\n</think>\n\n"))
    return replace(right, text=f"{before}{right.reasoning}{after}{right.text or ''}", reasoning="")


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
    if reading.channel == "native" and decision.calls:
        return Draft(None, reasoning, decision.calls)
    enforced = reading.channel in ("guided", "bridge", "convert") or persona.json_schema != "ignored"
    if reading.schema is not None and enforced:
        return Draft(
            dumps(fulfil(reading.schema, decision, answering(reading.turn, decision.text))), reasoning, formed=True
        )
    return _in_form(reading, decision, reasoning)


def _in_form(reading: Reading, decision: Decision, reasoning: str) -> Draft:
    """Return the answer in the form that the prompt shows; where it shows none, in words or as some JSON object."""
    form = find_form(reading.prompt) if reading.channel in ("text", "convert") else None
    if form and decision.calls:
        return Draft(form.write(decision.calls), reasoning, formed=True)
    if form and form.name == "decision":
        return Draft(dumps({"action": "answer", "answer": decision.text}), reasoning, formed=True)
    asked = schema_in_prompt(reading.prompt) if reading.channel in ("text", "convert") else None
    if asked is not None:
        source = answering(reading.turn, decision.text)
        return Draft(dumps(fulfil(asked, replace(decision, calls=()), source)), reasoning, formed=True)
    if reading.json_object:
        return Draft(dumps({"answer": decision.text}), reasoning, formed=True)
    return Draft(decision.text, reasoning)
