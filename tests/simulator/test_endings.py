"""An agent that ends by a call comes to its end: the model calls what it needs, then the tool that is the answer."""

import json
from typing import Any

import pytest

from tests.simulator.samples import CALCULATOR, TEXT, WEATHER, Json, ask, constrained, decision_schema, tool, user

QUESTION = "What is the weather in Paris?"
SUNNY = '{"city": "Paris", "degrees": 21.5, "sky": "sunny"}'
NUMBER: Json = {"type": "number"}
REPORT = tool("WeatherReport", "A report.", ("city", "degrees", "sky"), city=TEXT, degrees=NUMBER, sky=TEXT)
RESULT = tool("final_result", "The final response which ends this conversation", ("city", "sky"), city=TEXT, sky=TEXT)
ANSWER = tool("final_answer", "Provides a final answer to the given problem.", ("answer",), answer={"type": "any"})
SUBMIT = tool("submit", "Call this when you are done.", ("degrees",), degrees={"type": "integer"})
SHAPED = tool("emit", "Emit.", ("summary",), summary=TEXT)
MOVE = tool("transfer_to_weather_agent", "Handoff to the weather agent to handle the request.")
REFUND = tool("transfer_to_refunds", "Handoff to the refunds agent. It gives money back.")
ENDS = {
    "WeatherReport": (REPORT, {"city": "Paris", "degrees": 21.5, "sky": "sunny"}),
    "final_result": (RESULT, {"city": "Paris", "sky": "sunny"}),
    "final_answer": (ANSWER, {"answer": f"Here is what I found: {SUNNY}"}),
    "submit": (SUBMIT, {"degrees": 21}),
    "emit": (SHAPED, {"summary": f"Here is what I found: {SUNNY}"}),
}
WHOLE = SUNNY.replace("21.5", "21")


def made(question: str, *, messages: list[Json] | None = None, **more) -> list[tuple[str, Json]]:
    draft = ask(question, messages=messages or user(question), **more)
    return [(call.name, call.arguments) for call in draft.calls]


def after(*steps: tuple[str, Json, str], question: str = QUESTION) -> list[Json]:
    messages = user(question)
    for place, (name, arguments, result) in enumerate(steps):
        call = {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{place}", "content": result},
        ]
    return messages


FORECAST = ("get_weather", {"city": "Paris"}, SUNNY)


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", ENDS)
def test_work_comes_first_and_the_answer_is_called_with_what_was_found(name, order, choice):
    last, arguments = ENDS[name]
    tools = [WEATHER, CALCULATOR, last][::order]
    result = WHOLE if name == "submit" else SUNNY
    assert made(QUESTION, tools=tools, tool_choice=choice) == [("get_weather", {"city": "Paris"})]
    messages = after(("get_weather", {"city": "Paris"}, result))
    assert made(QUESTION, messages=messages, tools=tools, tool_choice=choice) == [(name, arguments)]


def test_facts_come_out_of_prose_and_lines_too():
    for said, degrees, sky in (("sunny, 21 °C", 21, "sunny, 21 °C"), ("sky: clear\ndegrees: 1,021.5", 1021.5, "clear")):
        messages = after(("get_weather", {"city": "Paris"}, said))
        [(_, arguments)] = made(QUESTION, messages=messages, tools=[WEATHER, REPORT], tool_choice="required")
        assert arguments == {"city": "Paris", "degrees": degrees, "sky": sky}


def test_an_answer_that_was_found_at_fault_is_called_again():
    messages = after(FORECAST, ("final_result", {"city": 1}, "1 validation error: city: should be text. Fix it."))
    [(name, _)] = made(QUESTION, messages=messages, tools=[WEATHER, RESULT], tool_choice="required")
    assert name == "final_result"


def test_after_an_answer_a_free_model_says_words():
    messages = after(FORECAST, ("WeatherReport", {"city": "Paris"}, "Delivered."))
    assert made(QUESTION, messages=messages, tools=[WEATHER, REPORT]) == []


def test_small_talk_ends_at_once_where_the_end_is_a_call():
    assert made("Hello!", tools=[WEATHER, ANSWER]) == [("final_answer", {"answer": "Hello! How can I help you today?"})]
    assert made("Hello!", tools=[WEATHER, REPORT]) == []
    [(name, _)] = made("Hello!", tools=[WEATHER, REPORT], tool_choice="required")
    assert name == "WeatherReport"


def test_a_lone_answer_tool_is_filled_from_the_question():
    asked: dict[str, Any] = {
        "tools": [REPORT],
        "tool_choice": {"type": "function", "function": {"name": "WeatherReport"}},
    }
    [(_, arguments)] = made("It is 18 degrees in Oslo, city=Oslo", **asked)
    assert (arguments["city"], arguments["degrees"]) == ("Oslo", 18)


def test_a_handoff_is_called_for_the_other_agents_task():
    assert made(QUESTION, tools=[REFUND, MOVE]) == [("transfer_to_weather_agent", {})]
    assert made("I want my money back", tools=[MOVE, REFUND]) == [("transfer_to_refunds", {})]
    assert made("Hello!", tools=[MOVE, REFUND]) == []


def test_after_a_handoff_the_other_agent_does_the_work():
    moved: tuple[str, dict[str, Any], str] = ("transfer_to_weather_agent", {}, '{"assistant": "Weather agent"}')
    assert made(QUESTION, messages=after(moved), tools=[WEATHER]) == [("get_weather", {"city": "Paris"})]
    draft = ask("", messages=after(moved, FORECAST), tools=[WEATHER])
    assert (draft.calls, draft.text) == ((), f"Here is what I found: {SUNNY}")


def test_a_schema_for_the_answer_is_filled_with_what_was_found():
    schema = REPORT["function"]["parameters"]
    draft = ask("", messages=after(FORECAST), response_format=constrained(schema))
    assert json.loads(draft.text or "") == {"city": "Paris", "degrees": 21.5, "sky": "sunny"}


def test_a_schema_in_the_prompt_is_followed_where_nothing_is_called():
    schema = json.dumps(REPORT["function"]["parameters"])
    prompt = (
        f"<functions>\n<function>{json.dumps(WEATHER['function'])}</function>\n</functions>\n"
        '<function_calls>\n<invoke name="TOOL_NAME">\n</invoke>\n</function_calls>\n'
        f"An answer without a call must be a JSON value that matches this schema: {schema}"
    )
    messages = [{"role": "system", "content": prompt}, *after(FORECAST)]
    draft = ask("", messages=messages, persona="plain-text")
    assert json.loads(draft.text or "") == {"city": "Paris", "degrees": 21.5, "sky": "sunny"}
    assert "<invoke" in (ask("", messages=messages[:2], persona="plain-text").text or "")


@pytest.mark.parametrize("name", ENDS)
def test_a_decision_calls_the_answer_too_whatever_its_name(name):
    last, arguments = ENDS[name]
    schema = decision_schema([WEATHER, last], forced=True)
    result = WHOLE if name == "submit" else SUNNY
    lines = "\n".join(json.dumps(entry["function"]) for entry in (WEATHER, last))
    system = {"role": "system", "content": f"<tools>\n{lines}\n</tools>"}
    found = f"<tool_result>\n{result}\n</tool_result>"
    messages = [system, *user(QUESTION), {"role": "assistant", "content": "Calling."}, *user(found)]
    draft = ask("", messages=messages, response_format=constrained(schema))
    assert json.loads(draft.text or "") == {"action": "call", "calls": [{"name": name, "arguments": arguments}]}


def test_a_comment_on_an_answer_is_not_part_of_an_observation():
    parts = ["Observation:\nsunny, 21 degrees", "That answer could not be used: it was no JSON object."]
    content = [{"type": "text", "text": text} for text in parts]
    messages = [
        *user(QUESTION),
        {"role": "assistant", "content": "Calling tools."},
        {"role": "user", "content": content},
    ]
    [(_, arguments)] = made(QUESTION, messages=messages, tools=[WEATHER, ANSWER], tool_choice="required")
    assert arguments == {"answer": "Here is what I found: sunny, 21 degrees"}
