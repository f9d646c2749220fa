"""The caller of a request: who sent it, by API key."""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

_ID_DIGITS = 12


class Caller(Struct, frozen=True):
    """The sender of a request.

    `id` is safe in logs and stable across restarts and replicas, so that usage and quotas can be kept by it: the first
    digits of the key's SHA-256 (`key-…`), or `anonymous` if no keys are configured.
    """

    id: str


ANONYMOUS: Final = Caller("anonymous")


def caller_of(key: bytes) -> Caller:
    """Return the caller of an API key."""
    return Caller(f"key-{hashlib.sha256(key).hexdigest()[:_ID_DIGITS]}")
