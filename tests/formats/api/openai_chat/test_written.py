"""A request that a strategy has written is read back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from toolgate_core.jsontext import JsonObject, JsonValue, decode_fields, encode
from toolgate_core.jsontext import decode as decoded
from toolgate_core.types.requests import (
    EVERYTHING,
    ChatRequest,
    ModelRequest,
    ResponseFormat,
    ToolChoice,
    model_request,
)
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.api.openai_chat.written import read_written
from toolgate_formats.codecs.openai_chat.request import request_body

from tests.support.chat_bodies import bodies

TOOL: JsonValue = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL]}
REQUEST = parse_request(encode(BODY))


def over(made: ModelRequest, request: ChatRequest = REQUEST) -> ModelRequest:
    body = decoded(request_body(made, stream=False))
    assert isinstance(body, dict)
    return read_written(body, request, made.untouched)


@given(bodies(with_tools=True), st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_what_was_written_from_values_has_the_same_values(body: JsonObject, untouched: set[str]) -> None:
    request = parse_request(encode(body))
    made = replace(model_request(request), untouched=frozenset(untouched))
    assert over(made, request) == made


@pytest.mark.parametrize(
    "changes",
    [
        {"tool_choice": ToolChoice("required")},
        {"tool_choice": ToolChoice("named", name="f")},
        {"tools": (), "tool_choice": ToolChoice("none")},
        {"parallel": False, "stop": ("a", "b"), "max_tokens": 5},
        {"response_format": ResponseFormat(kind="json_object")},
        {"response_format": ResponseFormat(kind="json_schema", name="s", schema={"type": "object"}, strict=True)},
        {"logprobs": True, "top_logprobs": 2, "fields": {"x": 1}},
        {"keep_special_tokens": True},
    ],
)
def test_what_a_strategy_changed_arrives(changes: dict[str, object]) -> None:
    made = model_request(REQUEST).change(**changes)
    assert over(made) == made


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", name="f")),
        ({"type": "function"}, ToolChoice("named")),
        ("required", ToolChoice("required")),
    ],
)
def test_a_choice_is_read_in_each_of_its_forms(choice: JsonValue, expected: ToolChoice) -> None:
    assert read_written({**BODY, "tool_choice": choice}, REQUEST, EVERYTHING - {"tool_choice"}).tool_choice == expected


def test_special_tokens_that_the_client_asked_for_stay_its_field() -> None:
    request = parse_request(encode({**BODY, "skip_special_tokens": False}))
    made = replace(model_request(request), untouched=frozenset())
    assert decode_fields(request_body(made, stream=False))["skip_special_tokens"] == b"false"
    assert (over(made, request).keep_special_tokens, over(made, request).fields) == (False, request.fields)
