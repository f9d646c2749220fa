"""Reads a model answer to its end and joins its pieces, so that tests compare one value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace
from toolgate_core.merging import FieldMerger
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.failures import Failure
from toolgate_gateway.upstreams.authentication import authentication
from toolgate_gateway.upstreams.base import CallContext, ForwardedAnswer, ModelAnswer, Provider, received
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import create_provider

from tests.support.asking import asking
from tests.support.upstream import Script, ScriptedUpstream, scripted

QUESTION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@asynccontextmanager
async def talking(script: Script, **config: Any) -> AsyncIterator[tuple[Provider, ScriptedUpstream]]:
    """A provider and the scripted upstream that it speaks to."""
    async with scripted(script) as upstream:
        key = config.pop("api_key", None)
        config = {"name": "fake", "url": upstream.url, "authentication": authentication(key), **config}
        provider = create_provider(UpstreamConfig(**config))
        try:
            yield provider, upstream
        finally:
            await provider.aclose()


async def read_pieces(answer: ModelAnswer) -> tuple[list[ResponseChunk], Failure | None]:
    """Every piece of an answer, and the failure that ended it."""
    pieces: list[ResponseChunk] = []
    while True:
        piece = await answer.read()
        if isinstance(piece, Failure):
            return pieces, piece
        pieces.append(piece)
        if piece.finish is not None:
            return pieces, None


async def read_bytes(answer: ForwardedAnswer) -> bytes:
    """The body of a forwarded answer; raises `UpstreamCutError` where it breaks off."""
    parts = []
    while part := received(await answer.read()):
        parts.append(part)
    return b"".join(parts)


def counted(piece: ResponseChunk) -> ResponseChunk:
    """A piece whose usage is its numbers alone."""
    return replace(piece, usage=None if piece.usage is None else replace(piece.usage, reported={}))


def joined(pieces: list[ResponseChunk]) -> ResponseChunk:
    """The pieces as one: calls by index, each with its arguments in one."""
    calls: dict[int, CallDelta] = {}
    for piece in pieces:
        for delta in piece.calls:
            known = calls.get(delta.index, CallDelta(delta.index))
            assert known == CallDelta(delta.index) or (delta.id is None and delta.name is None)
            calls[delta.index] = CallDelta(
                delta.index,
                known.id or delta.id,
                known.name or delta.name,
                known.arguments + delta.arguments,
                {**known.fields, **delta.fields},
            )
    fields = FieldMerger()
    for piece in pieces:
        fields.add(piece.fields)
    last = counted(pieces[-1]) if pieces else ResponseChunk()
    return ResponseChunk(
        text="".join(piece.text for piece in pieces),
        reasoning="".join(piece.reasoning for piece in pieces),
        calls=tuple(calls.values()),
        logprobs=tuple(entry for piece in pieces for entry in piece.logprobs),
        refusal="".join(piece.refusal for piece in pieces),
        fields=fields.take(),
        choice_fields=last.choice_fields,
        answer_fields=last.answer_fields,
        finish=last.finish,
        usage=last.usage,
    )


async def ask(
    script: Script, *, stream: bool = True, body: dict[str, Any] | None = None, **config: Any
) -> tuple[ResponseChunk, Failure | None]:
    """What a provider makes of a scripted answer, joined, and the failure that ended it."""
    async with talking(script, **config) as (provider, _):
        answer = await provider.call(asking(body or QUESTION), CallContext(request_id="req-1", stream=stream))
        if isinstance(answer, Failure):
            return ResponseChunk(), answer
        try:
            pieces, failure = await read_pieces(answer)
        finally:
            await answer.close()
        return joined(pieces), failure


async def fail(script: Script, *, stream: bool = True, **config: Any) -> Failure:
    """The failure that a scripted answer ends in."""
    _, failure = await ask(script, stream=stream, **config)
    assert failure is not None
    return failure
