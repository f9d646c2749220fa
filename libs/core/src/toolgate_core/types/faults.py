"""Faults: what a model did wrong. A fault is data: the ladder decides on it, and a retry quotes it to the model."""

from __future__ import annotations

from msgspec import Struct

from toolgate_core.types.vocabulary import AttemptOutcome


class Fault(Struct, frozen=True):
    """One thing that is wrong with an answer.

    Attributes:
        reason: the outcome of an attempt that fails with this fault, one of `FALLBACK_REASONS`.
        detail: one or two sentences that a model can act on; they name the tool and the field, and quote no more of the
            text than that needs.
        raw: the beginning of what the model wrote, so that a retry can show the model its own answer.
    """

    reason: AttemptOutcome
    detail: str
    raw: str = ""
