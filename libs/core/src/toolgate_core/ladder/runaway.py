"""Detects runaway answers: the same call repeated, or endless white space.

Small models under a grammar do both: a list of calls may always have one more, and JSON allows white space anywhere.
Without a bound such an answer costs all of its tokens, and the client waits for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from toolgate_core.limits import MAX_BLANK, MAX_CALLS, MAX_EQUAL_CALLS


def too_many(calls: Sequence[tuple[str, str]]) -> str:
    """Return one sentence on too many equal calls (same name and arguments); empty if there are not too many.

    `MAX_EQUAL_CALLS` and fewer are never too many, and need not be asked for.
    """
    if len(calls) > MAX_CALLS:
        return f"The answer held more than {MAX_CALLS} tool calls."
    # Equal arguments as well as names: a model may call one tool for each of many items.
    (name, _), count = Counter(calls).most_common(1)[0]
    return f"The same call to {name[:80]} was repeated {count} times." if count > MAX_EQUAL_CALLS else ""


class Blanks:
    """Counts the white space at the end of a text that arrives in chunks."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run = 0

    def feed(self, text: str) -> bool:
        """Return whether the text has run away into white space."""
        blank = len(text) - len(text.rstrip())
        # A chunk of white space alone continues the run; after any other one only its last blanks count.
        self._run = self._run + blank if blank == len(text) else blank
        return self._run > MAX_BLANK
