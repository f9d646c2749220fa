from typing import Any

import pytest

from tests.simulator.samples import CALCULATOR, CLOCK, SYSTEM, TEXT, TOOLS, WEATHER, WHOLE, ask, called, tool, user
from tests.support.questions import plain_questions, tool_questions


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("What is 17 * 23?", [("calculator", {"expression": "17 * 23"})]),
        ("17 곱하기 23은?", [("calculator", {"expression": "17 * 23"})]),
        ("17かける23は?", [("calculator", {"expression": "17 * 23"})]),
        ("what is 15% of 240", [("calculator", {"expression": "240 * 15 / 100"})]),
        ("What is the square root of 144?", [("calculator", {"expression": "sqrt(144)"})]),
        ("What's 1,200 ÷ 4?", [("calculator", {"expression": "1200 / 4"})]),
        ("What's the weather in Tokyo tomorrow?", [("get_weather", {"city": "Tokyo"})]),
        (
            "Weather in Oslo for 3 days, in fahrenheit",
            [("get_weather", {"city": "Oslo", "days": 3, "unit": "fahrenheit"})],
        ),
        ("서울 날씨 어때?", [("get_weather", {"city": "서울"})]),
        ("東京の天気は?", [("get_weather", {"city": "東京"})]),
        ("How is the weather in Springfield?", [("get_weather", {"city": "Springfield"})]),
        ("What time is it in New York?", [("time_now", {"timezone": "America/New_York"})]),
        ("뉴욕은 지금 몇 시야?", [("time_now", {"timezone": "America/New_York"})]),
        ("What time is it?", [("time_now", {})]),
        ("How much memory and disk space is left?", [("system_info", {"sections": ["memory", "disk"]})]),
        ("システムの状態は?", [("system_info", {})]),
        ('Use get_weather with city="Rome" please', [("get_weather", {"city": "Rome"})]),
    ],
)
def test_a_question_becomes_the_call_that_it_asks_for(question, calls):
    assert called(question) == calls


@pytest.mark.parametrize(
    "question",
    [
        "Hello!",
        "Tell me a joke about the weather in Paris.",
        "What does CPU stand for?",
        "What is the capital of France?",
        "번역해줘: 오늘 서울 날씨가 좋다",
        "「今何時ですか」を英語に翻訳して。",
        "I was born on 2024-05-01 and work 24/7.",
        "Who wrote The Old Man and the Sea?",
    ],
)
def test_a_question_about_words_is_answered_in_words(question):
    draft = ask(question, tools=TOOLS)
    assert (draft.calls, bool(draft.text)) == ((), True)


def test_a_tool_that_does_not_fit_is_not_called():
    assert called("What is 17 * 23?", tools=[WEATHER]) == []
    assert called("What time is it in Tokyo?", tools=[WEATHER, SYSTEM]) == []
    assert called("What's the weather in Tokyo?", tools=[tool("set_weather_alarm", "Set an alarm", city=TEXT)]) == []


def test_two_parts_become_two_calls_when_that_is_allowed():
    question = "What's the weather in Tokyo and what time is it in London?"
    both = [("get_weather", {"city": "Tokyo"}), ("time_now", {"timezone": "Europe/London"})]
    assert called(question) == both
    assert called(question, parallel_tool_calls=False) == both[:1]
    assert called(question, persona="gpt-oss-20b-recent", seed=1) in (both[:1], [])


def test_arguments_follow_the_names_and_types_of_the_parameters():
    asked = "What's the weather in Paris for 5 days in celsius?"
    declared = tool(
        "forecast", "Weather forecast", ("place", "count_days"), place=TEXT, count_days=TEXT, metric={"type": "boolean"}
    )
    assert called(asked, tools=[declared]) == [("forecast", {"place": "Paris", "count_days": "5", "metric": True})]
    nested = tool(
        "weather",
        "Weather",
        ("location",),
        location={"type": "object", "properties": {"city": TEXT}, "required": ["city"]},
    )
    assert called(asked, tools=[nested]) == [("weather", {"location": {"city": "Paris"}})]
    several = tool("weather", "Weather", ("cities",), cities={"type": "array", "items": TEXT})
    assert called("Weather in Paris and Rome?", tools=[several]) == [("weather", {"cities": ["Paris", "Rome"]})]


def test_arithmetic_tools_with_operands_get_the_operands():
    multiply = tool("multiply", "Multiply two numbers", ("a", "b"), a=WHOLE, b=WHOLE)
    add = tool("add", "Add two numbers", ("a", "b"), a=WHOLE, b=WHOLE)
    general = tool("compute", "Math", ("op", "x", "y"), op={"enum": ["add", "mul"]}, x=WHOLE, y=WHOLE)
    assert called("What is 17 * 23?", tools=[add, multiply]) == [("multiply", {"a": 17, "b": 23})]
    assert called("What is 17 + 23?", tools=[general]) == [("compute", {"op": "add", "x": 17, "y": 23})]


def test_a_required_choice_calls_something_whatever_was_said():
    assert called("Hello!", tool_choice="required") != []
    named = {"type": "function", "function": {"name": "time_now"}}
    assert called("What is 17 * 23?", tool_choice=named) == [("time_now", {})]
    assert called("What is 17 * 23?", tool_choice="none") == []


def test_required_arguments_missing_in_the_question_are_invented_by_type():
    odd = tool(
        "file_ticket",
        "File a ticket",
        ("title", "level", "urgent", "kind", "tags"),
        title=TEXT,
        level={"type": "integer", "minimum": 3},
        urgent={"type": "boolean"},
        kind={"enum": ["bug", "wish"]},
        tags={"type": "array", "items": TEXT, "minItems": 1},
    )
    [(name, arguments)] = called("Please hurry", tools=[odd], tool_choice="required")
    assert name == "file_ticket"
    assert arguments == {"title": "Please hurry", "level": 3, "urgent": False, "kind": "bug", "tags": ["Please hurry"]}


def after(question: str, *results: str) -> list[dict[str, Any]]:
    calls = [
        {
            "id": f"call_{place}",
            "type": "function",
            "function": {"name": "get_weather", "arguments": f'{{"city": "{city}"}}'},
        }
        for place, city in enumerate(("Tokyo", "Paris")[: len(results)])
    ]
    answers = [{"role": "tool", "tool_call_id": f"call_{place}", "content": text} for place, text in enumerate(results)]
    return [*user(question), {"role": "assistant", "content": None, "tool_calls": calls}, *answers]


def test_results_are_quoted_in_the_language_of_the_question():
    draft = ask("", messages=after("What's the weather in Tokyo?", "sunny, 21 °C"), tools=TOOLS)
    assert (draft.calls, draft.text) == ((), "Here is what I found: sunny, 21 °C")
    assert "맑음" in (ask("", messages=after("도쿄 날씨 어때?", "맑음"), tools=TOOLS).text or "")


def test_the_second_part_of_a_question_is_called_after_the_first():
    question = "What's the weather in Tokyo and Paris?"
    first = ask("", messages=after(question, "sunny"), tools=TOOLS)
    assert [(call.name, call.arguments) for call in first.calls] == [("get_weather", {"city": "Paris"})]
    second = ask("", messages=after(question, "sunny", "rain"), tools=TOOLS)
    assert second.text == "Here is what I found: sunny; rain"


def test_a_new_question_after_results_is_a_new_question():
    messages = [
        *after("What's the weather in Tokyo?", "sunny"),
        {"role": "assistant", "content": "Sunny."},
        *user("What is 2 + 3?"),
    ]
    assert [call.arguments for call in ask("", messages=messages, tools=TOOLS).calls] == [{"expression": "2 + 3"}]


def test_a_strong_model_answers_the_question_bank_as_its_truth_says():
    questions = tool_questions(7, 500)
    right = [called(one.text, tools=list(one.tools)) == [(one.tool, one.arguments)] for one in questions]
    assert sum(right) / len(right) >= 0.998


def test_a_strong_model_calls_nothing_for_the_plain_questions_of_the_bank():
    assert [one.text for one in plain_questions(7, 300) if called(one.text, tools=list(one.tools))] == []


def test_content_in_parts_reads_like_content_in_one_piece():
    parts = [{"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "6 * 7?"}]}]
    assert [call.arguments for call in ask("", messages=parts, tools=[CALCULATOR, CLOCK]).calls] == [
        {"expression": "6 * 7"}
    ]
