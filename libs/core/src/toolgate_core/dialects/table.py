"""The table of dialects. A new one is a file, a row here, and a folder of cases among the tests."""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from toolgate_core.dialects.base import AnyGrammar, Dialect
from toolgate_core.dialects.decision import DECISION
from toolgate_core.dialects.function_calls import FUNCTION_CALLS
from toolgate_core.dialects.harmony import HARMONY
from toolgate_core.dialects.hermes import HERMES

_TEXT = (FUNCTION_CALLS, HERMES, HARMONY)

PROSE_SAFE: tuple[AnyGrammar, ...] = tuple(
    grammar for dialect in _TEXT if dialect.prose_safe for grammar in dialect.grammars
)
"""The grammars whose openers cannot be ordinary prose."""

AUTO = replace(FUNCTION_CALLS, name="auto", grammars=PROSE_SAFE)

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (*_TEXT, DECISION, AUTO)}


def dialect_names() -> tuple[str, ...]:
    """Return the names of all dialects."""
    return tuple(DIALECTS)


@cache
def grammars_of(name: str) -> tuple[AnyGrammar, ...]:
    """Return what to look for when dialect `name` was asked for: its grammars first, then all that are prose-safe.

    A model that was asked for one dialect may fall back to the one it was trained on.
    """
    return tuple(dict.fromkeys((*DIALECTS[name].grammars, *PROSE_SAFE)))
