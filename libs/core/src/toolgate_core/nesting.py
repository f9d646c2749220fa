"""How much JSON text holds, told without building its value: each step is one pass of native code over the text.

Text that is not JSON gives some number; whoever decodes it finds what is wrong.
"""

from __future__ import annotations

from toolgate_core.limits import MAX_INLINE_BYTES

_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")


def outside_strings(text: bytes) -> bytes:
    """Return JSON text without the contents of its strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2])


def bytes_deeper_than(text: bytes, limit: int) -> bool:
    """Whether JSON text nests more than `limit` levels.

    Takes the innermost pairs of brackets away, level by level; so many levels are seen in so many passes.
    """
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    brackets = outside_strings(text).translate(_AS_LISTS, _NO_BRACKETS)
    for _ in range(limit):
        fewer = brackets.replace(b"[]", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return b"[]" in brackets or brackets.count(b"[") > limit


def deeper_than(text: str, limit: int) -> bool:
    """Whether JSON text nests more than `limit` levels; see `deeper`."""
    return text.count("{") + text.count("[") > limit and bytes_deeper_than(text.encode(errors="surrogatepass"), limit)


def is_heavy(body: bytes) -> bool:
    """Whether reading a body may take long enough to be worth a thread: it is large, or its schemas may be.

    A small one is so only where it has patterns; where its text is escaped that can't be told.
    """
    if len(body) > MAX_INLINE_BYTES or b"pattern" in body:
        return True
    return b"\\" in body and b"\\u00" in body  # one byte is found many times faster than four
