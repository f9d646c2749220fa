r"""JSON that is escaped once too often, as models write it that take a value for the inside of a string.

`[{\"id\": 1}]` has only one reading: the JSON `[{"id": 1}]` encoded again as a string, without the quotes around it.
The rule needs every quote to be escaped; a single bare quote makes the text something else. Cost: a fixed number of
linear passes.
"""

from __future__ import annotations

import re

from toolgate_core.jsontext import JsonTextError, JsonValue, decode

# White space is bare or escaped itself, as in an object that was dumped with an indent.
_SPACE = r"(?:\s|\\[nrt])*"
# A list of numbers is left out: it has no quotes, so that nothing shows whether it is escaped.
_CONTAINER = re.compile(rf"{_SPACE}(?:\[{_SPACE}(?:\{{|\\?\")|\{{{_SPACE}\\?\")")
# A quote after an even number of backslashes, which are escapes of each other.
_BARE_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')
_CONTROL = re.compile(r"[\x00-\x1f]")


def begins_container(text: str) -> bool:
    """Whether a text begins like the JSON of an object, or of a list of objects or strings, and like nothing else."""
    return _CONTAINER.match(text) is not None


def unescape(text: str) -> str | None:
    """Return the JSON text that `text` encodes; None where it is not an escaped object or list.

    White space between values can be unescaped; every quote must be escaped.
    """
    if '\\"' not in text or _CONTAINER.match(text) is None or _BARE_QUOTE.search(text):
        return None
    try:
        inner = decode(f'"{_CONTROL.sub(_control, text)}"')
    except JsonTextError:
        # The quotes alone are unescaped, so that `\d` reaches the lenient reader.
        return text.replace('\\"', '"')  # other escapes are not those of JSON
    return str(inner)


def _control(match: re.Match[str]) -> str:
    # The text is decoded as the inside of a string, where JSON forbids bare control characters.
    return f"\\u{ord(match[0]):04x}"


def exact_container(text: str) -> JsonValue:
    """Return the object or list whose exact JSON `text` is, escaped or not; None where it is neither."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "[", "\\"):
        return None
    # The plain form comes first: JSON whose strings contain escaped quotes is not escaped JSON.
    for candidate in (stripped, unescape(stripped)):
        try:
            return None if candidate is None else decode(candidate)
        except JsonTextError:
            continue
    return None
