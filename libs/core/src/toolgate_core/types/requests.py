"""Requests and answers as typed values, neutral of any wire format.

A `ChatRequest` is what a client asks for. A strategy makes a `ModelRequest` of it: what one attempt sends to a model.
Both carry the `Source`, the client's own JSON text, so that a codec of the same format writes unchanged fields byte
for byte: nothing that this version does not know is lost, numbers keep their digits, and caches see equal prefixes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.messages import Message

ToolChoiceMode = Literal["none", "auto", "required", "named"]


class ToolDefinition(Struct, frozen=True):
    """A tool as the client declared it; `parameters` is its JSON Schema, `{}`-like when it takes none.

    `strict`: calls must follow the schema exactly; unset: the client says nothing of it. `fields`: what its format says
    beyond that, under the format's own names.
    """

    name: str
    description: str
    parameters: JsonObject
    strict: bool | None = None
    fields: JsonObject = {}


class ToolChoice(Struct, frozen=True):
    """What the client allows: `name` only for mode `named`; `allowed` restricts the names (allowed_tools)."""

    mode: ToolChoiceMode = "auto"
    name: str | None = None
    allowed: frozenset[str] | None = None

    @property
    def forced(self) -> bool:
        """Whether an answer must contain a call."""
        return self.mode in ("required", "named")

    def permits(self, name: str) -> bool:
        """Whether a call to the declared tool `name` may be delivered."""
        if self.mode == "none" or (self.mode == "named" and name != self.name):
            return False
        return self.allowed is None or name in self.allowed


class Usage(Struct, frozen=True):
    """Tokens, as the upstream counted them; reasoning and cached tokens are part of the other two.

    `reported`: the upstream's own object, which may say more. It belongs to one answer: a sum keeps the first one's.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    reported: JsonObject = {}

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """Return the sum, field by field."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.reported,
        )


class ResponseFormat(Struct, frozen=True, kw_only=True):
    """The form that an answer has to have.

    `kind`: `json_schema`, `json_object`, or another word of the client's format. `schema`: the JSON Schema of the
    answer, where there is one; `name` and `strict` belong to it. `fields`: what its format says beyond that.
    """

    kind: str
    schema: JsonObject | None = None
    name: str = ""
    strict: bool | None = None
    fields: JsonObject = {}


class Sampling(Struct, frozen=True, kw_only=True):
    """How tokens are drawn; None: the upstream decides. Ranges are OpenAI's, which the request has been checked for."""

    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None


class Source(Struct, frozen=True):
    """Where a request comes from.

    `format`: the name of its API format; empty: of none. `texts`: the JSON text of every field, by the format's own
    names, fit to be sent to a server of the same format: the client's own bytes, unless they hold something that
    servers refuse (then the format has written them again).
    """

    format: str = ""
    texts: Mapping[str, bytes] = MappingProxyType({})


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A chat request that has been validated; everything that the gateway decides on, typed.

    `tools_json` is the JSON text of its tools (the key of every cache). `max_tokens` limits the answer's tokens.
    `continuous_usage`: the stream reports usage with every chunk. `fields` are those that no other attribute holds,
    under the names of the source's format: they belong to the upstream.
    """

    model: str
    messages: Sequence[Message]
    tools: tuple[ToolDefinition, ...] = ()
    tools_json: bytes = b""
    tool_choice: ToolChoice = ToolChoice("none")
    parallel: bool = True
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    stop: tuple[str, ...] = ()
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    sampling: Sampling = Sampling()
    fields: JsonObject = {}
    legacy_functions: bool = False
    source: Source = Source()

    def with_messages(self, messages: Sequence[Message]) -> ChatRequest:
        """Return the request with other messages, and without the text of those that it had."""
        texts = {name: text for name, text in self.source.texts.items() if name != "messages"}
        return replace(self, messages=messages, source=Source(self.source.format, texts))


EVERYTHING = frozenset(
    (
        *("messages", "tools", "tool_choice", "parallel", "stop", "response_format", "max_tokens"),
        *("logprobs", "top_logprobs", "sampling", "fields"),
    )
)
"""The attributes of a `ModelRequest` that a strategy may leave as the client wrote them."""


class ModelRequest(Struct, frozen=True, kw_only=True):
    """What one attempt sends to a model, neutral of the upstream's wire format; a codec writes it.

    Without `tools`, `tool_choice` and `parallel` mean nothing. `keep_special_tokens`: the text of the answer shows
    special tokens, where the upstream can. `untouched` names the attributes that are as the client wrote them: a codec
    of the source's format sends their text from `source`.
    """

    model: str
    messages: Sequence[Message]
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: ToolChoice = ToolChoice("auto")
    parallel: bool = True
    stop: tuple[str, ...] = ()
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    sampling: Sampling = Sampling()
    fields: JsonObject = {}
    keep_special_tokens: bool = False
    source: Source = Source()
    untouched: frozenset[str] = frozenset()

    def change(self, **changes: object) -> ModelRequest:
        """Return the request with some attributes changed, which are then no longer `untouched`."""
        return replace(self, **changes, untouched=self.untouched - changes.keys())


def model_request(request: ChatRequest) -> ModelRequest:
    """Return the request that sends everything as the client wrote it."""
    return ModelRequest(
        model=request.model,
        messages=request.messages,
        tools=request.tools,
        tool_choice=request.tool_choice,
        parallel=request.parallel,
        stop=request.stop,
        response_format=request.response_format,
        max_tokens=request.max_tokens,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
        sampling=request.sampling,
        fields=request.fields,
        source=request.source,
        untouched=EVERYTHING,
    )
