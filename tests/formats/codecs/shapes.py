"""Answers as servers write them, one file of shapes per codec: what goes over the wire, and what it means.

Keys of a shape: `server` (who writes it), `request` (`chat`, or `models`), `stream` (whether a stream was asked for),
`status`, `headers`, `content_type`, and one of `json`, `events` (written as server-sent events), `body`; `then`: what
follows (`end`, `cut`, `hang`, `silence`, or `refuse`: no server listens). `expect` holds what must come out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure

SHAPES = Path(__file__).parent / "recorded"

REQUIRED = frozenset(
    (
        *("whole", "whole reasoning", "whole calls", "whole cut by the token limit"),
        *("streamed", "streamed reasoning", "streamed calls", "cut", "whole cut", "slow head", "slow body"),
        *("no connection", "refused", "unsupported feature", "context exceeded", "unknown model", "unknown path"),
        *("wrong key", "limited", "overloaded", "unavailable", "gateway timeout", "server error", "error in a stream"),
        *("garbage", "garbage in a stream", "web page", "other JSON"),
        *("models", "models of garbage", "models refused"),
    )
)
"""What every codec must be tried with."""


def shapes_of(codec: str) -> list[dict[str, Any]]:
    """The shapes of a codec; a codec without a file has none."""
    file = SHAPES / f"{codec}.json"
    shapes: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return shapes


def body_of(shape: dict[str, Any]) -> bytes:
    """The bytes of a shape's body."""
    if "events" in shape:
        texts = (each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in shape["events"])
        return b"".join(f"data: {text}\n\n".encode() for text in texts)
    if "json" in shape:
        return json.dumps(shape["json"], ensure_ascii=False).encode()
    return str(shape.get("body", "")).encode()


def content_type_of(shape: dict[str, Any]) -> str:
    """The content type of a shape's body."""
    return str(shape.get("content_type", "text/event-stream" if "events" in shape else "application/json"))


def outcome_of(decoded: list[ResponseChunk | Failure]) -> dict[str, Any]:
    """What came out, in the form of `expect`: only what is there."""
    chunks = [each for each in decoded if isinstance(each, ResponseChunk)]
    calls: dict[int, list[str]] = {}
    for delta in (delta for chunk in chunks for delta in chunk.calls):
        calls.setdefault(delta.index, ["", ""])
        calls[delta.index] = [calls[delta.index][0] + (delta.name or ""), calls[delta.index][1] + delta.arguments]
    last = chunks[-1] if chunks else ResponseChunk()
    usage = None if last.usage is None else [last.usage.prompt_tokens, last.usage.completion_tokens]
    found = {
        "text": "".join(chunk.text for chunk in chunks),
        "reasoning": "".join(chunk.reasoning for chunk in chunks),
        "calls": list(calls.values()),
        "finish": last.finish,
        "usage": usage,
    }
    outcome = {key: value for key, value in found.items() if value}
    failure = decoded[-1] if decoded and isinstance(decoded[-1], Failure) else None
    return outcome if failure is None else {**outcome, **failure_of(failure)}


def failure_of(failure: Failure) -> dict[str, Any]:
    """A failure in the form of `expect`."""
    found = {
        "failure": str(failure.kind),
        "origin": failure.origin,
        "refused": None if failure.refused is None else str(failure.refused),
        "code": failure.code,
        "param": failure.param,
        "retry_after_s": failure.retry_after_s,
    }
    return {key: value for key, value in found.items() if value is not None}
