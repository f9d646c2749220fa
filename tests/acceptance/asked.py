"""A question and its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from tests.acceptance.driver import Outcome
from tests.support.questions import Question


@dataclass
class Asked:
    """`began` and `ended` are seconds since the start of the run."""

    question: Question
    outcome: Outcome
    began: float = 0.0
    ended: float = 0.0

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """The calls that were delivered; a text that is not JSON fails the test here."""
        return [(name, json.loads(text)) for name, text in self.outcome.calls]

    @property
    def valid(self) -> bool:
        """Whether calls were delivered, and each fits its tool's schema."""
        schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in self.question.tools}
        return bool(self.calls) and all(
            name in schemas and jsonschema_rs.is_valid(schemas[name], arguments) for name, arguments in self.calls
        )

    @property
    def right(self) -> bool:
        """Whether the one right call was delivered."""
        return self.calls == [(self.question.tool, self.question.arguments)]


def body_of(question: Question, model: str, choice: str) -> dict[str, Any]:
    """Return the request that asks a question."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": question.text}],
        "tools": question.tools,
        "tool_choice": choice,
    }


def shown(asked: list[Asked]) -> str:
    """Return the first of these, a line each, for a failed test."""
    return "\n".join(
        f"{one.question.text!r}: {one.outcome.calls or one.outcome.error or one.outcome.content!r}, right is "
        f"{one.question.tool}({json.dumps(one.question.arguments, ensure_ascii=False)}) by {one.outcome.attempts}"
        for one in asked[:10]
    )
