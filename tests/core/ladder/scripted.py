"""A scripted ladder: a run whose effects are answered from a script, with the real transform and extraction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from toolgate_core.extraction import Extraction
from toolgate_core.jsontext import JsonObject, decode, encode
from toolgate_core.ladder import Answer, Choice, DeadlineExceeded, Knowledge, LadderMemory, LadderRun
from toolgate_core.ladder.effects import (
    AnyEffect,
    CallModel,
    CloseResponse,
    Emit,
    Extract,
    Opened,
    ReadChunk,
    Reply,
)
from toolgate_core.schema import Toolset
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.table import transform
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import AnswerEvent, ArgumentsDelta, CallStart, ReasoningDelta, TextDelta
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import Mode, Strategy
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.request import request_body

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PING: dict[str, Any] = {"type": "function", "function": {"name": "ping", "parameters": {"type": "object"}}}

Script = Sequence[Sequence[ResponseChunk | Failure]]


class Clock:
    """Time that advances by one second with each reading."""

    def __init__(self, step: float = 1.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class ScriptedLadder:
    """Runs a ladder. `answers`: for each call of the model, the replies to its opening and reads."""

    def __init__(
        self,
        answers: Script,
        *,
        policy: Policy | None = None,
        mode: Mode = Mode.AUTO,
        knowledge: Knowledge | None = None,
        inward: frozenset[str] = frozenset(),
        **body: Any,
    ) -> None:
        fields: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Weather in Oslo?"}]}
        fields["tools"] = [WEATHER, PING]
        fields |= body
        self.request = parse_request(encode({key: value for key, value in fields.items() if value is not None}))
        self.toolset = Toolset.compile(self.request.tools)
        self.memory = LadderMemory()
        self.clock = Clock()
        ids = (f"call_{n}" for n in range(1000))
        self.choice = Choice(lambda: next(ids))
        self.knowledge = knowledge
        self.inward = inward
        self.policy = policy or Policy()
        self.mode = mode
        self.scripted = answers
        self.answers = [list(answer) for answer in answers]
        self.answer: list[ResponseChunk | Failure] = []
        self.asked: list[Transform] = []
        self.bodies: list[dict[str, Any]] = []
        self.emits: list[tuple[AnswerEvent, ...]] = []
        self.serving_at_emit: list[Strategy | None] = []
        self.closed = 0
        self.extraction: Extraction | None = None
        self.ladder_run = self.new_run()

    def new_run(self) -> LadderRun:
        """Another run for the same choice."""
        return LadderRun(
            self.request,
            self.policy,
            self.toolset,
            self.mode,
            clock=self.clock,
            choice=self.choice,
            knowledge=self.knowledge or self.memory.snapshot(self.request.tools_json, self.clock()),
            inward=self.inward,
        )

    def run(self, *, throw_at: int | None = None) -> Answer | Failure:
        """Run to the end; `throw_at`: throw the deadline in instead of answering that effect (counted from 0)."""
        steps = self.ladder_run.run()
        reply: Reply = None
        count = 0
        try:
            while True:
                effect = steps.send(reply)
                if count == throw_at:
                    steps.throw(DeadlineExceeded())
                count += 1
                reply = self.reply(effect)
        except StopIteration as stop:
            result = stop.value
        assert isinstance(result, Answer | Failure)
        self.memory.fold(self.request.tools_json, self.ladder_run.observations, self.clock())
        return result

    def reply(self, effect: AnyEffect) -> Reply:
        match effect:
            case Transform():
                self.asked.append(effect)
                return transform(effect)
            case CallModel(request=request):
                self.bodies.append(json.loads(request_body(request, stream=False)))
                self.extraction = None
                self.answer = self.answers.pop(0)
                if self.answer and isinstance(self.answer[0], Failure):
                    return self.answer.pop(0)
                return Opened()
            case ReadChunk():
                return self.answer.pop(0)
            case CloseResponse():
                self.closed += 1
                return None
            case Extract(plan=plan, text=text, end=end, state=state):
                if self.extraction is None:
                    self.extraction = Extraction(plan, self.toolset, state)
                events = list(self.extraction.feed(text))
                return tuple(events + list(self.extraction.finish(end)) if end else events)
            case Emit(events=events):
                self.emits.append(events)
                self.serving_at_emit.append(self.ladder_run.serving_strategy)
                return None

    @property
    def events(self) -> list[AnswerEvent]:
        return [event for emit in self.emits for event in emit]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """The calls that reached the client: name and arguments."""
        found = []
        for event in self.events:
            if isinstance(event, CallStart):
                parts = [e.json for e in self.events if isinstance(e, ArgumentsDelta) and e.index == event.index]
                found.append((event.name, decode("".join(parts))))
        return found


USAGE = Usage(10, 5)


def said(text: str, finish: Any = "stop", usage: Usage | None = USAGE, **more: Any) -> list[ResponseChunk | Failure]:
    """A whole answer of text."""
    return [ResponseChunk(text=text, finish=finish, usage=usage, **more)]


def called(*calls: tuple[str, str], text: str = "", finish: Any = "tool_calls") -> list[ResponseChunk | Failure]:
    """A whole answer with native calls."""
    deltas = tuple(CallDelta(n, f"id{n}", name, arguments) for n, (name, arguments) in enumerate(calls))
    return [ResponseChunk(text=text, calls=deltas, finish=finish, usage=USAGE)]


def decided(*calls: tuple[str, Any]) -> list[ResponseChunk | Failure]:
    """A whole answer that is the decision to call."""
    decision: JsonObject = {
        "action": "call",
        "calls": [{"name": name, "arguments": arguments} for name, arguments in calls],
    }
    return said(encode(decision).decode())


def failed(kind: str, **more: Any) -> list[ResponseChunk | Failure]:
    """An upstream that does not answer."""
    return [Failure(kind=FailureKind(kind), message="It failed.", **more)]


def refused(
    message: str = "It failed.", part: str = "request", *, kind: str = "invalid", **more: Any
) -> list[ResponseChunk | Failure]:
    """An upstream that refuses (a part of) the request."""
    return [Failure(kind=FailureKind(kind), message=message, refused=RefusedPart(part), **more)]


OSLO = ("get_weather", '{"city":"Oslo"}')
