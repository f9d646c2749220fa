"""Remembers the refusals of a model's upstream in this process, so that requests skip forms that would fail.

A refusal proves little by itself: the request may be at fault, and its error may quote anything. So one is remembered
for the toolset that it was about, and for every toolset only after `DIFFERENT_TOOLSETS` of them were refused for a
feature. An acceptance proves a lot: what was accepted recently does not count as unsupported, whatever others observe.
Everything is forgotten after `ttl_s` seconds, since servers are upgraded.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.ladder.knowledge import (
    NOTHING_KNOWN,
    Form,
    FormAccepted,
    FormRefused,
    Knowledge,
    Observation,
)
from toolgate_core.limits import MAX_REMEMBERED_REFUSALS

DIFFERENT_TOOLSETS = 3
"""Toolsets that have to be refused before a feature counts as missing for all of them."""

_NEVER = float("-inf")


class _Evidence:
    """What is known about one form, of one toolset or of all."""

    __slots__ = ("accepted_at", "refused_at")

    def __init__(self) -> None:
        self.accepted_at = _NEVER
        self.refused_at: dict[int, float] = {}


class LadderMemory:
    """Remembers refusals of one model for `ttl_s` seconds: the in-memory adapter of `LearnedKnowledge`."""

    def __init__(self, ttl_s: float = 60.0) -> None:
        self._ttl_s = ttl_s
        self._evidence: dict[tuple[Form, int | None], _Evidence] = {}
        self._refused_until = _NEVER
        self._simple_until = _NEVER

    def snapshot(self, tools_json: bytes, now: float) -> Knowledge:
        """Return what is known now about requests with these tools."""
        simple = self._simple_until > now
        if self._refused_until <= now:
            # As nearly always: nothing was refused recently, and no form has to be looked at.
            return Knowledge(simple_history=True) if simple else NOTHING_KNOWN
        # A hash instead of the text, so that the memory keeps no client's tools.
        toolset = hash(tools_json)
        unsupported = [form for form, of in self._evidence if of is None and self._missing(form, now)]
        unsupported += [form for form, of in self._evidence if of == toolset and self._refused(form, toolset, now)]
        return Knowledge(unsupported=frozenset(unsupported), simple_history=simple)

    def fold(self, tools_json: bytes, observations: Sequence[Observation], now: float) -> None:
        """Remember what a run has observed; `now`: seconds of a monotonic clock."""
        toolset = hash(tools_json)
        for observation in observations:
            match observation:
                case FormAccepted(form):
                    self._accept(form, toolset, now)
                case FormRefused():
                    self._refuse(observation, toolset, now)
                case _:
                    self._simple_until = now + self._ttl_s

    def _accept(self, form: Form, toolset: int, now: float) -> None:
        # What one toolset was accepted with speaks for all: the upstream knows the feature.
        for key in ((form, toolset), (form, None)):
            evidence = self._of(key)
            evidence.accepted_at = now
            evidence.refused_at.clear()

    def _refuse(self, refused: FormRefused, toolset: int, now: float) -> None:
        form = refused.form
        self._refused_until = now + self._ttl_s
        for key in ((form, toolset), (form, None)) if refused.feature else ((form, toolset),):
            evidence = self._of(key)
            # Accepted recently: the reason for this refusal is in the request.
            if evidence.accepted_at + self._ttl_s > now:
                continue
            # Popped first, so that the newest stands last and the oldest is forgotten.
            evidence.refused_at.pop(toolset, None)
            evidence.refused_at[toolset] = now
            if len(evidence.refused_at) > DIFFERENT_TOOLSETS:
                del evidence.refused_at[next(iter(evidence.refused_at))]

    def _missing(self, form: Form, now: float) -> bool:
        """Whether a form was refused for so many toolsets that it counts as missing for all."""
        return self._refused(form, None, now) >= DIFFERENT_TOOLSETS

    def _refused(self, form: Form, toolset: int | None, now: float) -> int:
        """Return how many toolsets were refused recently."""
        return sum(at + self._ttl_s > now for at in self._evidence[form, toolset].refused_at.values())

    def _of(self, key: tuple[Form, int | None]) -> _Evidence:
        """Return the evidence for `key`, which becomes the newest; the oldest is forgotten when there is too much."""
        evidence = self._evidence.pop(key, None) or _Evidence()
        self._evidence[key] = evidence
        if len(self._evidence) > MAX_REMEMBERED_REFUSALS:
            del self._evidence[next(iter(self._evidence))]
        return evidence
