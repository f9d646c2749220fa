"""Clean the name of a tool that a model wrote, step by step, without guessing.

Seen in answers: leaked special tokens (`get_weather<|channel|>commentary`), the prefix of a namespace
(`functions.get_weather`), a doubled name (`a.a`), and the number of the call (`get_weather:0`, `functions_F_0`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Kimi writes the number of the call after the name: `functions.get_weather:0`.
_SUFFIX = re.compile(r":\d+$")
_NUMBERED = re.compile(r"(?:functions_)?(.+)_\d+\Z")
_PREFIX = "functions."


def index(names: Iterable[str]) -> dict[str, str]:
    """Return folded name → name, without the names that share a folded form."""
    folded: dict[str, str] = {}
    shared: set[str] = set()
    for name in names:
        key = fold(name)
        # Two tools that differ in case or punctuation alone cannot be found by a folded name.
        if key in folded:
            shared.add(key)
        folded[key] = name
    # A name of punctuation alone folds to nothing and would match every such name.
    return {key: name for key, name in folded.items() if key and key not in shared}


def fold(name: str) -> str:
    """Return `name` without case and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


def without_number(name: str) -> str:
    """Return a name without the number that some models append (`functions_F_0` for F)."""
    match = _NUMBERED.match(name)
    return match[1] if match else name


def cleaning_steps(raw: str) -> Iterator[tuple[str, str]]:
    """Yield (name, tag) after each cleaning step that changed the name; each step works on the result of the last."""
    name = raw
    for tag, clean in _CLEANERS:
        cleaned = clean(name)
        if cleaned != name:
            name = cleaned
            yield name, tag


def _before_special_token(name: str) -> str:
    return name.split("<|", 1)[0]


def _without_prefix(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _without_repetition(name: str) -> str:
    half = name[: len(name) // 2]
    return half if name == f"{half}.{half}" else name


def _without_suffix(name: str) -> str:
    return _SUFFIX.sub("", name)


# Special tokens come first, since everything after them is another part of the answer; the prefix and the suffix are
# around the name only after that.
_CLEANERS = (
    ("name_special", _before_special_token),
    ("name_space", str.strip),
    ("name_prefix", _without_prefix),
    ("name_prefix", _without_repetition),
    ("name_suffix", _without_suffix),
)
