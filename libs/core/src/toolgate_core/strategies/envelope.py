"""Asking for the decision JSON: what guided, bridge and two_pass have in common.

The client's own constraints move inside the envelope: its `response_format` becomes the schema of `answer`, its `stop`
is applied to the answer by us, and its token limit leaves room for what stands around the answer.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, encode, encode_str
from toolgate_core.schema.answer import answer_schema
from toolgate_core.schema.decision_schema import decision_for
from toolgate_core.types.requests import ChatRequest

ENVELOPE_TOKENS = 64
"""Tokens that the envelope of a decision may take beyond the client's limit."""

_UPSTREAM_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_NOT_EMULATED = (
    *("response_format", "structured_outputs", "stop", "logprobs", "top_logprobs"),
    # What `structured_outputs` is called by vLLM before 0.12, which takes one constraint only.
    *("guided_json", "guided_json_object", "guided_regex", "guided_choice", "guided_grammar"),
    *("guided_decoding_backend", "guided_whitespace_pattern"),
)
_LIMITS = ("max_tokens", "max_completion_tokens")


def without_tools(body: JsonObject) -> JsonObject:
    """Return a copy of `body` in which nothing asks for the upstream's own tool calling."""
    return {key: value for key, value in body.items() if key not in _UPSTREAM_TOOLS}


def emulated(body: JsonObject) -> JsonObject:
    """Return a copy of `body` without the fields that are ours to apply."""
    return {key: value for key, value in body.items() if key not in _NOT_EMULATED}


def constrain(body: JsonObject, request: ChatRequest) -> None:
    """Make the upstream enforce the decision's form, with room for the envelope. Changes `body`."""
    answer = answer_schema(request)
    schema = decision_for(
        request.tools_json,
        request.tool_choice,
        parallel=request.parallel,
        answer_json=b"" if answer is None else encode(answer),
    )
    body["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "decision", "schema": schema, "strict": True},
    }
    widen(body)


def widen(body: JsonObject) -> None:
    """Leave room for the envelope in the token limit, if there is one. Changes `body`."""
    for field in _LIMITS:
        limit = body.get(field)
        if isinstance(limit, int):
            body[field] = limit + ENVELOPE_TOKENS


def answer_rule(request: ChatRequest, *, what: str) -> str:
    """Return the sentence that tells the model the form of its answer; empty for text and where none may come."""
    schema = answer_schema(request)
    if schema is None or request.tool_choice.forced:
        return ""
    return f"{what} must be a JSON value that matches this schema: {encode_str(schema)}"
