"""A model's policy: which strategies it gets, in which order, and what its upstream can do. Policy is data."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from toolgate_core.types.vocabulary import Strategy


class Capabilities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the upstream can do.

    Attributes:
        tools: it knows the `tools` field.
        json_schema: it enforces `response_format: json_schema`.
        strict: it knows `strict` in a tool's function (vLLM ≥ 0.24, hosted OpenAI).
        skip_special_tokens: it knows vLLM's field of that name, which keeps markers visible in text.
        system_role: it accepts `system` messages.
        format_with_tools: beside tools under `auto`, a `response_format` constrains the text of the answer and leaves
            calls free (hosted OpenAI). vLLM constrains from the first token on, so that no call could ever come.
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
        ladder: the strategies, in the order in which they are tried.
        auto_start: under `tool_choice: auto` the ladder begins here (models that avoid tools begin at `bridge`).
        dialect: the dialect of the bridge where the upstream cannot constrain; unset: that of the model's family, or
            `function_calls` where the family's markers would not be visible.
        native_dialect: the dialect whose calls are looked for in the text of native answers, besides markup that prose
            never contains; unset: that of the model's family, else `dialect`.
        reasoning_starts_open: an answer's text begins inside reasoning, because the prompt opens it and the upstream
            does not separate it. Otherwise markers open it.
        capabilities: what the upstream can do.
        retries: attempts beyond the first, per strategy; a retry quotes the fault.
        confirm_plain_text: under `tool_choice: auto`, text without a call is held until the bridge confirms that no
            call is due. Otherwise it is the answer and streams.
        stream_arguments: a call is sent once it is valid (`when_valid`), or its arguments stream as they arrive, before
            they are checked (`immediately`).
        max_attempts: attempts a request may take in all.
        max_seconds: no attempt begins after this many seconds.
        max_tokens: no attempt begins once the attempts so far have cost this many tokens; unset: no limit.
        max_choices: the largest `n`.
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
