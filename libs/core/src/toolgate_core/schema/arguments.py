"""The arguments of a call in a history, as every server accepts them: the JSON text of an object."""

from __future__ import annotations

from toolgate_core.jsontext import JsonTextError, decode, encode_str
from toolgate_core.schema.relaxed import relax


def object_text(text: str) -> str:
    """Return `text` if it is the JSON text of an object, otherwise one that keeps what it says.

    Chat templates break on other arguments. Text that can be repaired is; other text becomes the value of `unreadable`,
    and empty text an empty object.
    """
    try:
        value = decode(text)
    except JsonTextError:
        relaxed = relax(text, close=True)
        value = relaxed[0] if relaxed else None
        if isinstance(value, dict):
            return encode_str(value)
    if isinstance(value, dict):
        return text
    # The text is kept under a key, so that the model sees what it wrote.
    return encode_str({"unreadable": text}) if text.strip() not in ("", "null") else "{}"
