"""Observations of a server and verdicts on them: plain values, shared by reading, symptoms and checks."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Level: TypeAlias = Literal["ok", "warn", "fail"]

Odd: TypeAlias = Literal[
    "",
    "address",
    "refused",
    "reset",
    "tls",
    "certificate",
    "not_http",
    "own_timeout",
    "too_large",
    "redirect",
    "html",
    "empty",
    "not_json",
    "cut_json",
    "no_choices",
    "no_message",
    "not_streamed",
    "streamed",
    "bad_event",
    "error_event",
    "cut",
    "no_finish",
    "no_done",
    "media_type",
]
"""What is wrong with an answer as HTTP or as JSON; empty: nothing."""


class Call(Struct, frozen=True):
    """A call in an answer; `arguments` is its text, `problem` a violation of OpenAI's format."""

    name: str
    arguments: str
    problem: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: the HTTP status; 0 where no answer came.
        odd: what is wrong with it, as HTTP or JSON.
        detail: the evidence, in one short line.
        code: the error's code, empty for none.
        message: the error's message.
        content: the answer's text.
        reasoning: its `reasoning` or `reasoning_content`.
        calls: its calls.
        finish: its finish reason.
        priority: the serving strategy in the gateway's header; empty without one.
        seconds: the time that it took.
    """

    status: int = 200
    odd: Odd = ""
    detail: str = ""
    code: str = ""
    message: str = ""
    content: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    priority: str = ""
    seconds: float = 0.0


class Verdict(Struct, frozen=True):
    """The result of a check: one line with the finding, and how to fix it.

    `ends`: the finding is not about tools, so that further checks of this model would only repeat it.
    """

    level: Level
    text: str
    remedy: str = ""
    ends: bool = False
