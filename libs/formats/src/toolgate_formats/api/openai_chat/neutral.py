"""What a validated body says, as attributes of the neutral request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.types.messages import Conversation, Message
from toolgate_core.types.requests import ResponseFormat, Sampling

from toolgate_formats.api.openai_chat.messages import read_messages
from toolgate_formats.api.openai_chat.names import ATTRIBUTES, SAMPLING

_DEFAULT_SAMPLING = Sampling()
_TYPED = frozenset(ATTRIBUTES)


def conversation(body: JsonObject) -> Sequence[Message]:
    """Return the messages, which are built when they are first read."""
    messages = cast("list[JsonObject]", body["messages"])
    return Conversation(len(messages), partial(read_messages, messages))


def read_sampling(body: JsonObject) -> Sampling:
    """Return how tokens are drawn."""
    given: dict[str, Any] = {name: body[name] for name in SAMPLING if name in body}
    return Sampling(**given) if given else _DEFAULT_SAMPLING


def read_top_logprobs(body: JsonObject) -> int | None:
    """Return how many alternatives of a token are wanted; None: none."""
    return cast("int | None", body.get("top_logprobs"))


def wants_continuous_usage(body: JsonObject) -> bool:
    """Return whether every chunk of a stream is to report usage (vLLM)."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("continuous_usage_stats") is True


def other_fields(body: Mapping[str, JsonValue]) -> JsonObject:
    """Return the fields that no attribute of the neutral request holds."""
    if body.keys() <= _TYPED:
        return {}
    return {name: value for name, value in body.items() if name not in ATTRIBUTES}


def read_format(wanted: JsonObject) -> ResponseFormat:
    """Return a validated `response_format`; unknown fields of `json_schema` are in `fields` under that name."""
    described = wanted.get("json_schema")
    fields = {key: value for key, value in wanted.items() if key not in ("type", "json_schema")}
    kind = cast("str", wanted["type"])
    if not isinstance(described, dict):
        return ResponseFormat(kind=kind, fields=fields if described is None else {**fields, "json_schema": described})
    inner = {key: value for key, value in described.items() if key not in ("name", "schema", "strict")}
    schema, strict = described.get("schema"), described.get("strict")
    return ResponseFormat(
        kind=kind,
        schema=schema if isinstance(schema, dict) else None,
        name=cast("str", described.get("name", "")),
        strict=strict if isinstance(strict, bool) else None,
        fields={**fields, "json_schema": inner} if inner else fields,
    )
