"""Histories of any API format: results may come several to a message, and beside a question."""

from __future__ import annotations

from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.strategies.history import render_history
from toolgate_core.strategies.simple import simplified
from toolgate_core.types.messages import Call, Media, Message, Result, Text, text_message
from toolgate_core.types.requests import ChatRequest

HERMES = DIALECTS["hermes"]
PICTURE = Media({"type": "image"})
CALLS = Message("assistant", (Call("a", "f", "{}"), Call("b", "g", "{}")))
ASKED = Message("user", (Result("a", (Text("1"),)), Result("b", (Text("2"), PICTURE), plain=False), Text("next?")))


def test_results_of_a_message_and_its_question_are_one_user_message() -> None:
    block = HERMES.render_calls([WrittenCall("f", "{}", "a", 0), WrittenCall("g", "{}", "b", 1)])
    first, second = HERMES.render_result("f", "a", "1"), HERMES.render_result("g", "b", "2")
    assert render_history([CALLS, ASKED], "hermes") == [
        text_message("assistant", block),
        Message("user", (Text(first), Text(second), PICTURE, Text("next?")), plain=False),
    ]


def test_simple_ids_go_into_every_result_of_a_message() -> None:
    simple = simplified(ChatRequest(model="m", messages=(CALLS, ASKED)))
    assert simple is not None
    assert [part.id for part in simple.messages[0].parts if isinstance(part, Call)] == ["c00000000", "c00000001"]
    assert [part.call_id for part in simple.messages[1].parts if isinstance(part, Result)] == ["c00000000", "c00000001"]
    assert simple.messages[1].parts[2] == Text("next?")
