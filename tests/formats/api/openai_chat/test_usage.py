"""The usage of an answer counts its prompt once, whatever the number of choices."""

from __future__ import annotations

from toolgate_core.ladder import Answer
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import Strategy
from toolgate_formats.api.openai_chat.usage import serving_usage


def answer(usage: Usage | None) -> Answer:
    return Answer(finish_reason="stop", strategy=Strategy.NATIVE, usage=usage)


def test_the_choices_of_an_answer_share_their_prompt() -> None:
    answers = [answer(Usage(9, 4, 2, 1, {"x": 1})), answer(None), answer(Usage(9, 5, 2, 3))]
    assert serving_usage(answers) == Usage(9, 9, 2, 4, {"x": 1})
    assert serving_usage([answer(None)]) is None
