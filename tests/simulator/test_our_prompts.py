"""The requests that the transformer writes are read as any model would read them: by their prompts and constraints."""

import json

import pytest
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.table import transform
from toolgate_core.types.policy import Capabilities
from toolgate_core.types.vocabulary import Strategy
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.request import request_body
from toolgate_simulator.behaviour import answer
from toolgate_simulator.forms import read_calls
from toolgate_simulator.mishaps import Draft
from toolgate_simulator.reading import read_request

from tests.simulator.samples import PERSONAS, Json
from tests.support.questions import Question, plain_questions, tool_questions

STRONG = PERSONAS["qwen-strong"]
TOOLED = tool_questions(21, 40)
PLAIN = plain_questions(21, 20)
HISTORY = (
    {"role": "assistant", "content": None},
    {"role": "tool", "content": "it is <fine> & 21"},
)


def upstream(question: Question, choice: str, history: bool = False, draft: str | None = None, **effect) -> Json:
    messages: list[Json] = [{"role": "user", "content": question.text}]
    if history:
        call = {
            "id": "call_9",
            "type": "function",
            "function": {"name": question.tool, "arguments": json.dumps(question.arguments)},
        }
        messages += [{**HISTORY[0], "tool_calls": [call]}, {**HISTORY[1], "tool_call_id": "call_9"}]
    body = {"model": "m", "messages": messages, "tools": list(question.tools), "tool_choice": choice}
    done = transform(Transform(request=parse_request(json.dumps(body).encode()), draft=draft, **effect))
    sent: Json = json.loads(request_body(done.request, stream=False))
    return sent


def calls_in(draft: Draft) -> list[tuple[str, Json]]:
    """Return the calls of an answer; values out of markup are text, so that numbers are compared as text."""
    found = draft.calls or read_calls(draft.text or "")
    return [(call.name, {key: plain(value) for key, value in call.arguments.items()}) for call in found]


def plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def truth(question: Question) -> list[tuple[str, Json]]:
    assert question.tool is not None
    assert question.arguments is not None
    return [(question.tool, {key: plain(value) for key, value in question.arguments.items()})]


EFFECTS = [
    {"strategy": Strategy.NATIVE, "dialect": "function_calls", "constrained": True},
    {"strategy": Strategy.GUIDED, "dialect": "function_calls", "constrained": True},
    {"strategy": Strategy.BRIDGE, "dialect": "function_calls", "constrained": True},
    {"strategy": Strategy.BRIDGE, "dialect": "function_calls", "constrained": False},
    {"strategy": Strategy.BRIDGE, "dialect": "hermes", "constrained": False},
]
ROLES = [Capabilities(), Capabilities(system_role=False)]


@pytest.mark.parametrize("capabilities", ROLES)
@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_call_is_made_as_the_prompt_asks(effect, choice, capabilities):
    for one in TOOLED:
        body = upstream(one, choice, capabilities=capabilities, **effect)
        assert calls_in(answer(body, STRONG, 0)) == truth(one)


@pytest.mark.parametrize("capabilities", ROLES)
@pytest.mark.parametrize("effect", EFFECTS)
def test_no_call_is_made_where_none_is_needed(effect, capabilities):
    for one in PLAIN:
        draft = answer(upstream(one, "auto", capabilities=capabilities, **effect), STRONG, 0)
        assert (calls_in(draft), bool(draft.text)) == ([], True)


@pytest.mark.parametrize("capabilities", ROLES)
@pytest.mark.parametrize("effect", EFFECTS)
def test_results_in_the_history_are_quoted(effect, capabilities):
    for one in TOOLED[:10]:
        draft = answer(upstream(one, "auto", history=True, capabilities=capabilities, **effect), STRONG, 0)
        assert (calls_in(draft), "it is <fine> & 21" in (draft.text or "")) == ([], True)


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_the_first_pass_is_reasoning_and_the_second_makes_it_a_call(choice, constrained):
    effect = {"strategy": Strategy.TWO_PASS, "dialect": "function_calls", "constrained": constrained}
    for one in TOOLED:
        first = upstream(one, choice, **effect)
        thoughts = answer(first, STRONG, 0).text
        second = upstream(one, choice, draft=thoughts, **effect)
        assert [read_request(body, STRONG).channel for body in (first, second)] == ["draft", "convert"]
        assert calls_in(answer(second, STRONG, 0)) == truth(one)
