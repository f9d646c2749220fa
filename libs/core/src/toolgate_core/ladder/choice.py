"""One choice of the answer: what the ladder runs that produce it share.

A request has `n` choices, each with its own runs; all choices share the ids of calls, so that no two calls of an
answer have the same. A choice usually takes one run. Where the gateway executes tools itself it takes several, one
after another: a run returns the calls that are the gateway's, and the next one continues with their results. Its
events continue those of the run before: indexes of calls count on, and the tokens of all runs are summed.
"""

from __future__ import annotations

from collections.abc import Callable

from toolgate_core.ladder.outbox import Outbox
from toolgate_core.types.requests import Usage


class Choice:
    """What all runs of one choice share. `new_id` makes ids of calls; `ids`: those that the answer uses already."""

    def __init__(self, new_id: Callable[[], str], ids: set[str] | None = None) -> None:
        self.outbox = Outbox(new_id, set() if ids is None else ids)
        self.usage: Usage | None = None

    def add_usage(self, usage: Usage | None) -> None:
        """Add the tokens of an attempt."""
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage + usage
