"""The questions for a real model, to the server itself and to the gateway in front of it, and the answers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs

from tests.acceptance.driver import Driver, Outcome
from tests.engine.engines import Engine, short

Json = dict[str, Any]
WAYS = ("direct", "auto", "emulate")
CONCURRENCY = 4
MAX_TOKENS = 200
ANSWER_S = 280
_CASES = Path(__file__).with_name("cases")


@dataclass(frozen=True)
class Question:
    """One request of a group: what is asked, and the tool that fits (None: text is right)."""

    messages: tuple[Json, ...]
    tools: tuple[Json, ...]
    choice: str | Json
    tool: str | None
    result: str | None = None
    label: str = ""


@dataclass
class Answered:
    """A question with its answer; `later` is the second turn of a loop."""

    question: Question
    way: str
    streamed: bool
    outcome: Outcome
    later: Outcome | None = None

    @property
    def invalid(self) -> list[str]:
        """Delivered calls that violate a declared tool's schema."""
        schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in self.question.tools}
        calls = [*self.outcome.calls, *(self.later.calls if self.later else ())]
        return [f"{name}({arguments})" for name, arguments in calls if not _fits(schemas.get(name), arguments)]

    @property
    def good(self) -> bool:
        """Whether the answer is what the group asks for: valid calls, or text where no call is allowed."""
        words = (self.outcome.content or "").strip()
        if self.outcome.status != 200 or self.outcome.error or self.invalid:
            return False
        if self.question.tool is None:
            return bool(words) and not self.outcome.calls and not _leaks(words)
        if not self.outcome.calls:
            return False
        return self.later is None or (self.later.status == 200 and not self.later.error and _says(self.later))

    @property
    def right(self) -> bool:
        """Whether the fitting tool was called."""
        return self.good and (self.question.tool is None or self.outcome.calls[0][0] == self.question.tool)

    def __str__(self) -> str:
        asked = self.question.label or self.question.messages[-1]["content"]
        got = self.outcome.calls or self.outcome.error or self.outcome.content
        later = f" then {self.later.error or self.later.calls or self.later.content!r}" if self.later else ""
        return (
            f"{self.way}{' streamed' if self.streamed else ''} {asked!r}: {got!r}{later} by {_attempts(self.outcome)}"
        )


@dataclass
class Run:
    """All answers, by group and way, and the tokens that the gateway says it used."""

    answers: dict[tuple[str, str], list[Answered]] = field(default_factory=dict)

    def tokens(self) -> tuple[int, int]:
        """Return the prompt and completion tokens that the gateway's answers report, over all attempts."""
        prompt = completion = 0
        for (_, way), answers in self.answers.items():
            for one in answers if way != "direct" else ():
                for outcome in (one.outcome, one.later):
                    usage = (outcome.facts.get("usage") if outcome else None) or {}
                    prompt += usage.get("prompt_tokens", 0)
                    completion += usage.get("completion_tokens", 0)
        return prompt, completion


def groups() -> dict[str, list[Question]]:
    """Return the questions by group; the short form has about a quarter of them."""
    data = json.loads((_CASES / "questions.json").read_text(encoding="utf-8"))
    tools = tuple(data["tools"])
    made: dict[str, list[Question]] = {}
    for group, choice in (("auto", "auto"), ("required", "required"), ("none", "none"), ("parallel", "auto")):
        made[group] = [_question(entry, tools, choice) for entry in data[group]]
    made["named"] = [_question(entry, tools, _named(entry["tool"])) for entry in data["named"]]
    made["loops"] = [_question(entry, tools, "required") for entry in data["loops"]]
    made["schemas"] = list(map(_shaped, json.loads((_CASES / "shapes.json").read_text(encoding="utf-8"))))
    # every fourth question, so that each kind of a longer group is among them
    return {group: questions[::4] if short() else questions for group, questions in made.items()}


def _question(entry: Json, tools: tuple[Json, ...], choice: str | Json) -> Question:
    return Question(_asked(entry["text"]), tools, choice, entry.get("tool"), entry.get("result"))


def _shaped(entry: Json) -> Question:
    function = {"name": "record", "description": "Record a value.", "parameters": entry["parameters"]}
    tools = ({"type": "function", "function": function},)
    return Question(_asked(entry["text"]), tools, _named("record"), "record", label=entry["name"])


def _asked(text: str) -> tuple[Json, ...]:
    return ({"role": "user", "content": text},)


def _named(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


def colour(name: str) -> Question:
    """Return a question whose tool takes one of a few colours, which a grammar can enforce."""
    value = {"enum": ["red", "green", "blue"]}
    return _recorded(
        {"type": "object", "properties": {"colour": value}, "required": ["colour"]}, f"The colour is {name}."
    )


def unsatisfiable() -> Question:
    """Return a question whose tool no arguments can satisfy, so that a grammar of its schema is refused."""
    value = {"type": "integer", "minimum": 5, "maximum": 2}
    return _recorded({"type": "object", "properties": {"number": value}, "required": ["number"]}, "The number is 3.")


def _recorded(parameters: Json, text: str) -> Question:
    function = {"name": "record", "description": "Record what the user says.", "parameters": parameters}
    return Question(_asked(text), ({"type": "function", "function": function},), _named("record"), "record")


async def several(session: aiohttp.ClientSession, base: str, model: str) -> list[list[str]]:
    """Ask for two answers at once; return the calls of each as text."""
    data = json.loads((_CASES / "questions.json").read_text(encoding="utf-8"))
    body = {
        "model": model,
        "messages": _asked(data["several"][0]["text"]),
        "tools": data["tools"],
        "tool_choice": "required",
        "n": 2,
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
    }
    async with session.post(f"{base}/chat/completions", json=body) as response:
        answer = await response.json()
    return [
        [f"{call['function']['name']}({call['function']['arguments']})" for call in choice["message"]["tool_calls"]]
        for choice in answer["choices"]
    ]


class Asker:
    """Asks the engine (`direct`) and the gateway (`auto`, `emulate`), a few requests at a time."""

    def __init__(self, session: aiohttp.ClientSession, engine: Engine, gateway: str, model: str) -> None:
        self._drivers = {
            "direct": (Driver(session, engine.url), "auto"),
            "auto": (Driver(session, gateway), "auto"),
            "emulate": (Driver(session, gateway), "emulate"),
        }
        self._model = model
        self._limit = asyncio.Semaphore(CONCURRENCY)

    async def ask_all(self, run: Run, way: str) -> None:
        """Ask every group this way, every second question streamed."""
        for group, questions in groups().items():
            asked = [self.ask(question, way, streamed=bool(i % 2)) for i, question in enumerate(questions)]
            run.answers[group, way] = list(await asyncio.gather(*asked))

    async def ask(self, question: Question, way: str, *, streamed: bool) -> Answered:
        """Ask one question; go on with the tool's result where the question has one."""
        async with self._limit:
            body = {
                "model": self._model,
                "messages": list(question.messages),
                "tools": list(question.tools),
                "tool_choice": question.choice,
                "temperature": 0,
                "max_tokens": MAX_TOKENS,
            }
            outcome = await self._send(way, body, streamed)
            later = None
            if question.result is not None and outcome.calls:
                turns = [*question.messages, *_turns(outcome, question.result)]
                later = await self._send(way, {**body, "messages": turns, "tool_choice": "auto"}, streamed)
            return Answered(question, way, streamed, outcome, later)

    async def _send(self, way: str, body: Json, streamed: bool) -> Outcome:
        driver, mode = self._drivers[way]
        if streamed:
            body = {**body, "stream_options": {"include_usage": True}}
        return await driver.ask(body, mode=mode, stream=streamed)


def _turns(outcome: Outcome, result: str) -> list[Json]:
    """Return the assistant's message with its calls, and a result for each."""
    calls = [
        {"id": f"call_{i:05d}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(outcome.calls)
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": result} for call in calls]
    return [{"role": "assistant", "content": outcome.content, "tool_calls": calls}, *results]


def _fits(schema: Json | None, arguments: str) -> bool:
    try:
        return schema is not None and jsonschema_rs.is_valid(schema, json.loads(arguments))
    except json.JSONDecodeError:
        return False


def _leaks(text: str) -> bool:
    """Whether text holds a call: markup of one, or nothing but the JSON of one."""
    bare = text.removeprefix("```json").strip("` \n")
    called = bare.startswith("{") and bare.endswith("}") and '"arguments"' in bare
    return called or any(marker in text for marker in ("<tool_call>", "<function", "<|", "[TOOL_CALLS]"))


def _says(outcome: Outcome) -> bool:
    return bool(outcome.calls) or bool((outcome.content or "").strip())


def _attempts(outcome: Outcome) -> str:
    return ",".join(":".join(attempt) for attempt in outcome.attempts)
