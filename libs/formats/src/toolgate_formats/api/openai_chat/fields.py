"""The plain fields of a chat request: type and range of each, and the few that go together.

Types and ranges are OpenAI's. Only what the gateway decides on is returned; fields that it does not know are the
upstream's to check. Schemas of response formats are compiled here, so that a wrong one fails before the model is asked;
good ones are cached.
"""

from __future__ import annotations

from msgspec import Struct
from toolgate_core.cache import Cache
from toolgate_core.jsontext import JsonObject, JsonValue, decode, encode
from toolgate_core.limits import MAX_REMEMBERED_DECISIONS_BYTES, MAX_STOPS
from toolgate_core.schema.answer import requested_schema
from toolgate_core.schema.compiling import SchemaError, compile_schema
from toolgate_core.types.errors import RequestError
from toolgate_core.types.requests import ResponseFormat

from toolgate_formats.api.openai_chat.neutral import read_format

# OpenAI's ranges (API reference, "Create chat completion"); a seed is a signed integer of 64 bits.
_NUMBERS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_INTEGERS = {
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "max_tokens": (1, 2**31),
    "max_completion_tokens": (1, 2**31),
    "seed": (-(2**63), 2**63 - 1),
}
_BOOLEANS = ("stream", "logprobs", "parallel_tool_calls")
_SCALARS = frozenset((*_NUMBERS, *_INTEGERS, *_BOOLEANS))
# OpenAI's kinds, and vLLM's `structural_tag`.
_FORMATS = ("text", "json_object", "json_schema", "structural_tag")


class Fields(Struct, frozen=True):
    """The fields that the gateway decides on."""

    n: int
    stream: bool
    include_usage: bool
    stop: tuple[str, ...]
    response_format: ResponseFormat | None
    max_tokens: int | None
    logprobs: bool


def check_fields(body: JsonObject) -> Fields:
    """Return the fields of a body without nulls; raise `RequestError` with the field as `param`."""
    _check_scalars(body)
    stream = body.get("stream") is True
    logprobs = body.get("logprobs") is True
    if "top_logprobs" in body and not logprobs:
        raise RequestError("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
    _check_wanted_json(body)
    count = body.get("n", 1)
    return Fields(
        n=count if isinstance(count, int) else 1,
        stream=stream,
        include_usage=_include_usage(body, stream=stream),
        stop=read_stop(body.get("stop")),
        response_format=_response_format(body.get("response_format")),
        max_tokens=read_limit(body),
        logprobs=logprobs,
    )


def _check_scalars(body: JsonObject) -> None:
    if _SCALARS.isdisjoint(body):
        return  # as in most requests of agents
    for field, (low, high) in _NUMBERS.items():
        if field in body:
            value = body[field]
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _invalid(field, "expected a number", "invalid_type")
            _check_range(field, value, low, high)
    for field, (low, high) in _INTEGERS.items():
        if field in body:
            value = body[field]
            if isinstance(value, bool) or not isinstance(value, int):
                raise _invalid(field, "expected an integer", "invalid_type")
            _check_range(field, value, low, high)
    for field in _BOOLEANS:
        if field in body and not isinstance(body[field], bool):
            raise _invalid(field, "expected a boolean", "invalid_type")


def _check_range(field: str, value: float, low: int, high: int) -> None:
    if value < low:
        raise _invalid(field, f"expected a value ≥ {low}", "integer_below_min_value" if _whole(field) else _DECIMAL_LOW)
    if value > high:
        raise _invalid(
            field, f"expected a value ≤ {high}", "integer_above_max_value" if _whole(field) else _DECIMAL_HIGH
        )


_DECIMAL_LOW, _DECIMAL_HIGH = "decimal_below_min_value", "decimal_above_max_value"


def _whole(field: str) -> bool:
    return field in _INTEGERS


def _include_usage(body: JsonObject, *, stream: bool) -> bool:
    if "stream_options" not in body:
        return False
    options = body["stream_options"]
    if not isinstance(options, dict):
        raise _invalid("stream_options", "expected an object", "invalid_type")
    if not stream:
        raise RequestError("'stream_options' is only allowed when 'stream' is true.", param="stream_options")
    wanted = options.get("include_usage")
    if wanted is not None and not isinstance(wanted, bool):
        raise _invalid("stream_options.include_usage", "expected a boolean", "invalid_type")
    return wanted is True


def read_limit(body: JsonObject) -> int | None:
    """Return the most tokens that an answer may have, from the newer field where both are given."""
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return limit if isinstance(limit, int) else None


def read_stop(stop: JsonValue) -> tuple[str, ...]:
    """Return the stop strings, without empty ones; raise `RequestError`."""
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list):
        raise _invalid("stop", "expected a string or an array of strings", "invalid_type")
    if len(stops) > MAX_STOPS:
        raise _invalid("stop", f"at most {MAX_STOPS} strings are allowed", "array_above_max_length")
    texts = tuple(text for text in stops if isinstance(text, str))
    if len(texts) < len(stops):
        raise _invalid("stop", "expected a string or an array of strings", "invalid_type")
    # An empty stop string would end every answer at its start.
    return tuple(text for text in texts if text)


def _response_format(wanted: JsonValue) -> ResponseFormat | None:
    """Return a format that constrains the answer; None for text."""
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise _invalid("response_format", "expected an object", "invalid_type")
    kind = wanted.get("type")
    if kind not in _FORMATS:
        raise _invalid("response_format.type", f"supported are {', '.join(_FORMATS)}", "invalid_value")
    if kind == "json_schema":
        _check_format_schema(wanted.get("json_schema"))
    return None if kind == "text" else read_format(wanted)


def _check_format_schema(described: JsonValue) -> None:
    if not isinstance(described, dict):
        raise _invalid("response_format.json_schema", "expected an object", "invalid_type")
    name = described.get("name")
    if not isinstance(name, str) or not name:
        raise _invalid("response_format.json_schema.name", "expected a string", "invalid_type")
    schema = described.get("schema")
    if schema is None:
        return
    if not isinstance(schema, dict):
        raise _invalid("response_format.json_schema.schema", "expected an object", "invalid_type")
    try:
        _CHECKED.get(encode(schema))
    except SchemaError as error:
        raise RequestError(
            f"Invalid schema for response_format '{name:.64}': {error}.",
            param="response_format.json_schema.schema",
            code="invalid_json_schema",
        ) from error


def _check_wanted_json(body: JsonObject) -> None:
    """Raise for a schema in vLLM's own fields that can't be used beside tools: the ladder has to hold answers to it."""
    schema = requested_schema(body) if body.get("tools") else None
    if schema is None:
        return
    field = "structured_outputs" if isinstance(body.get("structured_outputs"), dict) else "guided_json"
    try:
        _CHECKED.get(encode(schema))
    except SchemaError as error:
        raise RequestError(f"Invalid schema in {field}: {error}.", param=field, code="invalid_json_schema") from error


def _check_schema(schema_json: bytes) -> None:
    """Raise `SchemaError` for a schema that can't be used; the good ones are remembered."""
    schema = decode(schema_json)
    compile_schema(schema, object_only=False)  # type: ignore[arg-type]  # it was an object before it was encoded


def _invalid(field: str, why: str, code: str) -> RequestError:
    return RequestError(f"Invalid value for '{field}': {why}.", param=field, code=code)


_CHECKED = Cache(_check_schema, cost=lambda text, _: 8 * len(text), max_cost=MAX_REMEMBERED_DECISIONS_BYTES)
