"""A conversation of two turns: the model calls a tool, the gateway runs it, the model answers with its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from openai import APIError, OpenAI
from rich.console import Console

from toolgate_cli.demo.asking import readable
from toolgate_cli.demo.questions import CALCULATOR, LOOP_QUESTION, LOOP_RESULT

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


def run_loop(console: Console, client: OpenAI, http: httpx.Client, model: str) -> list[str]:
    """Run both turns, print them, and return the problems."""
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": LOOP_QUESTION.text}]
    console.print(f"  user       {LOOP_QUESTION.text}", markup=False)
    try:
        first = client.chat.completions.create(model=model, messages=messages, tools=[CALCULATOR])
        calls = first.choices[0].message.tool_calls or []
        if len(calls) != 1 or calls[0].type != "function":
            return [f"the loop: expected one call, got {len(calls)}"]
        call = calls[0]
        console.print(f"  assistant  {readable(call.function.name, call.function.arguments)}", markup=False)
        result = http.post(f"/tools/{call.function.name}", content=call.function.arguments, headers=_JSON)
        console.print(f"  tool       POST /tools/{call.function.name} → {result.text}", markup=False, soft_wrap=True)
        if result.status_code != httpx.codes.OK:
            return [f"the loop: POST /tools/{call.function.name} answered {result.status_code}"]
        messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                ],
            }
        )
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result.json()["content"]})
        second = client.chat.completions.create(model=model, messages=messages, tools=[CALCULATOR])
    except APIError as error:
        return [f"the loop: {type(error).__name__}: {error}"]
    answer = second.choices[0].message.content or ""
    console.print(f"  assistant  {answer}", markup=False, soft_wrap=True)
    plain = answer.replace(",", "").replace(" ", "")
    return [] if LOOP_RESULT in plain else [f"the loop: the final answer lacks the tool's result {LOOP_RESULT}"]


_JSON = {"content-type": "application/json"}
