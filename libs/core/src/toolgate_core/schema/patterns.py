r"""The cost of a client's regular expression, estimated from its text before it is compiled.

The engine (Rust's `regex`) is linear in the text that it searches, but compiling is not linear in the pattern: a
counted repetition becomes as many copies of what it repeats, and a class of Unicode characters is a large automaton
itself. Measured: `\p{L}{200}` takes 50 ms and megabytes. Nested counts multiply, so that a short pattern can mean
billions of states; the sum saturates at `_MOST`.

The estimate is in copies of a single letter. It reads tokens and not the full grammar; a token that is read wrongly
costs a factor, never a missed repetition. Look-around and backreferences need the backtracking engine, which runs
within a budget of steps.
"""

from __future__ import annotations

import re

# The class is possessive, so that one without an end is read once.
_TOKEN = re.compile(
    r"\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:[^\]\\]|\\.)*+\]?"
    r"|\((?:\?(?:<[=!]|[=!>:(]|P?<\w*>|[a-zA-Z-]*[:)]?))?|\)|\||\{\d+(?:,\d*)?\}|[*+?]\+?|.",
    re.DOTALL,
)
_COUNTED = re.compile(
    r"\^(?P<one>\\[pP]\{[^}]*\}|\\[wWdDsS]|\.|\[\^?(?:[^\[\]\\]|\\.)+\])(?:\{\d+(?:,\d*)?\}|[*+?])\$", re.DOTALL
)
"""One repeated class of characters, from the start of a text to its end."""
_COUNTS = re.compile(r"\d+")
# Look-around, atomic groups and conditions: Rust's `regex` leaves them out to stay linear.
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?(")
# Possessive repetition belongs to the backtracking engine too.
_POSSESSIVE = ("*+", "++", "?+")
# The escapes that begin a backreference by number or name, and `\G` and `\K`.
_BACK = tuple("123456789kGK")
_WIDE = 1_000
"""States of a class of Unicode characters such as `\\p{L}`: measured against copies of a letter."""
_NEGATED = 15
"""States of a negated class: its UTF-8 automaton covers all other characters."""
_WITH_NEGATED = re.compile(r"\[\^?(?:[^\\]|\\[^DWS])*+\\[DWS]", re.DOTALL)
"""A class that contains a negated one, as `[\\s\\S]` does."""
_MOST = 10**9
"""More states than any bound allows; larger numbers would only slow down the sum."""


def count_states(pattern: str) -> int:
    """Return about how many states a pattern compiles to, in copies of a single letter."""
    outer: list[int] = []
    done = last = 0
    for token in _TOKEN.findall(pattern):
        # `done` counts what is before the last item of the group, `last` that item, which a repetition would multiply.
        if token[0] == "(" and token[-1] != ")":
            outer.append(done + last)
            done = last = 0
        elif token == ")":
            # A closed group is one item of the group around it, and a repetition after it repeats all of it.
            last, done = done + last, outer.pop() if outer else 0
        elif token[0] == "{" and len(token) > 1:
            # Nine digits exceed every limit already; more would only slow down the product.
            last = min(last * max(1, *(int(count[:9]) for count in _COUNTS.findall(token))), _MOST)
        # `*`, `+` and `?` add no copies: the engine makes a loop of them.
        elif token[0] not in "*+?":
            done, last = min(done + last, _MOST), _weight(token)
    # A group that is not closed is counted unchanged; the compiler rejects the pattern later.
    return min(done + last + sum(outer), _MOST)


def count_search_states(pattern: str) -> int:
    """Return how many of a pattern's states one character of a text can reach.

    In `^[a-z]{1,200}$` only one copy of the class is active at a time, however many there are.
    """
    counted = _COUNTED.fullmatch(pattern)
    return count_states(pattern) if counted is None else 1 + _weight(counted["one"])


def _weight(token: str) -> int:
    # A class in brackets counts as its widest member.
    if "\\p" in token or "\\P" in token:
        return _WIDE
    # A letter beyond ASCII is several bytes in UTF-8, which is what the automaton reads.
    wide = token[:2] == "[^" or token in (".", "\\D", "\\W", "\\S") or not token.isascii()
    return _NEGATED if wide or _WITH_NEGATED.match(token) else 1


def needs_backtracking(pattern: str) -> bool:
    """Whether a pattern has look-around, possessive or back references, which only a backtracking engine knows."""
    tokens: list[str] = _TOKEN.findall(pattern)
    return any(
        token in _LOOKS or token in _POSSESSIVE or (token[0] == "\\" and token[1:2] in _BACK) for token in tokens
    )
