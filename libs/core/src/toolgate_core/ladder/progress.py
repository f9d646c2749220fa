"""Progress of a run: its attempts, their tokens, and the answer that it has if no attempt follows.

Nothing here decides whether an attempt follows, or which of the last resorts comes first (`decisions` does). What is
kept for them: the best clean text, which under `auto` is still an answer, marked `degraded`; the failure of an upstream
that never answered, since "no valid call" would blame a model that was not asked; and what was wrong with the last
answer.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from toolgate_core.ladder.outcome import Attempt
from toolgate_core.types.failures import Failure
from toolgate_core.types.requests import Usage
from toolgate_core.types.vocabulary import AttemptOutcome

# Outcomes without an answer of the model.
_UPSTREAM = frozenset({AttemptOutcome.UPSTREAM_ERROR, AttemptOutcome.TIMEOUT, AttemptOutcome.UNSUPPORTED})


class BestText(Struct, frozen=True):
    """The best clean text of failed attempts. `disguised`: it is a call in disguise, and any other text is better."""

    attempt: Attempt
    text: str
    disguised: bool


class Progress:
    """Collects the ends of a run's attempts. `detail`: what was wrong with the last answer that could be read."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.best: BestText | None = None
        self.detail = ""
        self.failure: Failure | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens of all attempts so far."""
        usages = [attempt.spent for attempt in self.attempts if attempt.spent is not None]
        return sum(usages[1:], usages[0]) if usages else None

    def add(self, attempt: Attempt) -> None:
        """Add an attempt that has ended."""
        self.attempts.append(attempt)

    def correct(self, before: Attempt, after: Attempt) -> None:
        """Replace the record of an attempt whose outcome has turned out to be another one."""
        self.attempts[self.attempts.index(before)] = after

    def keep_text(self, attempt: Attempt, text: str, *, disguised: bool) -> None:
        """Keep the text of an attempt that failed: the first one that is not a call in disguise is the best."""
        if text.strip() and (self.best is None or self.best.disguised):
            self.best = BestText(attempt, text, disguised)

    def upstream_failure(self, first_refusal: Failure | None) -> Failure | None:
        """Return the failure of an upstream that never answered; None where it did."""
        failure = self.failure or first_refusal
        if failure is None or any(attempt.outcome not in _UPSTREAM for attempt in self.attempts):
            return None
        # A client may repeat a request that was tried once; one that was refused it has to change.
        if len(self.attempts) == 1 or failure.refused:
            return failure
        # The ladder has tried several times: a client that tries again would multiply that.
        return replace(failure, should_retry=False)
