"""What the ladder asks of the world, and what it is sent in reply.

The ladder is a generator: it yields one of the effects below and is sent the reply that the effect names; a driver
awaits them and does nothing else. An attempt is `Transform` → `Transformed`, `CallModel` → `Opened` or
`Failure`, then `Read` → `Piece` or `Failure` until a `Piece` has a `finish`; between the reads
`Extract` → events and `Emit` → None. `HangUp` → None ends an upstream answer before its end. A new `CallModel` begins a
new answer, and with it a new extraction.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.events import AnswerEvent, Event
from toolgate_core.types.failures import Failure
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.requests import ChatRequest, Usage
from toolgate_core.types.vocabulary import FinishReason, Strategy, TextEnd


class Transform(Struct, frozen=True, kw_only=True):
    """Write the upstream request for a strategy. Reply: `Transformed`.

    `dialect`: what the bridge writes where the upstream has no constraint, and what may stand in the text of a native
    answer. `constrained`: ask the upstream to enforce the answer's form. `fault`: why the attempt before this one of
    the same strategy failed, to be quoted. `draft`: the text of pass 1, for the second pass of `two_pass`; unset
    otherwise. `reasoning_open`: the upstream's answers begin inside reasoning.
    """

    request: ChatRequest
    strategy: Strategy
    dialect: str
    constrained: bool
    capabilities: Capabilities = Capabilities()
    fault: Fault | None = None
    draft: str | None = None
    reasoning_open: bool = False


class Transformed(Struct, frozen=True):
    """The upstream request (without `stream`) and the plan for its answer."""

    body: JsonObject
    plan: Plan


class CallModel(Struct, frozen=True, kw_only=True):
    """Send a request upstream. Reply: `Opened` once the answer's head is good, else `Failure`."""

    body: JsonObject
    strategy: Strategy


class Opened(Struct, frozen=True):
    """The upstream has begun to answer."""


class Read(Struct, frozen=True):
    """Wait for more of the answer. Reply: `Piece` (all that one read brought) or `Failure`."""


class HangUp(Struct, frozen=True):
    """Close the upstream answer; the rest of it is of no interest. Reply: None."""


class Extract(Struct, frozen=True, kw_only=True):
    """Feed text to this attempt's extraction, which the first one opens. Reply: the new events, as a tuple.

    `end` set: this was the last of the text. `state`: where the scanner stood at the start of the first text.
    """

    plan: Plan
    request: ChatRequest
    text: str
    end: TextEnd | None = None
    state: ScannerState = ScannerState()


class Emit(Struct, frozen=True):
    """Send events to the client, now. Indexes of calls are dense from 0 and `CallStart.id` is set. Reply: None."""

    events: tuple[AnswerEvent, ...]


class CallDelta(Struct, frozen=True):
    """A piece of a native call as a provider read it; `id` and `name` are set in a call's first piece (if at all).

    `fields` are new ones that nobody here knows, as of `CallStart`.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    fields: JsonObject = {}


class Piece(Struct, frozen=True, kw_only=True):
    """What one read of an upstream's answer brought, joined. The last piece, and only it, has `finish`.

    A whole (not streamed) answer is one piece. `usage` comes with the last piece where the upstream tells it.
    `logprobs`: the entries of `choices[].logprobs.content`. `fields`: new fields of the message that nobody here knows;
    `choice_fields` and `answer_fields`, those of the choice and of the answer around it, come with the last piece.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    fields: JsonObject = {}
    choice_fields: JsonObject = {}
    answer_fields: JsonObject = {}
    calls: tuple[CallDelta, ...] = ()
    logprobs: tuple[JsonObject, ...] = ()
    finish: FinishReason | None = None
    usage: Usage | None = None


Effect: TypeAlias = Transform | CallModel | Read | HangUp | Extract | Emit
Reply: TypeAlias = Transformed | Opened | Piece | Failure | tuple[Event, ...] | None
