"""What a doctor sees, and what it says of it. Plain values, shared by reading, symptoms and checks."""

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
"""What is odd about an answer as HTTP or as JSON; empty: nothing."""


class Call(Struct, frozen=True):
    """A call as it came; `arguments` is its text, `problem` what is wrong with its form."""

    name: str
    arguments: str
    problem: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: the HTTP status; 0 where no answer came.
        odd: what is odd about it, as HTTP or JSON.
        detail: the odd thing itself, in one short line.
        code: the error's code, empty for none.
        message: the error's message.
        content: the answer's text.
        reasoning: what it has as `reasoning` or `reasoning_content`.
        calls: its calls.
        finish: its finish reason.
        priority: the strategy that served it, as the gateway's header says; empty where it says none.
        seconds: how long it took.
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
    """What a check comes to: in one line what is, or what is wrong and what mends it.

    `ends`: it has nothing to do with tools, so no further question of this model could bring more.
    """

    level: Level
    text: str
    remedy: str = ""
    ends: bool = False
