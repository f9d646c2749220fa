"""Every word for the end of an answer means one of OpenAI's, none at all, or that the answer broke off."""

import pytest
from toolgate_formats.codecs.openai_chat.finish import finish_from_upstream

WORDS = {
    "stop": (
        "stop",
        "STOP",
        " Stop ",
        "eos",
        "eos_token",
        "EOS-Token",
        "end_turn",
        "stop_sequence",
        "FinishReason.STOP",
        "done",
    ),
    "length": (
        *("length", "MAX_TOKENS", "max-tokens", "MAX_OUTPUT_TOKENS", "model_length", "FINISH_REASON_MAX_TOKENS"),
        *("context_length_exceeded", "token limit", "truncated", "incomplete", "max_new_tokens"),
    ),
    "tool_calls": ("tool_calls", "Tool_Calls", "tool_use", "function_call", "toolUse", "tool-call"),
    "content_filter": ("content_filter", "sensitive", "SAFETY", "contentFilter", "RECITATION", "blocked", "moderation"),
    "aborted": (
        "error",
        "network_error",
        "ERROR",
        "abort",
        "cancelled",
        "timeout",
        "MALFORMED_FUNCTION_CALL",
        "engine_failure",
    ),
    None: ("", "null", "NULL", "None", "none", "FINISH_REASON_UNSPECIFIED", "x" * 65, None, 0, 1, True, [], ["stop"]),
}
CASES = [(word, meaning) for meaning, words in WORDS.items() for word in words]


@pytest.mark.parametrize(("word", "meaning"), CASES)
def test_a_word_means_what_its_server_means(word: object, meaning: str | None) -> None:
    assert finish_from_upstream(word) == meaning


@pytest.mark.parametrize(("word", "meaning"), [({"type": "length"}, "length"), ({"reason": "eos"}, "stop"), ({}, None)])
def test_a_reason_may_be_an_object(word: object, meaning: str | None) -> None:
    assert finish_from_upstream(word) == meaning
