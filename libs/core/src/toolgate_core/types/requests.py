"""The values that a request and an answer are made of, neutral of any wire format."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from toolgate_core.jsontext import JsonObject

ToolChoiceMode = Literal["none", "auto", "required", "named"]


class ToolDefinition(Struct, frozen=True):
    """A tool as the client declared it; `parameters` is its JSON Schema, `{}`-like when it takes none."""

    name: str
    description: str
    parameters: JsonObject
    strict: bool = False


class ToolChoice(Struct, frozen=True):
    """What the client allows: `name` only for mode `named`; `allowed` restricts the names (allowed_tools)."""

    mode: ToolChoiceMode = "auto"
    name: str | None = None
    allowed: frozenset[str] | None = None

    @property
    def forced(self) -> bool:
        """Whether an answer without a call is no answer."""
        return self.mode in ("required", "named")

    def permits(self, name: str) -> bool:
        """Whether a call to the declared tool `name` may be delivered."""
        if self.mode == "none" or (self.mode == "named" and name != self.name):
            return False
        return self.allowed is None or name in self.allowed


class Usage(Struct, frozen=True):
    """Tokens, as the upstream counted them; reasoning and cached tokens are part of the other two.

    `told`: the upstream's own object, which may say more. It belongs to one answer: a sum keeps the first one's.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    told: JsonObject = {}

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
            self.told,
        )


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A chat request that has been validated; everything that the gateway decides on, typed.

    `body` is the client's JSON object, without nulls at its top level and with legacy `functions` rewritten to
    `tools`; fields that nobody here knows are still in it. `texts` holds the client's own JSON text of fields that
    nobody needs to write anew: nothing in them was rewritten, and no null stands in them. `tools_json` is the JSON text
    of its `tools` (the key of every cache). `stop` and `response_format` are what the client asked for (`stop` always
    as a tuple).
    """

    body: JsonObject
    model: str
    texts: dict[str, bytes] = {}
    tools: tuple[ToolDefinition, ...] = ()
    tools_json: bytes = b""
    tool_choice: ToolChoice = ToolChoice("none")
    parallel: bool = True
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    stop: tuple[str, ...] = ()
    response_format: JsonObject | None = None
    max_tokens: int | None = None
    logprobs: bool = False
    legacy_functions: bool = False

    @property
    def messages(self) -> list[JsonObject]:
        """The messages, as the client sent them (validated)."""
        return self.body["messages"]  # type: ignore[return-value]
