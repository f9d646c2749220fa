"""Retries: which failures of an upstream are tried again, how often, after which pause. Pure; every constant is here.

A request is sent again only where that cannot do the work twice, or where doing it twice is harmless:

- No connection was made: nothing was sent. Again, up to `connects` times, after a short pause.
- The connection broke before the first byte of the answer (`RESET`). Either a pooled connection was stale, and nothing
  was read; or the request ended the server, and must not end another one. Once, and only if it broke quickly: a
  connection that breaks late broke on the request.
- Status 500 or 502: up to `errors` times, at once. vLLM answers 500 when a model writes a malformed Harmony header,
  which another sample mostly does not. A ladder asks for none of these: its next attempt is the retry.
- The server is overloaded: another replica can have room. At once, while there is a replica that was not asked.

An upstream that says `x-should-retry: false` is never asked again.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from toolgate_core.types.failures import Failure, FailureKind

RESET: Final = "connection_reset"
"""The code of a connection that broke while it carried a request."""

SERVER_ERRORS: Final = frozenset({"500", "502"})
"""Origins of failures that another sample may avoid."""


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often a request is sent again.

    Attributes:
        connects: after a failure to connect, and in all.
        resets: after a connection that broke with the request on it.
        errors: after status 500 or 502.
        quick_s: seconds within which a connection must fail to be tried again.
        pause_s: seconds before the same server is asked again.
    """

    connects: int = 2
    resets: int = 1
    errors: int = 0
    quick_s: float = 2.0
    pause_s: float = 0.05


REPLICA_RETRIES: Final = RetryPolicy(quick_s=5.0)
"""For a request that any of several servers may serve; `connects` grows with their number. A late failure must not take
the other servers down, too."""


class Retries:
    """The retries of one request; made at its first failure."""

    __slots__ = ("_connects", "_errors", "_policy", "_resets")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._connects = policy.connects
        self._resets = policy.resets
        self._errors = policy.errors

    def pause_s(self, failure: Failure, elapsed_s: float, *, untried: int = 0) -> float | None:
        """Return the seconds to wait before the request is sent again; None: it is not.

        `elapsed_s`: how long the failed attempt took. `untried`: the number of servers that were not asked yet.
        """
        if failure.should_retry is False:
            return None
        if failure.kind is FailureKind.UNREACHABLE:
            return self._after_connection(failure, elapsed_s, untried)
        if failure.kind is FailureKind.OVERLOADED and untried and self._connects > 0:
            self._connects -= 1
            return 0.0 if elapsed_s <= self._policy.quick_s else None
        if failure.kind is FailureKind.ERROR and failure.origin in SERVER_ERRORS and self._errors > 0:
            self._errors -= 1
            return 0.0
        return None

    def _after_connection(self, failure: Failure, elapsed_s: float, untried: int) -> float | None:
        # `connects` bounds all failures of connections together, `resets` those that had a request on them.
        if failure.code == RESET:
            self._resets -= 1
        self._connects -= 1
        if self._connects < 0 or self._resets < 0 or elapsed_s > self._policy.quick_s:
            return None
        # Another server needs no pause; the same one may be about to restart.
        return 0.0 if untried else self._policy.pause_s


class Backoff(Struct, frozen=True):
    """A pause that doubles with each failure in a row. Seconds."""

    first_s: float
    max_s: float

    def pause_s(self, failures: int, jitter: float = 0.5) -> float:
        """Return the pause after `failures` failures in a row (0: after the first one).

        `jitter`: 0 to 1, for a pause up to a fifth shorter or longer, so that many processes do not return at once.
        """
        # The exponent is bounded: 2.0 ** 1024 is too large for a float.
        return min(self.first_s * 2.0 ** min(failures, 64), self.max_s) * (0.8 + 0.4 * jitter)


EJECTION: Final = Backoff(1.0, 30.0)
"""How long a replica that could not be reached is left out."""

DISCOVERY: Final = Backoff(1.0, 30.0)
"""When a watch that failed is tried again."""
