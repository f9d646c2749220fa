"""Send one question to one model with the official client, and judge the answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import jsonschema_rs
from msgspec import Struct
from openai import APIError, OpenAI

from toolgate_cli.demo.questions import TOOLS, Question

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

Choice = Literal["auto", "required"]


class Case(Struct, frozen=True, kw_only=True):
    """One request of the demo."""

    persona: str
    mode: str
    streamed: bool
    choice: Choice
    question: Question


class Row(Struct, frozen=True, kw_only=True):
    """The result of a case; `problem` is empty for a right answer."""

    case: Case
    strategy: str = "-"
    attempts: tuple[tuple[str, str], ...] = ()
    call: str = "-"
    ms: float = 0.0
    problem: str = ""


class Reply(Struct, frozen=True):
    """An answer, put together from its chunks where it was streamed: calls as (name, JSON text)."""

    calls: list[tuple[str, str]]
    finish_reason: str
    facts: dict[str, Any]


def ask(client: OpenAI, case: Case) -> Row:
    """Send one request and judge the answer."""
    began = time.perf_counter()
    try:
        reply = _streamed(client, case) if case.streamed else _whole(client, case)
    except APIError as error:
        return Row(case=case, ms=(time.perf_counter() - began) * 1000, problem=f"{type(error).__name__}: {error}")
    return Row(
        case=case,
        strategy=str(reply.facts.get("strategy")),
        attempts=tuple((attempt["strategy"], attempt["outcome"]) for attempt in reply.facts.get("attempts", ())),
        call="; ".join(readable(name, arguments) for name, arguments in reply.calls) or "-",
        ms=(time.perf_counter() - began) * 1000,
        problem=problem_of(reply, case.question),
    )


def readable(name: str, arguments: str) -> str:
    """Return a call in readable form: `get_weather(city="Oslo", days=3)`."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return f"{name}({arguments})"
    if not isinstance(value, dict):
        return f"{name}({arguments})"
    return f"{name}({', '.join(f'{key}={json.dumps(each, ensure_ascii=False)}' for key, each in value.items())})"


def problem_of(reply: Reply, question: Question) -> str:
    """Return what is wrong with an answer; empty for a right one."""
    if len(reply.calls) != 1:
        return f"expected one call, got {len(reply.calls)}"
    name, text = reply.calls[0]
    schemas: dict[str, Any] = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    if name not in schemas:
        return f"{name} is not a declared tool"
    try:
        arguments = json.loads(text)
    except ValueError:
        return f"the arguments {text} are not JSON"
    if not jsonschema_rs.is_valid(schemas[name], arguments):
        return f"the arguments {text} do not fit the schema of {name}"
    if (name, arguments) != (question.tool, question.arguments):
        return f"expected {question.tool}({json.dumps(question.arguments, ensure_ascii=False)})"
    if reply.finish_reason != "tool_calls":
        return f"finish_reason is {reply.finish_reason}"
    return "" if reply.facts else "the answer has no `toolgate` field"


def _whole(client: OpenAI, case: Case) -> Reply:
    answer: ChatCompletion = client.chat.completions.create(
        model=case.persona,
        messages=[{"role": "user", "content": case.question.text}],
        tools=TOOLS,
        tool_choice=case.choice,
    )
    choice = answer.choices[0]
    calls = [
        (call.function.name, call.function.arguments)
        for call in choice.message.tool_calls or ()
        if call.type == "function"
    ]
    return Reply(calls, choice.finish_reason, (answer.model_extra or {}).get("toolgate") or {})


def _streamed(client: OpenAI, case: Case) -> Reply:
    with client.chat.completions.create(
        model=case.persona,
        messages=[{"role": "user", "content": case.question.text}],
        tools=TOOLS,
        tool_choice=case.choice,
        stream=True,
    ) as stream:
        return _collect(stream)


def _collect(chunks: Iterator[ChatCompletionChunk]) -> Reply:
    names: list[str] = []
    parts: list[list[str]] = []
    finish = ""
    facts: dict[str, Any] = {}
    for chunk in chunks:
        facts = (chunk.model_extra or {}).get("toolgate") or facts
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or ():
                if delta.id is not None:
                    names.append((delta.function and delta.function.name) or "")
                    parts.append([])
                parts[delta.index].append((delta.function and delta.function.arguments) or "")
    return Reply([(name, "".join(part)) for name, part in zip(names, parts, strict=True)], finish, facts)


def cases(personas: Sequence[str], modes: Sequence[str], questions: Sequence[Question]) -> list[Case]:
    """Return the demo's requests: each persona in each mode, streamed and not, under both tool choices in turn."""
    rows = [(persona, mode, streamed) for persona in personas for mode in modes for streamed in (False, True)]
    choices: tuple[Choice, Choice] = ("auto", "required")
    return [
        Case(
            persona=persona,
            mode=mode,
            streamed=streamed,
            choice=choices[(number + number // 2) % 2],
            question=questions[number % len(questions)],
        )
        for number, (persona, mode, streamed) in enumerate(rows)
    ]
