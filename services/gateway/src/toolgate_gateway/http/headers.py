"""The response headers of the gateway, and those that browsers may read."""

from __future__ import annotations

from typing import Final

from toolgate_gateway.http.connection import Headers

PRIORITY: Final = b"x-toolgate-priority"
ATTEMPTS: Final = b"x-toolgate-attempts"
FORWARDED: Final = b"x-toolgate-forwarded"

NO_LADDER: Final[Headers] = ((PRIORITY, b"none"), (ATTEMPTS, b"none"))
"""The headers of a response that no strategy produced."""

EXPOSED: Final = (
    "x-request-id",
    *(name.decode() for name in (FORWARDED, PRIORITY, ATTEMPTS)),
    "retry-after",
    "x-should-retry",
)
"""Headers that pages of the setting `cors_origins` may read; browsers hide all others."""
