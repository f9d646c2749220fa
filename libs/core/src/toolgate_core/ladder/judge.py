"""Judges an attempt whose answer was read to the end: one outcome, and one sentence about a failure.

The order of the questions matters. A valid call beats everything, because it may have been sent. A fault comes before
the finish, since it says more precisely what to do better. And only what is text in the end is held against what the
client wants of text.
"""

from __future__ import annotations

from toolgate_core.ladder.content import AnswerContent
from toolgate_core.ladder.verdict import Verdict
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import AttemptOutcome


def judge(content: AnswerContent, verdict: Verdict, request: ChatRequest) -> tuple[AttemptOutcome, str]:
    """Return the outcome, and one sentence that the model can act on; empty for a success."""
    forced = request.tool_choice.forced
    if verdict.calls:
        return AttemptOutcome.SUCCESS_TOOL, ""
    if verdict.fault is not None:
        return verdict.fault.reason, verdict.fault.detail
    # The provider's decision about the content: no other strategy may get around it.
    if verdict.finish == "content_filter":
        return AttemptOutcome.SUCCESS_TEXT, ""
    # Text under `auto` that the limit cut is still an answer, with the reason `length`.
    if verdict.finish == "length" and (verdict.truncated_call or forced or not content.has_text):
        return AttemptOutcome.TRUNCATED, "The answer was cut by the token limit before a call was complete."
    if content.missing_decision:
        return AttemptOutcome.PARSE_ERROR, "The answer had to be one JSON object, a decision, and was not."
    return _judge_text(content, verdict, request)


def _judge_text(content: AnswerContent, verdict: Verdict, request: ChatRequest) -> tuple[AttemptOutcome, str]:
    """Return the outcome of an answer without a call, and its sentence."""
    # A model that declines in words has answered; where a call is demanded it has not.
    if content.is_refusal and not request.tool_choice.forced:
        return AttemptOutcome.SUCCESS_TEXT, ""
    if not content.text.strip():
        return AttemptOutcome.NO_TOOL_CALL, _why_empty(content, verdict, request)
    if request.tool_choice.forced:
        return AttemptOutcome.NO_TOOL_CALL, "The answer had to be a tool call and was text."
    if verdict.disguised_call is not None:
        return verdict.disguised_call.reason, verdict.disguised_call.detail
    if schema_error := content.schema_error:
        return AttemptOutcome.SCHEMA_INVALID, schema_error
    return AttemptOutcome.SUCCESS_TEXT, ""


def _why_empty(content: AnswerContent, verdict: Verdict, request: ChatRequest) -> str:
    if request.tool_choice.mode == "none" and "call_under_none" in verdict.repairs:
        return "The answer had to be text and was a tool call."
    if content.reasoning.strip():
        return "The answer was empty: all of it stood in the reasoning."
    return "The answer was empty."
