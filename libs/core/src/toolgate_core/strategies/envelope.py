"""Asking for the decision JSON: what guided, bridge and two_pass have in common.

The client's own constraints move inside the envelope: its response format becomes the schema of `answer`, its stop
strings are applied to the answer by the gateway, and its token limit leaves room for what is around the answer.
Log probabilities are left out, since the tokens of an envelope are not those of the answer.
"""

from __future__ import annotations

from toolgate_core.jsontext import encode, encode_str
from toolgate_core.schema.answer import CONSTRAINTS, answer_schema
from toolgate_core.schema.decision_schema import decision_for
from toolgate_core.types.requests import ChatRequest, ModelRequest, ResponseFormat, ToolChoice

ENVELOPE_TOKENS = 64
"""Tokens that the envelope of a decision may take beyond the client's limit."""

_CONSTRAINTS = CONSTRAINTS | {"guided_decoding_backend", "guided_whitespace_pattern"}
"""vLLM's own fields for constraints, and the options of its older ones; vLLM accepts one constraint per request."""


def without_native_tools(request: ModelRequest) -> ModelRequest:
    """Return the request without anything of the upstream's own tool calling."""
    # The defaults of the neutral request, which a codec leaves out: many servers refuse a `tool_choice` without tools.
    return request.change(tools=(), tool_choice=ToolChoice("none"), parallel=True)


def without_constraints(request: ModelRequest) -> ModelRequest:
    """Return the request without the fields that the gateway applies itself."""
    # A stop string would end the envelope itself, and a response format would contradict the decision's.
    changed = request.change(stop=(), response_format=None, logprobs=False, top_logprobs=None)
    if _CONSTRAINTS.isdisjoint(request.fields):
        return changed
    return changed.change(fields={key: value for key, value in request.fields.items() if key not in _CONSTRAINTS})


def constrained(request: ModelRequest, chat: ChatRequest) -> ModelRequest:
    """Return the request with the decision's schema as its response format, and room for the envelope."""
    answer = answer_schema(chat)
    schema = decision_for(
        chat.tools_json,
        chat.tool_choice,
        parallel=chat.parallel,
        answer_json=b"" if answer is None else encode(answer),
    )
    # OpenAI applies a schema as a grammar only under `strict`.
    decision = ResponseFormat(kind="json_schema", schema=schema, name="decision", strict=True)
    return with_envelope_tokens(request.change(response_format=decision))


def with_envelope_tokens(request: ModelRequest) -> ModelRequest:
    """Return the request with room for the envelope in its token limit, if it has one."""
    limit = request.max_tokens
    # No limit is added where the client sets none: the upstream's own applies.
    return request if limit is None else request.change(max_tokens=limit + ENVELOPE_TOKENS)


def answer_rule(request: ChatRequest, *, what: str) -> str:
    """Return the sentence that gives the model the form of its answer; empty for text and where no answer may come."""
    schema = answer_schema(request)
    # A forced call leaves no answer that the format could hold for.
    if schema is None or request.tool_choice.forced:
        return ""
    return f"{what} must be a JSON value that matches this schema: {encode_str(schema)}"
