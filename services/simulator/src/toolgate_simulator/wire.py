"""vLLM's chat completion objects, whole and in chunks, quirks included (explicit nulls, the filled finish chunk)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from toolgate_simulator.generation import Generation, Token
from toolgate_simulator.values import Json

FINGERPRINT = "vllm-0.33.0-tp1-51a7c3e2"


@dataclass(frozen=True)
class Head:
    """What all parts of one answer share.

    Attributes:
        id: the completion's id.
        created: seconds since 1970.
        model: the model's name.
        reasoning_key: the field for reasoning, `reasoning` where the persona has none.
        forced: a call was required or named, so that content beside calls is empty rather than null.
        logprobs: the request asked for them.
        usage_chunk: a chunk with the usage follows, which carries the fingerprint.
    """

    id: str
    created: int
    model: str
    reasoning_key: str = "reasoning"
    forced: bool = False
    logprobs: bool = False
    usage_chunk: bool = False


def usage_of(prompt: int, completion: int) -> Json:
    """Return the usage object of a stream; a whole answer has the details, too."""
    return {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}


def call_id() -> str:
    """Return a fresh id of a call."""
    return f"chatcmpl-tool-{uuid4().hex[:16]}"


def completion(head: Head, generations: Sequence[Generation], prompt: int) -> Json:
    """Return a whole answer."""
    usage = usage_of(prompt, sum(len(one.tokens) for one in generations))
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [_choice(head, index, one) for index, one in enumerate(generations)],
        "service_tier": None,
        "system_fingerprint": FINGERPRINT,
        "usage": {**usage, "prompt_tokens_details": None, "completion_tokens_details": None},
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


def _choice(head: Head, index: int, generation: Generation) -> Json:
    calls = [
        {
            "id": call_id(),
            "type": "function",
            "function": {"name": generation.text("name", place), "arguments": generation.text("arguments", place)},
        }
        for place in range(generation.calls)
    ]
    content: str | None = generation.text("text")
    if generation.null or (calls and not content and not head.forced):
        content = None
    message = {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        **({"tool_calls": calls} if calls else {}),
        head.reasoning_key: generation.text("reasoning") or None,
    }
    shown = [token for token in generation.tokens if token.part == "text"]
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(shown) if head.logprobs else None,
        "finish_reason": generation.finish,
        "stop_reason": generation.stop_reason,
        "token_ids": None,
        "routed_experts": None,
    }


def _logprobs(shown: Sequence[Token]) -> Json:
    entries = [
        {"token": one.text, "logprob": -0.125, "bytes": list(one.text.encode("utf-8", "replace")), "top_logprobs": []}
        for one in shown
    ]
    return {"content": entries}


def _chunk(head: Head, choices: list[Json], **more: Any) -> Json:
    return {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "choices": choices,
        **more,
    }


def first_chunk(head: Head, index: int) -> Json:
    """Return the chunk that opens a choice."""
    delta = {"role": "assistant", "content": ""}
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
    return _chunk(head, [choice], prompt_token_ids=None, prompt_text=None)


def delta_chunks(head: Head, index: int, chunks: Sequence[Sequence[Token]], generation: Generation) -> Iterator[Json]:
    """Yield the chunks of a choice; the last carries the finish reason and, of a text, the last delta."""
    if not chunks:
        yield _finish(head, index, {"content": None if generation.null else ""}, generation, None)
    for place, tokens in enumerate(chunks):
        delta = _delta(head, tokens)
        logprobs = _logprobs(tokens) if head.logprobs and tokens[0].part == "text" else None
        if place == len(chunks) - 1 and tokens[0].part in ("text", "reasoning"):
            yield _finish(head, index, delta, generation, logprobs)
        else:
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None, "token_ids": None}
            yield _chunk(head, [choice])
    if chunks and chunks[-1][0].part in ("name", "arguments"):
        yield _finish(head, index, {}, generation, None)


def _finish(head: Head, index: int, delta: Json, generation: Generation, logprobs: Json | None) -> Json:
    choice = {
        "index": index,
        "delta": delta,
        "logprobs": logprobs,
        "finish_reason": generation.finish,
        "stop_reason": generation.stop_reason,
        "token_ids": None,
    }
    return _chunk(head, [choice], **({} if head.usage_chunk else {"system_fingerprint": FINGERPRINT}))


def _delta(head: Head, tokens: Sequence[Token]) -> Json:
    text = "".join(token.text for token in tokens)
    part, place = tokens[0].part, tokens[0].call
    if part == "reasoning":
        return {head.reasoning_key: text}
    if part == "text":
        return {"content": text}
    if part == "arguments":
        return {"content": None, "tool_calls": [{"index": place, "function": {"arguments": text}}]}
    opened = {"id": call_id(), "type": "function", "index": place, "function": {"name": text}}
    return {"content": None, "tool_calls": [opened]}


def usage_chunk(head: Head, usage: Json) -> Json:
    """Return the chunk without choices that carries the usage."""
    return _chunk(head, [], usage=usage, system_fingerprint=FINGERPRINT)
