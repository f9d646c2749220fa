"""A model's policy: which strategies it gets, in which order, and what its upstream can do. Policy is data."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from toolgate_core.types.vocabulary import Strategy


class Capabilities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the upstream can do.

    Attributes:
        tools: supports the `tools` field.
        json_schema: enforces `response_format: json_schema`.
        strict: supports `strict` in a tool's function (vLLM ≥ 0.24, hosted OpenAI).
        skip_special_tokens: supports vLLM's field of that name, which keeps markers visible in text.
        system_role: accepts `system` messages.
        format_with_tools: with tools under `auto`, `response_format` constrains only the text of the answer and not the
            calls (hosted OpenAI). vLLM constrains from the first token on, so that the model could never call a tool.
    """

    tools: bool = True
    json_schema: bool = True
    strict: bool = False
    skip_special_tokens: bool = False
    system_role: bool = True
    format_with_tools: bool = False


_Count: TypeAlias = Annotated[int, Meta(ge=0)]
_Positive: TypeAlias = Annotated[int, Meta(ge=1)]


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model's tool requests are served.

    Attributes:
        ladder: strategies, in the order in which they are tried.
        auto_start: first strategy under `tool_choice: auto`, such as `bridge` for models that avoid tools.
        dialect: dialect of the bridge for upstreams without constrained decoding; unset: the dialect of the model's
            family, or `function_calls` if the family's markers are not visible in text.
        native_dialect: dialect of calls that leak into the text of native answers; unambiguous markup of other
            dialects is found in any case. Unset: the dialect of the model's family, else `dialect`.
        reasoning_starts_open: the prompt opens the reasoning and the upstream does not separate it, so that the text
            of an answer begins inside reasoning. Otherwise markers open it.
        capabilities: what the upstream can do.
        retries: additional attempts per strategy; a retry quotes the fault to the model.
        confirm_plain_text: under `tool_choice: auto`, hold text without a call until the bridge confirms that no call
            is needed. Otherwise the text is the answer and streams.
        stream_arguments: send a call once it is valid (`when_valid`), or stream its arguments as they arrive, before
            validation (`immediately`).
        max_attempts: maximum number of attempts per request.
        max_seconds: seconds after which no further attempt begins.
        max_tokens: tokens of all attempts after which no further attempt begins; unset: no limit.
        max_choices: maximum `n`.
    """

    ladder: Annotated[tuple[Strategy, ...], Meta(min_length=1)] = (
        Strategy.NATIVE,
        Strategy.GUIDED,
        Strategy.BRIDGE,
        Strategy.TWO_PASS,
    )
    auto_start: Strategy = Strategy.NATIVE
    dialect: str | None = None
    native_dialect: str | None = None
    reasoning_starts_open: bool = False
    capabilities: Capabilities = Capabilities()
    retries: dict[Strategy, _Count] = field(default_factory=lambda: {Strategy.BRIDGE: 1})
    confirm_plain_text: bool = False
    stream_arguments: Literal["when_valid", "immediately"] = "when_valid"
    max_attempts: _Positive = 10
    max_seconds: Annotated[float, Meta(gt=0)] = 120.0
    max_tokens: _Positive | None = None
    max_choices: _Positive = 8
