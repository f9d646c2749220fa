"""Where a string in a Python call ends: what may be after its closing quote, by the brackets around it.

```
f(cmd='sed -n '360,450p' file', n=1)          the second and third quote are the string's own
```
Models do not escape quotes inside strings. So a quote ends the string only if what follows it goes on as the grammar
says: closing brackets in their order, then a comma and the next argument, or the end of the call and of the block.
Inner quotes come in pairs (`InnerQuotes`), and a name that no tool declares is not the next argument but part of the
string. Where two readings are possible the call is incomplete: a cut string would be a valid call with a wrong meaning.

The brackets around a place are a string of the one-letter kinds below, the innermost last. It is a string because it is
built for every value and compared by character. What must be read to decide is at most MAX_AHEAD characters, so that
reading stays linear; with more white space than that the quote does not end the string.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import cache

import regex

from toolgate_core.dialects.base import PythonGrammar
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.schema.quotes import Follows, InnerQuotes

MAX_AHEAD = 400
"""Characters after a quote that may be looked at."""
NAMED, POSITIONAL = "a", "p"
"""Arguments of a call: those that must have names from here on, those that may be without."""
LIST, TUPLE, FIRST_IN_BRACES, MAPPING_KEY, MAPPING_VALUE = "[", "(", "{", "k", "v"
"""Inside brackets; the first thing in braces may be a key or an item of a set."""
_CLOSERS = {
    NAMED: ")", POSITIONAL: ")", LIST: "]", TUPLE: ")", FIRST_IN_BRACES: "}", MAPPING_VALUE: "}", MAPPING_KEY: "",
}  # fmt: skip
_SPACE = regex.compile(r"\s*+")
_KEYWORD = regex.compile(r"""(?P<quote>["']?)(?P<key>[A-Za-z_][\w\-]{0,255}+)(?P=quote)\s{0,16}[=:](?!=)""")
_VALUE = regex.compile(r"""["'\[({]|[-+]?\.?\d|[bBrRfFuU]{1,2}["']|(?:[Tt]rue|[Ff]alse|None|null)\b""")
_LINE = regex.compile(r"[^\n<]*+")
_ENDS_AGAIN = regex.compile(r"""["']\s{0,16}[\])]""")
_GLUED = r"(?P<glued>[A-Za-z_][\w.\-]{0,255}+)\s{0,16}\("
_CALL = r"(?P<call>[A-Za-z_][\w.\-]{0,255}+)\s{0,16}\("


@cache
def call_end(grammar: PythonGrammar, *, listed: bool) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    """Return the patterns of what may be after a call's `)`, and of what ends the block there."""
    close = f"(?:{grammar.close})" if grammar.close else "(?!)"
    line = r"[ \t;]*+(?:\r?\n|<\||`)" if grammar.bare else "(?!)"
    if listed:
        goes_on = rf"\s*+(?:(?P<list>\])|[,;]\s*+(?:(?P<list>\])|{_CALL})|{_GLUED}|{close})"
        ends = rf"\s*+(?:\]?+\s*+{close}|\]{line})"
        return regex.compile(goes_on, regex.IGNORECASE), regex.compile(ends, regex.IGNORECASE)
    printed = r"(?:[ \t]*+\))?+" if grammar.statements else ""
    goes_on = rf"{printed}[ \t]*+(?:\r?\n|[,;]\s*+{_CALL}|{_GLUED}|<\||`|(?P<list>(?!)))|\s*+{close}"
    ends = rf"{printed}[ \t]*+[,;]?+\s*+{close}"
    return regex.compile(goes_on, regex.IGNORECASE), regex.compile(ends, regex.IGNORECASE)


class QuoteContext:
    """Decides what follows a quote in the arguments of one call.

    Args:
        cursor: the text.
        ends: what may be after the call, and what ends the block there (see `call_end`).
        parameters: the names of the declared parameters; empty where the tool declares none.
        tools: the names of all tools.
    """

    def __init__(
        self,
        cursor: Cursor,
        ends: tuple[regex.Pattern[str], regex.Pattern[str]],
        parameters: AbstractSet[str],
        tools: AbstractSet[str],
    ) -> None:
        self._cursor = cursor
        self._goes_on, self._ends = ends
        self._declares = bool(parameters)
        self._names = parameters | tools

    def after_quote(self, stack: str, skip: int, *, inner: InnerQuotes) -> Steps[Follows]:
        """Return what is `skip` characters from here; `inner` are the quotes inside the string so far.

        Where there has been one, an undeclared name is part of the string.
        """
        cursor = self._cursor
        while True:
            at = cursor.pos + skip
            found = self._after(stack, at, ended=cursor.end is not None or cursor.remaining - skip >= MAX_AHEAD)
            # The name of the next argument or call, or what looks like one.
            if isinstance(found, str):
                doubtful = inner.open or (inner.any and self._declares)
                return Follows.NOT if doubtful and found not in self._names else Follows.VALUE
            if found is not Follows.WAIT:
                return found
            yield from cursor.wait()

    def _after(self, stack: str, at: int, *, ended: bool) -> Follows | str:
        """Return what is at a place of the text, or the name of the argument or the call that begins there."""
        text = self._cursor.text
        limit = at + MAX_AHEAD
        # From the innermost bracket outwards: each must be closed by its own closer, or go on after a comma.
        for level in range(len(stack) - 1, -1, -1):
            place = _space(text, at, limit)
            char = text[place : place + 1] if place < limit else ""
            if not char:
                return self._at_end(ended=ended)
            if char == "," or (char == ":" and stack[level] in (FIRST_IN_BRACES, MAPPING_KEY)):
                found = self._after_comma(stack[level], char, (place + 1, limit), ended=ended)
                if found is not None:
                    return found
                place = _space(text, place + 1, limit)
                char = text[place]
            if char != _CLOSERS[stack[level]]:
                return Follows.NOT
            at = place + 1
        return self._after_call(at, limit, ended=ended)

    def _at_end(self, *, ended: bool) -> Follows:
        if not ended:
            return Follows.WAIT
        return Follows.END if self._cursor.end is not None else Follows.NOT

    def _after_comma(self, kind: str, char: str, span: tuple[int, int], *, ended: bool) -> Follows | str | None:
        """Return what is after a comma, or after the colon of a key; none where the closer does."""
        if char == ":":
            return Follows.VALUE
        if kind == MAPPING_KEY:
            return Follows.NOT
        text, limit = self._cursor.text, span[1]
        place = _space(text, *span)
        if place >= min(len(text), limit):
            return self._at_end(ended=ended)
        if text[place] == _CLOSERS[kind]:
            return None
        if kind in (NAMED, POSITIONAL):
            match = _KEYWORD.match(text, place, limit, partial=not ended)
            if match is not None:
                return Follows.WAIT if match.partial or (not ended and match.end() == len(text)) else str(match["key"])
            if kind == NAMED:
                return Follows.NOT
        match = _VALUE.match(text, place, limit, partial=not ended)
        if match is not None and match.partial:
            return Follows.WAIT
        return Follows.NOT if match is None else Follows.VALUE

    def _after_call(self, at: int, limit: int, *, ended: bool) -> Follows | str:
        """Return what is after the parenthesis of the call."""
        text = self._cursor.text
        if not text[at:limit].strip(" \t\r\n]};`") and ended:
            return self._at_end(ended=True)
        # An end of the block beats everything: after it nothing of this call can be.
        last = self._ends.match(text, at, limit, partial=not ended)
        goes_on = self._goes_on.match(text, at, limit, partial=not ended)
        if last is not None and not last.partial:
            return Follows.END
        if last is not None or (goes_on is not None and goes_on.partial):
            return Follows.WAIT
        if goes_on is None:
            # The limit cut the text after the call: what is there is the beginning of an end.
            cut = self._cursor.end in ("length", "cut") and self._goes_on.fullmatch(text, at, limit, partial=True)
            return Follows.END if cut else Follows.NOT
        if goes_on["list"]:
            return self._after_list(goes_on.end(), limit, ended=ended)
        # `f('a')g(…`: two calls without anything between, if a tool has this name.
        if goes_on["glued"] and goes_on["glued"] not in self._names:
            return Follows.NOT
        return str(goes_on["call"]) if goes_on["call"] else Follows.VALUE

    def _after_list(self, at: int, limit: int, *, ended: bool) -> Follows:
        """Return what is after the bracket of the list: another end like this one on the line was the real one."""
        line = _LINE.match(self._cursor.text, at, limit)
        assert line is not None  # the pattern matches the empty string
        if line.end() == len(self._cursor.text) and not ended:
            return Follows.WAIT
        return Follows.VALUE if _ENDS_AGAIN.search(line.group()) is None else Follows.NOT


def _space(text: str, at: int, limit: int) -> int:
    match = _SPACE.match(text, at, limit)
    assert match is not None  # the pattern matches the empty string
    return match.end()
