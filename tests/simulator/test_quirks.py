"""Personas whose servers are unkind in their own way: what they refuse, and what they make of an answer."""

from __future__ import annotations

import ast
import json

import pytest
from toolgate_simulator.engine import Engine
from toolgate_simulator.faults import RefusedError
from toolgate_simulator.settings import Settings

from tests.simulator.samples import PERSONAS, TOOLS, WEATHER, Json, ask, user
from tests.support.questions import tool_questions

ENGINE = Engine(Settings())
QUESTION = "What is the weather in Paris?"
QUESTIONS = tool_questions(13, 120)
CALL = {"id": "call_123456", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}


def refused(model: str, **body: object) -> str:
    with pytest.raises(RefusedError) as caught:
        ENGINE.accept({"model": model, **body}, "x")
    assert caught.value.status == 400
    return str(caught.value)


def taken(model: str, **body: object) -> bool:
    return bool(ENGINE.accept({"model": model, **body}, "x").generations)


def test_a_template_that_takes_a_system_message_only_as_the_first() -> None:
    system: Json = {"role": "system", "content": "Be brief."}
    words = "System message must be at the beginning."
    assert refused("qwen3.5-strict", messages=[*user("Hi"), system, *user("Hi")]) == words
    assert taken("qwen3.5-strict", messages=[system, *user("Hi")])


def test_a_tokenizer_that_takes_ids_of_nine_characters() -> None:
    def history(name: str) -> list[Json]:
        called = {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": name}]}
        return [*user("Hi"), called, {"role": "tool", "tool_call_id": name, "content": "sunny"}]

    for name in ("call_123456", "chatcmpl-tool-1", "abc-56789", ""):
        words = f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9."
        assert refused("mistral-strict", messages=history(name)) == words
    assert taken("mistral-strict", messages=history("abcDEF123"))


def test_a_typed_front_end_that_misses_fields() -> None:
    bare = {"type": "function", "function": {"name": "get_weather"}}
    called = [*user("Hi"), {"role": "assistant", "tool_calls": [CALL]}]
    assert refused("typed-front", messages=called).endswith("messages[1]: missing field `content`")
    assert refused("typed-front", messages=user("Hi"), tools=[bare]).endswith("missing field `parameters`")
    assert taken("typed-front", messages=user("Hi"), tools=TOOLS)


def test_an_older_vllm_quotes_the_request_in_its_error() -> None:
    body = {"messages": user("Some guidance, please."), "continue_final_message": True, "add_generation_prompt": True}
    words = refused("vllm-quoting", **body)
    assert words.startswith("[{'type': 'value_error', 'loc': ('body',), 'msg': 'Value error, Cannot set both")
    assert "Some guidance, please." in words
    quoted = words.partition("'input': ")[2].partition(", 'ctx': ")[0]
    assert ast.literal_eval(quoted)["messages"] == body["messages"]


def test_a_swallowing_parser_leaves_only_reasoning_and_says_tool_calls() -> None:
    for choice, finish in (("auto", "stop"), ("required", "tool_calls")):
        job = ENGINE.accept(
            {"model": "swallowing", "messages": user(QUESTION), "tools": TOOLS, "tool_choice": choice}, "x"
        )
        [found] = job.generations
        assert (found.calls, found.null, found.finish, found.text("text")) == (0, True, finish, "")
        assert "get_weather" in found.text("reasoning")


def test_a_runaway_ends_with_its_tokens() -> None:
    bodies = [
        {"model": "runaway", "messages": user(one.text), "tools": list(one.tools), "max_tokens": 300}
        for one in QUESTIONS
    ]
    found = [ENGINE.accept(body, "x").generations[0] for body in bodies]
    endless = [one for one in found if one.finish == "length"]
    assert {len(one.tokens) for one in endless} == {300}
    spaces = [one for one in endless if one.text("arguments").rstrip().endswith("[")]
    assert 0.2 <= len(spaces) / len(found) <= 0.6
    assert any(one.calls > 5 for one in found)


def test_tools_stay_in_the_prompt_under_none_and_a_small_model_calls() -> None:
    drafts = [
        ask(QUESTION, persona="qwen2.5-coder-0.5b", tools=[WEATHER], tool_choice="none", seed=n) for n in range(40)
    ]
    written = [draft.text for draft in drafts if (draft.text or "").startswith("{")]
    assert len(written) > 30
    assert json.loads(written[0] or "") == {"name": "get_weather", "arguments": {"city": "Paris"}}
    assert not any(draft.calls for draft in drafts)


def test_a_small_model_writes_calls_without_their_tags() -> None:
    drafts = [ask(one.text, persona="qwen2.5-coder-0.5b", tools=list(one.tools)) for one in QUESTIONS]
    starts = [(draft.text or "")[:7] for draft in drafts]
    assert sum(start.startswith('{"name"') for start in starts) / len(starts) > 0.5
    assert sum(start == "```json" for start in starts) / len(starts) > 0.1


@pytest.mark.parametrize("strict", [True, False])
def test_a_grammar_holds_the_calls_of_strict_tools_alone(strict: bool) -> None:
    wrong = 0
    for one in QUESTIONS:
        tools = [{**tool, "function": {**tool["function"], "strict": strict}} for tool in one.tools]
        draft = ask(one.text, persona="chaos", tools=tools, tool_choice="required")
        declared = {tool["function"]["name"] for tool in tools}
        wrong += bool(draft.damaged) or any(call.name not in declared for call in draft.calls)
    assert (wrong == 0) is strict


def test_every_persona_answers_a_question_without_tools() -> None:
    for name in PERSONAS:
        assert taken(name, messages=user("Hello!"))
