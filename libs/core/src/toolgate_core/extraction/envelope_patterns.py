"""The patterns of an envelope's markers, compiled once for each grammar.

```
open  = tag with any attributes | token            close = "</" name ">" | token
edge  = close | open before "{" or "["             where a broken block ends at the latest (see `repair`)
```
An opener inside a broken block counts as an edge only where JSON follows it, because a string may mention the marker.
"""

from __future__ import annotations

from functools import cache

import regex
from msgspec import Struct

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES

EMPTY_LIST = regex.compile(r"\[\s{0,64}\]")


class EnvelopePatterns(Struct, frozen=True):
    """A grammar's markers, compiled; `empty` is all that is in a block without calls, and what closes it."""

    open: regex.Pattern[str]
    close: regex.Pattern[str]
    empty: regex.Pattern[str]
    edges: regex.Pattern[str]
    yaml_edge: regex.Pattern[str]


@cache
def envelope_patterns(grammar: EnvelopeGrammar) -> EnvelopePatterns:
    """Return the patterns of a grammar's markers."""
    tags = "|".join(regex.escape(f"<{tag}") + f"{ANY_ATTRIBUTES}>" for tag in grammar.tags)
    tokens = "|".join(map(regex.escape, grammar.tokens))
    opens = grammar.open or "|".join(filter(None, (tags, tokens)))
    closes = [rf"</\s*{regex.escape(tag)}\s*>" for tag in grammar.close_tags]
    close = grammar.close or "|".join((*closes, *map(regex.escape, grammar.close_tokens))) or "(?!)"
    return EnvelopePatterns(
        open=regex.compile(opens, regex.IGNORECASE),
        close=regex.compile(close, regex.IGNORECASE),
        empty=regex.compile(rf"(?:{EMPTY_LIST.pattern}\s{{0,64}})?+(?:{close})", regex.IGNORECASE),
        edges=regex.compile(rf"{close}|(?P<other>(?:{opens})\s*[{{\[])", regex.IGNORECASE),
        yaml_edge=regex.compile(rf"</[\w.:-]{{1,64}}\s*>|{opens}", regex.IGNORECASE),
    )
