"""Suggestions for names and paths that do not exist."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from toolgate_formats.api.table import API_FORMATS

from toolgate_gateway.endpoints import ENDPOINTS, PREFIXES

_MAX_LISTED = 20
_MAX_COMPARED = 200
"""Names that are compared letter by letter, which is slow."""
_MAX_LENGTH = 128
_PATHS = (
    *(api_format.path for api_format in API_FORMATS.values()),
    "/v1/models",
    *(endpoint.path for endpoint in ENDPOINTS),
    *("/health", "/livez", "/readyz", "/stats", "/tools"),
)
_VERSIONS = re.compile(r"(/v1)+(?=/|\Z)", re.IGNORECASE)


def known_names(name: str, names: Sequence[str]) -> str:
    """Return a sentence with the most similar model and a list of models; empty without models."""
    if not names:
        return ""
    near = _nearest(name, names)
    listed = ", ".join(names[:_MAX_LISTED])
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"{f' Did you mean {near!r}?' if near else ''} Available models: {listed}{more}."


def _nearest(name: str, names: Sequence[str]) -> str | None:
    wanted = _bare(name)
    for each in names:
        # Different case, or with and without the organisation.
        if wanted and wanted == _bare(each):
            return each
    return _close(name, names[:_MAX_COMPARED])


def _bare(name: str) -> str:
    return name.lower().rpartition("/")[2]


def _close(word: str, words: Iterable[str]) -> str | None:
    lowered = {each[:_MAX_LENGTH].lower(): each for each in words}
    found = difflib.get_close_matches(word[:_MAX_LENGTH].lower(), lowered, n=1)
    return lowered[found[0]] if found else None


def near_path(path: str) -> str | None:
    """Return the path that was probably meant, if any: `//v1`, `/v1/v1`, a slash too many, a typo."""
    if len(path) > _MAX_LENGTH:
        return None
    cleaned = _VERSIONS.sub("/v1", re.sub("/+", "/", path)).rstrip("/")
    prefix = next((prefix for prefix in PREFIXES if cleaned.startswith(prefix + "/")), "")
    rest = cleaned.removeprefix(prefix)
    if rest.startswith(("/v1/models/", "/tools/")) and rest != path.removeprefix(prefix):
        return prefix + rest
    known = {*_PATHS, *(known.removeprefix("/v1") for known in _PATHS)}
    if rest in known:
        return prefix + rest if prefix + rest != path else None
    found = _close(rest, _PATHS)
    return prefix + found if found else None
