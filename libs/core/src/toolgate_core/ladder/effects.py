"""The effects: the requests of a ladder run to its driver, each with the type of its reply.

A run is a generator. It yields an effect and is sent the reply that the effect names; the driver awaits what the effect
stands for and decides nothing. The order within one attempt:

    Transform      → Transformed
    CallModel      → Opened or Failure (which ends the attempt)
    ReadChunk      → ResponseChunk or Failure, until a chunk has `finish`; between two reads:
        Extract    → tuple of events
        Emit       → None
    CloseResponse  → None; instead of further reads, where the rest of the answer does not matter

Each `CallModel` begins a new answer, and so the next `Extract` opens a new extraction.

Each effect names the type of its reply (`Effect[Transformed]`), and `ask` yields it and returns the reply under that
type, so that no caller has to check what it was sent. Only the loop over chunks yields by itself: `ask` is a generator,
and one per chunk costs 0.2 µs.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar, cast

from msgspec import Struct

from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.effect import Effect, ReplyT_co
from toolgate_core.types.events import AnswerEvent, Event
from toolgate_core.types.failures import Failure
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.requests import ChatRequest, ModelRequest
from toolgate_core.types.vocabulary import Strategy, TextEnd

T = TypeVar("T")


class Opened(Struct, frozen=True):
    """The upstream has begun to answer."""


class CallModel(Effect[Opened | Failure], frozen=True, kw_only=True):
    """Send a request upstream. Reply: `Opened` once the answer's head is good, else `Failure`."""

    request: ModelRequest
    strategy: Strategy


class ReadChunk(Effect[ResponseChunk | Failure], frozen=True):
    """Wait for more of the answer. Reply: `ResponseChunk` (all that one read brought) or `Failure`."""


class CloseResponse(Effect[None], frozen=True):
    """Close the upstream answer; the rest of it is of no interest. Reply: None."""


class Extract(Effect[tuple[Event, ...]], frozen=True, kw_only=True):
    """Feed text to this attempt's extraction, which the first one opens. Reply: the new events, as a tuple.

    `end` set: this was the last of the text. `state`: where the scanner stood at the start of the first text.
    """

    plan: Plan
    request: ChatRequest
    text: str
    end: TextEnd | None = None
    state: ScannerState = ScannerState()


class Emit(Effect[None], frozen=True):
    """Send events to the client, now. Indexes of calls are dense from 0 and `CallStart.id` is set. Reply: None."""

    events: tuple[AnswerEvent, ...]


AnyEffect: TypeAlias = Transform | CallModel | ReadChunk | CloseResponse | Extract | Emit
Reply: TypeAlias = Transformed | Opened | ResponseChunk | Failure | tuple[Event, ...] | None
EffectGenerator: TypeAlias = Generator[AnyEffect, Reply, T]
"""A part of a run: yields effects, is sent their replies, and returns a `T`."""


def ask(effect: Effect[ReplyT_co]) -> EffectGenerator[ReplyT_co]:
    """Yield an effect; return the reply that it names. A driver that sends another one has a defect."""
    reply = yield cast("AnyEffect", effect)
    return cast("ReplyT_co", reply)
