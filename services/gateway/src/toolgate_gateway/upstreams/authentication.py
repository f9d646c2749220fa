"""Authentication at an upstream: which headers carry the key, and which texts must therefore stay hidden.

A key exists as text in two places only: here, and in the headers of the transport's session. Every strategy names its
secrets, and the provider builds the redactor of all its messages from them. No strategy shows a key in its repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

MIN_SECRET_CHARS: Final = 8
"""The value of a configured header counts as a secret from this length on: shorter ones (`x-team: ml`) are words that
would be hidden inside others."""

_HEADER_NAME_CHARS: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Authentication(Protocol):
    """A way of showing a key to an upstream."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of every request."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that no message, log line, repr or metric may contain."""
        ...


class NoAuthentication:
    """The upstream needs no key."""

    def headers(self) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def secrets(self) -> tuple[str, ...]:
        """Return no secrets."""
        return ()

    def __repr__(self) -> str:
        return "NoAuthentication()"


class BearerKey:
    """`Authorization: Bearer <key>`, as OpenAI and vLLM expect it."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = _checked_key(key)

    def headers(self) -> Mapping[str, str]:
        """Return the authorization header."""
        return {"Authorization": f"Bearer {self._key}"}

    def secrets(self) -> tuple[str, ...]:
        """Return the key."""
        return (self._key,)

    def __repr__(self) -> str:
        return "BearerKey()"


class HeaderKey:
    """The key in a separate header: `x-api-key` (Anthropic), `api-key` (Azure), `x-goog-api-key` (Gemini)."""

    __slots__ = ("_header", "_key")

    def __init__(self, header: str, key: str) -> None:
        """`header`: the header's name; raises `ValueError` where it is not one."""
        if not is_header_name(header):
            raise ValueError(f"not a header name: {header!r}")
        self._header = header
        self._key = _checked_key(key)

    def headers(self) -> Mapping[str, str]:
        """Return the header with the key."""
        return {self._header: self._key}

    def secrets(self) -> tuple[str, ...]:
        """Return the key."""
        return (self._key,)

    def __repr__(self) -> str:
        return f"HeaderKey({self._header!r})"


def authentication(key: str | None, header: str = "") -> Authentication:
    """Return the strategy for `key`: none without a key, a bearer token without a `header`.

    Raises `ValueError`, without the key, where the key or the header's name cannot be sent.
    """
    if not key:
        return NoAuthentication()
    return HeaderKey(header, key) if header else BearerKey(key)


def is_header_name(name: str) -> bool:
    """Whether a header can have this name (RFC 9110, `token`)."""
    return bool(name) and _HEADER_NAME_CHARS.issuperset(name)


def header_secrets(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of configured headers that may be keys, and the parts of them (`Basic <key>`)."""
    parts = (part for value in headers.values() for part in (value, *value.split()))
    return tuple(dict.fromkeys(part for part in parts if len(part) >= MIN_SECRET_CHARS))


def _checked_key(key: str) -> str:
    """Return the key; raise `ValueError` for one that would end its header and begin another."""
    if not key.isprintable():
        raise ValueError("the API key contains a line break or another control character")
    return key
