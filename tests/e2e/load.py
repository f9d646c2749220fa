"""Load like that of users: the official SDK, streams and whole answers, tools and text, conversations of several turns."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from openai import AsyncOpenAI, OpenAIError

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the current weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
]
QUESTION: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]


@dataclass(frozen=True)
class Outcome:
    """How one exchange went: when it began (seconds on the load's clock), how long it took, and what was wrong."""

    began: float
    took: float
    kind: str
    fault: str = ""


class Load:
    """Concurrent users, each with one question after the other, while the context is open."""

    def __init__(self, url: str, model: str, users: int, *, pool: bool = True, timeout_s: float = 60) -> None:
        """`pool`: users keep their connections, as the SDK does; otherwise each question comes on a new one."""
        self.outcomes: list[Outcome] = []
        self._url = url
        self._model = model
        self._users = users
        self._pool = pool
        self._timeout_s = timeout_s
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.began = time.monotonic()

    async def __aenter__(self) -> Self:
        self.began = time.monotonic()
        self._tasks = [asyncio.create_task(self._user(number)) for number in range(self._users)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    @property
    def faults(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.fault]

    def now(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self.began

    def summary(self) -> str:
        """Return the counts in one line."""
        kinds = Counter(outcome.fault or "ok" for outcome in self.outcomes)
        return f"{len(self.outcomes)} exchanges: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())

    async def _user(self, number: int) -> None:
        client = self._client()
        for exchange in itertools.islice(itertools.cycle(EXCHANGES.items()), number, None):
            if self._stop.is_set():
                break
            if not self._pool:
                await client.close()
                client = self._client()
            await self._exchange(client, *exchange)
        await client.close()

    def _client(self) -> AsyncOpenAI:
        # Retries would hide what is to be counted.
        return AsyncOpenAI(base_url=f"{self._url}/v1", api_key="none", max_retries=0, timeout=self._timeout_s)

    async def _exchange(self, client: AsyncOpenAI, kind: str, ask: Any) -> None:
        began, fault = self.now(), ""
        try:
            fault = await ask(client, self._model)
        except OpenAIError as error:
            cause = error.__cause__
            fault = f"{type(error).__name__}: {str(cause or error)[:80]}"
        self.outcomes.append(Outcome(began, self.now() - began, kind, fault))
        if fault:
            await asyncio.sleep(0.1)  # a user who has seen an error does not hammer


def _faulty(call: Any) -> str:
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return "arguments are not JSON"
    ok = call.name == "get_weather" and isinstance(arguments, dict) and isinstance(arguments.get("city"), str)
    return "" if ok else "the call misses its schema"


async def _whole_call(client: AsyncOpenAI, model: str) -> str:
    said = await client.chat.completions.create(model=model, messages=QUESTION, tools=TOOLS, tool_choice="required")
    calls = said.choices[0].message.tool_calls or []
    return _faulty(calls[0].function) if calls else "no call"  # type: ignore[union-attr]


async def _streamed_call(client: AsyncOpenAI, model: str) -> str:
    async with client.chat.completions.stream(
        model=model, messages=QUESTION, tools=TOOLS, tool_choice="required"
    ) as stream:
        said = await stream.get_final_completion()
    calls = said.choices[0].message.tool_calls or []
    return _faulty(calls[0].function) if calls else "no call"


async def _streamed_text(client: AsyncOpenAI, model: str) -> str:
    finish = None
    text = []
    messages: list[Any] = [{"role": "user", "content": "Tell me about the sea."}]
    async for chunk in await client.chat.completions.create(model=model, messages=messages, stream=True):
        for choice in chunk.choices:
            text.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    return "" if finish and "".join(text).strip() else f"a stream that ended with {finish} and {len(text)} parts"


async def _two_turns(client: AsyncOpenAI, model: str) -> str:
    first = await client.chat.completions.create(model=model, messages=QUESTION, tools=TOOLS, tool_choice="required")
    message = first.choices[0].message
    if not message.tool_calls:
        return "no call"
    results = [{"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 4}'} for call in message.tool_calls]
    turns: list[Any] = [*QUESTION, message.model_dump(exclude_none=True), *results]
    second = await client.chat.completions.create(model=model, messages=turns, tools=TOOLS)
    return "" if (second.choices[0].message.content or "").strip() else "no answer to the tool's result"


EXCHANGES = {
    "whole call": _whole_call,
    "streamed call": _streamed_call,
    "streamed text": _streamed_text,
    "two turns": _two_turns,
}
