"""Builds the patterns of tags from which grammars are made.

All of them have bounded repetitions: they are matched against whatever a model writes, piece by piece.
"""

from __future__ import annotations

import re

ATTRIBUTES = r"""(?P<inside>(?:[\s/](?:[^<>"']|"[^"]*"|'[^']*')*)?)"""

ANY_ATTRIBUTES = r"""(?:[\s/](?:[^<>"']|"[^"]*"|'[^']*')*)?"""
"""The same without a group: models write attributes in any tag, and here they are ignored."""


def open_tag(names: str, *, namespace: str = "") -> str:
    """Return the pattern of an opening tag with attributes (group `inside`); both arguments are patterns."""
    return f"<{_space(namespace)}(?:{names}){ATTRIBUTES}>"


def bare_tag(names: str, *, namespace: str = "") -> str:
    """Return the pattern of an opening tag with attributes that are ignored."""
    return f"<{_space(namespace)}(?:{names}){ANY_ATTRIBUTES}>"


def close_tag(names: str, *, namespace: str = "") -> str:
    """Return the pattern of a closing tag."""
    return rf"</\s{{0,4}}{_space(namespace)}(?:{names})\s{{0,16}}>"


def ungrouped(pattern: str) -> str:
    """Return a pattern without its groups' names, so that it can be used several times in another pattern."""
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


def _space(namespace: str) -> str:
    return f"(?:{namespace})?" if namespace else ""
