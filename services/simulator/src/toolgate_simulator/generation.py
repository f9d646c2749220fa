"""An answer as tokens come out of an engine: cut at `max_tokens` and at stop strings, with its finish reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from toolgate_simulator import tokens
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.mishaps import Draft
from toolgate_simulator.values import Json

_RUNAWAY = 2_000
"""Tokens of an answer without end where the request sets no limit."""
Part = Literal["reasoning", "text", "name", "arguments"]


@dataclass(frozen=True)
class Token:
    """One token: which part of the answer it belongs to, and of which call."""

    part: Part
    text: str
    call: int = 0


@dataclass(frozen=True)
class Generation:
    """The tokens of one choice and how it ended.

    Attributes:
        tokens: every token, in order; a call's name is one token that opens it.
        finish: vLLM's finish reason.
        stop_reason: the stop string that ended it, if one did.
        null: the content is null (an engine's empty answer).
        fate: what happens on the way, as in `Draft`.
    """

    tokens: tuple[Token, ...]
    finish: str
    stop_reason: str | None = None
    null: bool = False
    fate: str = ""

    def text(self, part: Part, call: int = 0) -> str:
        """Return the text of one part."""
        return "".join(token.text for token in self.tokens if token.part == part and token.call == call)

    @property
    def calls(self) -> int:
        """The number of calls that were started."""
        return sum(token.part == "name" for token in self.tokens)


def generate(draft: Draft, body: Json) -> Generation:
    """Return the tokens of an answer under a request's limits."""
    text, hit = _stopped(draft.text or "", _stops(body))
    pieces = [Token("reasoning", piece) for piece in tokens.split(draft.reasoning)]
    pieces += [Token("text", piece) for piece in tokens.split(text)]
    if hit is None:
        pieces += _call_tokens(draft)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if draft.fate == "runs_away":
        last = pieces[-1]
        pieces += [Token(last.part, " ", last.call)] * ((limit or _RUNAWAY) - len(pieces))
        return Generation(tuple(pieces[: limit or _RUNAWAY]), "length", fate=draft.fate)
    if limit is not None and len(pieces) > limit:
        return Generation(tuple(pieces[: int(limit)]), "length", fate=draft.fate)
    return Generation(
        tuple(pieces),
        _finish_reason(draft, body, stopped=hit is not None),
        hit,
        null=draft.text is None and not draft.calls,
        fate=draft.fate,
    )


def _call_tokens(draft: Draft) -> list[Token]:
    pieces: list[Token] = []
    for place, call in enumerate(draft.calls):
        arguments = draft.damaged[place] if draft.damaged else dumps(call.arguments)
        pieces.append(Token("name", call.name, place))
        pieces += [Token("arguments", piece, place) for piece in tokens.split(arguments)]
    return pieces


def _finish_reason(draft: Draft, body: Json, *, stopped: bool) -> str:
    """Return `stop` for a named choice, as OpenAI does, and `tool_calls` for every other answer with calls."""
    choice = body.get("tool_choice")
    called = draft.calls and not stopped and not isinstance(choice, dict)
    return "tool_calls" if called or (draft.fate == "swallowed" and choice == "required") else "stop"


def _stops(body: Json) -> Sequence[str]:
    stop: Any = body.get("stop") or []
    return [stop] if isinstance(stop, str) else [one for one in stop if isinstance(one, str) and one]


def _stopped(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    hits = sorted((text.find(stop), stop) for stop in stops if stop in text)
    return (text[: hits[0][0]], hits[0][1]) if hits else (text, None)


def chunked(generation: Generation, size: int) -> list[list[Token]]:
    """Return the tokens in chunks of `size`; a chunk holds one part of one call, and a name stands alone."""
    chunks: list[list[Token]] = []
    for token in generation.tokens:
        last = chunks[-1] if chunks else []
        same = last and last[-1].part == token.part != "name" and last[-1].call == token.call
        if same and len(last) < size:
            last.append(token)
        else:
            chunks.append([token])
    return chunks


def prompt_tokens(body: Json) -> int:
    """Return how many tokens a request's messages and tools have."""
    said = sum(4 + tokens.count(dumps(message.get("content") or "")) for message in body["messages"])
    return said + (tokens.count(dumps(body["tools"])) if body.get("tools") else 0)
