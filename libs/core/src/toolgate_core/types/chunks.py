"""Chunks of an upstream's answer, neutral of any wire format.

A codec makes chunks, the ladder reads them. One read is one chunk: whatever arrived together is joined, so that the
ladder takes one step per read and not one per server-sent event.
"""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import FinishReason


class CallDelta(Struct, frozen=True):
    """A fragment of a native call. `id` and `name` come with the call's first fragment, if at all.

    `fields` are new fields that the gateway does not know, as in `CallStart`.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    fields: JsonObject = {}


class ResponseChunk(Struct, frozen=True, kw_only=True):
    """Everything that one read brought, joined. The last chunk, and only the last one, has `finish`.

    A whole (not streamed) answer is one chunk.

    Attributes:
        text: text of the answer.
        reasoning: reasoning that the upstream separates from the text.
        refusal: text that the upstream marks as a refusal.
        fields: new fields of the message that the gateway does not know.
        choice_fields: such fields of the choice; with the last chunk.
        answer_fields: such fields of the whole answer; with the last chunk.
        calls: fragments of native calls.
        logprobs: entries of `choices[].logprobs.content`.
        finish: why the answer ended.
        usage: the tokens of the answer; with the last chunk, where the upstream reports them.
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
