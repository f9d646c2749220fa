"""The HTTP side of failures that all API formats share: status, code, and when to try again. One row for each kind.

How a format writes them (error type, body) is in its `errors.py`. Nothing else names an HTTP status of ours.
"""

from __future__ import annotations

from types import MappingProxyType

from msgspec import Struct
from toolgate_core.types.failures import Failure, FailureKind

RETRY_AFTER_S = 1
"""When to try again where neither the upstream nor the gateway knows better."""


class FailureRow(Struct, frozen=True, kw_only=True):
    """How a kind of failure is answered.

    Attributes:
        status: of the HTTP response.
        code: the one of failures that have none.
        own_code: whether a failure's own code is shown. An upstream's code is shown only where it is about the
            request: what it says about its own state means nothing at ours.
        retry_after_s: the wait that is proposed where the failure proposes none.
    """

    status: int
    code: str | None = None
    own_code: bool = True
    retry_after_s: int | None = None


FAILURES = MappingProxyType(
    {
        FailureKind.INVALID: FailureRow(status=400),
        FailureKind.UNAUTHENTICATED: FailureRow(status=401),
        FailureKind.FORBIDDEN: FailureRow(status=403),
        FailureKind.NOT_FOUND: FailureRow(status=404),
        FailureKind.METHOD_NOT_ALLOWED: FailureRow(status=405, code="method_not_allowed"),
        FailureKind.TOO_SLOW: FailureRow(status=408, code="request_timeout"),
        FailureKind.CONFLICT: FailureRow(status=409),
        FailureKind.GONE: FailureRow(status=400),
        FailureKind.TOO_LARGE: FailureRow(status=413),
        FailureKind.URL_TOO_LONG: FailureRow(status=414, code="url_too_long"),
        FailureKind.UNSUPPORTED_MEDIA: FailureRow(status=415),
        FailureKind.UNPROCESSABLE: FailureRow(status=422),
        FailureKind.TOO_MANY_AHEAD: FailureRow(status=429, code="pipeline_full"),
        FailureKind.HEAD_TOO_LARGE: FailureRow(status=431, code="head_too_large"),
        FailureKind.WRONG_METHOD: FailureRow(status=400),
        FailureKind.NO_ENDPOINT: FailureRow(status=502, code="upstream_error", own_code=False),
        FailureKind.CREDENTIAL: FailureRow(status=502, code="upstream_credential", own_code=False),
        FailureKind.LIMITED: FailureRow(status=429, code="rate_limit_exceeded", retry_after_s=RETRY_AFTER_S),
        FailureKind.OVERLOADED: FailureRow(
            status=503, code="upstream_overloaded", own_code=False, retry_after_s=RETRY_AFTER_S
        ),
        FailureKind.UNREACHABLE: FailureRow(status=502, code="upstream_unreachable", own_code=False),
        FailureKind.CUT: FailureRow(status=502, code="upstream_error"),
        FailureKind.TIMEOUT: FailureRow(status=504, code="upstream_timeout", own_code=False),
        FailureKind.ERROR: FailureRow(status=502, code="upstream_error", own_code=False),
        FailureKind.BUSY: FailureRow(status=503, code="overloaded", retry_after_s=RETRY_AFTER_S),
        FailureKind.UNAVAILABLE: FailureRow(status=503, code="service_unavailable", retry_after_s=RETRY_AFTER_S),
        FailureKind.SHUTTING_DOWN: FailureRow(status=503, code="shutting_down", retry_after_s=RETRY_AFTER_S),
        FailureKind.DEADLINE: FailureRow(status=504, code="timeout"),
        FailureKind.EXHAUSTED: FailureRow(status=502, code="tool_call_unavailable"),
        FailureKind.INTERNAL: FailureRow(status=500, code="internal_error"),
    }
)


def code_of(failure: Failure) -> str | None:
    """Return the code that clients and logs see."""
    row = FAILURES[failure.kind]
    return (failure.code if row.own_code else None) or row.code


def retry_headers(failure: Failure) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that the official clients obey: `retry-after`, `retry-after-ms` and `x-should-retry`."""
    wait = FAILURES[failure.kind].retry_after_s if failure.retry_after_s is None else failure.retry_after_s
    headers = []
    if wait is not None:
        headers.append((b"retry-after", str(wait).encode()))
    if failure.retry_after_ms is not None:
        headers.append((b"retry-after-ms", str(failure.retry_after_ms).encode()))
    if failure.should_retry is not None:
        headers.append((b"x-should-retry", b"true" if failure.should_retry else b"false"))
    return tuple(headers)
