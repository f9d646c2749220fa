"""What a model's upstream has shown that it refuses, remembered between requests so that no client pays for another.

A refusal proves little by itself: the request may be at fault, and its error may quote anything. So one is remembered
for the toolset that it was about, and for every toolset only after `DIFFERENT_TOOLSETS` of them were refused for a
feature. An acceptance proves a lot: what was accepted lately is not taken for unsupported, whatever another request
was told. Everything is forgotten after `ttl_s` seconds, since servers are upgraded.
"""

from __future__ import annotations

from typing import TypeAlias

from toolgate_core.limits import MAX_REMEMBERED_REFUSALS
from toolgate_core.types.requests import ChatRequest, ToolChoiceMode
from toolgate_core.types.vocabulary import Strategy

DIFFERENT_TOOLSETS = 3
"""Toolsets that have to be refused before a feature counts as missing for all of them."""

Form: TypeAlias = tuple[Strategy, bool, ToolChoiceMode, frozenset[str]]
"""What was asked for: strategy, constrained or not, the tool choice, and the fields that an upstream may not know."""

_NEVER = float("-inf")
_KNOWN = frozenset(
    (
        *("model", "messages", "tools", "tool_choice", "stream", "stream_options", "n", "stop", "user", "seed"),
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "frequency_penalty", "presence_penalty"),
    )
)
"""Fields that every server takes; any other one may be why a request is refused."""
_NO_FIELDS: frozenset[str] = frozenset()


def form_of(request: ChatRequest, strategy: Strategy, *, constrained: bool) -> Form:
    """Return what a request asks an upstream for under a strategy."""
    fields = _NO_FIELDS if _KNOWN.issuperset(request.body) else frozenset(request.body.keys() - _KNOWN)
    return strategy, constrained, request.tool_choice.mode, fields


class _Evidence:
    """What is known about one form, of one toolset or of all."""

    __slots__ = ("accepted_at", "refused_at")

    def __init__(self) -> None:
        self.accepted_at = _NEVER
        self.refused_at: dict[int, float] = {}


class LadderMemory:
    """One model's memory, shared by its requests. Times are seconds of the caller's clock."""

    def __init__(self, ttl_s: float = 60.0) -> None:
        self._ttl_s = ttl_s
        self._evidence: dict[tuple[Form, int | None], _Evidence] = {}
        self._refused_until = _NEVER
        self._simple_until = _NEVER

    def accept(self, form: Form, toolset: int, now: float) -> None:
        """Remember that the upstream took a request of this form."""
        for key in ((form, toolset), (form, None)):
            evidence = self._of(key)
            evidence.accepted_at = now
            evidence.refused_at.clear()

    def refuse(self, form: Form, toolset: int, now: float, *, feature: bool) -> None:
        """Remember that the upstream refused a request of this form.

        `feature`: it does not know a field or a feature; otherwise only this toolset's schemas are at fault.
        """
        self._refused_until = now + self._ttl_s
        for key in ((form, toolset), (form, None)) if feature else ((form, toolset),):
            evidence = self._of(key)
            if evidence.accepted_at + self._ttl_s > now:
                continue
            evidence.refused_at.pop(toolset, None)
            evidence.refused_at[toolset] = now
            if len(evidence.refused_at) > DIFFERENT_TOOLSETS:
                del evidence.refused_at[next(iter(evidence.refused_at))]

    def knows_refusals(self, now: float) -> bool:
        """Whether anything has been refused lately; else `unsupported` says no to all."""
        return self._refused_until > now

    def unsupported(self, form: Form, toolset: int, now: float) -> bool:
        """Whether a request of this form would be refused, as far as is known."""
        return self._refused(form, toolset, now) >= 1 or self._refused(form, None, now) >= DIFFERENT_TOOLSETS

    def simplify(self, now: float) -> None:
        """Remember that the upstream took a history only after it had been simplified."""
        self._simple_until = now + self._ttl_s

    def wants_simple(self, now: float) -> bool:
        """Whether histories have to be simplified at once."""
        return self._simple_until > now

    def _refused(self, form: Form, toolset: int | None, now: float) -> int:
        evidence = self._evidence.get((form, toolset))
        if evidence is None:
            return 0
        return sum(at + self._ttl_s > now for at in evidence.refused_at.values())

    def _of(self, key: tuple[Form, int | None]) -> _Evidence:
        """Return the evidence for `key`, from now on the newest; the oldest gives way."""
        evidence = self._evidence.pop(key, None) or _Evidence()
        self._evidence[key] = evidence
        if len(self._evidence) > MAX_REMEMBERED_REFUSALS:
            del self._evidence[next(iter(self._evidence))]
        return evidence
