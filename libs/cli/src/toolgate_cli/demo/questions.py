"""The questions of the demo, and the expected calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionFunctionToolParam


class Question(Struct, frozen=True):
    """A question, and the one call that answers it."""

    text: str
    tool: str
    arguments: dict[str, object]


QUESTIONS = (
    Question("What is the weather in Paris?", "get_weather", {"city": "Paris"}),
    Question("What is 23 * 19?", "calculator", {"expression": "23 * 19"}),
    Question("서울 날씨 알려줘.", "get_weather", {"city": "서울"}),
    Question("What is the forecast for Oslo for the next 3 days?", "get_weather", {"city": "Oslo", "days": 3}),
    Question("What is (17 + 4) * 12?", "calculator", {"expression": "(17 + 4) * 12"}),
    Question("東京の天気は？", "get_weather", {"city": "東京"}),
)
LOOP_QUESTION = Question("What is 1234 * 5678?", "calculator", {"expression": "1234 * 5678"})
LOOP_RESULT = "7006652"

CALCULATOR: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Evaluate an arithmetic expression.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
            "additionalProperties": False,
        },
    },
}
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city, now or for the next days.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
TOOLS = (CALCULATOR, WEATHER)
