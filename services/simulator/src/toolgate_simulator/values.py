"""The values that the parts of the simulated model exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
MISSING: Any = object()
"""No value, where None is one."""
ANSWER_KEYS = frozenset(
    {"answer", "response", "reply", "text", "message", "content", "final_answer", "final", "output"}
)
"""Properties that hold an answer in words."""
SUMMARY_KEYS = ANSWER_KEYS | {"result", "final_result", "summary", "conclusion"}
"""The same, with those that an answer of another form may have beside facts."""
Language = Literal["en", "ko", "ja"]
Kind = Literal["arithmetic", "weather", "time", "system", "named"]


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model reads it: its name, what it is for, and the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Json


@dataclass(frozen=True)
class Call:
    """A call that the model means to make."""

    name: str
    arguments: Json


@dataclass(frozen=True)
class Intent:
    """One thing that a question asks for; `slots` are the facts that the text gives, by meaning."""

    kind: Kind
    position: int
    slots: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What the model will do: make calls, or say `text` (also what it would say if it ignored its tools)."""

    calls: tuple[Call, ...]
    text: str
    thought: str


@dataclass(frozen=True)
class Turn:
    """A conversation as the model understands it, at the point where it has to speak.

    Attributes:
        question: the last thing that the user asked.
        language: the question's language.
        results: what tools have answered since the question.
        done: calls made since the question.
        draft: the model's own notes on what to do, where the prompt holds some.
        instructions: everything that a system or developer message says.
    """

    question: str
    language: Language
    results: tuple[str, ...] = ()
    done: tuple[Call, ...] = ()
    draft: str = ""
    instructions: str = ""
