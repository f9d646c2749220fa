"""The text answers of the simulated model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_simulator.arithmetic import evaluate, find_sums
from toolgate_simulator.intent import read_intents
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.values import Call, Language, Turn

_FOUND: dict[Language, str] = {
    "en": "Here is what I found: {}",
    "ko": "확인한 결과입니다: {}",
    "ja": "確認した結果です: {}",
}
_UNABLE: dict[Language, str] = {
    "en": "I cannot look that up from here, but I can tell you how to find it out.",
    "ko": "여기서는 직접 확인할 수 없지만, 알아보는 방법은 알려드릴 수 있습니다.",
    "ja": "ここでは確認できませんが、調べ方ならお伝えできます。",
}
_PLAIN: tuple[tuple[re.Pattern[str], dict[Language, str]], ...] = (
    (
        re.compile(
            r"^\s*(?:hi|hello|hey|good (?:morning|evening|afternoon))\b|안녕|반가|こんにちは|おはよう|こんばんは",
            re.IGNORECASE,
        ),
        {
            "en": "Hello! How can I help you today?",
            "ko": "안녕하세요! 무엇을 도와드릴까요?",
            "ja": "こんにちは！何をお手伝いしましょうか。",
        },
    ),
    (
        re.compile(r"\bthank|\bthanks\b|고마|감사|ありがとう", re.IGNORECASE),
        {"en": "You are welcome.", "ko": "천만에요.", "ja": "どういたしまして。"},
    ),
    (
        re.compile(r"\bjoke|농담|冗談", re.IGNORECASE),
        {
            "en": "Why did the scarecrow win a prize? Because it was outstanding in its field.",
            "ko": "세상에서 가장 뜨거운 과일은? 천도복숭아입니다.",
            "ja": "布団が吹っ飛んだ、というのはどうでしょう。",
        },
    ),
)
_WORDS: dict[Language, str] = {
    "en": "In a few words about “{}”: it depends on what you want to know, and I am glad to go into detail.",
    "ko": "“{}”에 대해 간단히 말씀드리면, 무엇을 알고 싶으신지에 따라 다르며 더 자세히 설명해 드릴 수 있습니다.",
    "ja": "「{}」について簡単に言うと、何を知りたいかによりますが、詳しくご説明できます。",
}


def answer_of(turn: Turn) -> str:
    """Return the answer in words, in the question's language: out of tools' results where there are some."""
    if turn.results:
        return _FOUND[turn.language].format("; ".join(one.strip() for one in turn.results))
    if sums := find_sums(turn.question):
        return "; ".join(f"{found.expression} = {evaluate(found.expression)}" for found in sums) + "."
    if read_intents(turn.question, ()):
        return _UNABLE[turn.language]
    for pattern, answers in _PLAIN:
        if pattern.search(turn.question):
            return answers[turn.language]
    return _WORDS[turn.language].format(turn.question.strip()[:80])


def thought_of(calls: Sequence[Call]) -> str:
    """Return the model's notes on what to do: which tool it should call with what, or that it needs none."""
    if not calls:
        return "I can answer this without a tool."
    return " ".join(f"I should call `{call.name}` with {dumps(call.arguments)}." for call in calls)
