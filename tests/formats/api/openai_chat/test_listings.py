"""Lists of models and tools have OpenAI's form."""

from __future__ import annotations

from toolgate_formats.api.openai_chat.listings import listing, model_object, tool_object


def test_a_model_has_openais_four_fields_and_those_of_its_server() -> None:
    written = model_object("m", created=7, owned_by="vllm", fields={"max_model_len": 10})
    assert written == {"id": "m", "object": "model", "created": 7, "owned_by": "vllm", "max_model_len": 10}


def test_a_listed_tool_can_be_sent_in_a_request() -> None:
    written = tool_object("f", "Does f.", {"type": "object"})
    function = {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}
    assert listing([written]) == {"object": "list", "data": [{"type": "function", "function": function}]}
