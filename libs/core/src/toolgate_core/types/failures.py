"""Failures: why a request gets no answer. One type for errors of callers, upstreams and the gateway.

A `Failure` is data, neutral of any wire format. What a client sees of it (HTTP status, error type, headers) is decided
by the API format that the client speaks (`toolgate_formats.api`), from its kind. `errors` draws the tree of exceptions;
a `FailureError` carries a failure to the boundary of its request.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from toolgate_core.types.vocabulary import RequestOutcome


class FailureKind(StrEnum):
    """The closed set of failures; every API format has a row for each."""

    # The request is at fault: found by the gateway, or refused by an upstream (`Failure.refused` is set then).
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_SLOW = "too_slow"
    """The request was not sent in time."""
    CONFLICT = "conflict"
    GONE = "gone"
    """An upstream refuses the request for good, in any form."""
    TOO_LARGE = "too_large"
    URL_TOO_LONG = "url_too_long"
    UNSUPPORTED_MEDIA = "unsupported_media"
    UNPROCESSABLE = "unprocessable"
    TOO_MANY_AHEAD = "too_many_ahead"
    """Too many requests were sent ahead on one connection."""
    HEAD_TOO_LARGE = "head_too_large"
    WRONG_METHOD = "wrong_method"
    """The upstream serves the path with another method."""

    # The upstream failed.
    NO_ENDPOINT = "no_endpoint"
    """The upstream does not serve the path, which is not the caller's fault."""
    CREDENTIAL = "credential"
    """The upstream refused the gateway's own key; the client learns no more than that."""
    LIMITED = "limited"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    CUT = "cut"
    """The connection ended inside an answer."""
    TIMEOUT = "timeout"
    """The upstream sent nothing in time."""
    ERROR = "error"
    """Any other failure of an upstream, or an answer that cannot be read."""

    # The gateway, or one of its services, failed.
    BUSY = "busy"
    """Admission control rejected the request."""
    UNAVAILABLE = "unavailable"
    """What the request needs does not answer now."""
    SHUTTING_DOWN = "shutting_down"
    DEADLINE = "deadline"
    """The request exceeded its time limit."""
    EXHAUSTED = "exhausted"
    """No strategy of the ladder produced what was asked for."""
    INTERNAL = "internal"
    """A defect of the gateway; the log has the rest."""


class RefusedPart(StrEnum):
    """The part of a request that an upstream refused; it decides the ladder's next attempt."""

    FEATURE = "feature"
    """A field or a feature that this upstream does not know, in any request."""
    SCHEMA = "schema"
    """The schemas of this request, or the grammar that was made of them."""
    REQUEST = "request"
    """Something else in this request."""


class Failure(Struct, frozen=True, kw_only=True):
    """Why there is no answer, or no whole one.

    Attributes:
        kind: which failure; decides what clients see.
        message: fit for the client (no URL, no key, no content of others).
        code: a word for programs; an upstream's own one only where it is about the request.
        param: the field of the request that is at fault, as OpenAI writes it (`tools[0].function.name`).
        refused: what of the request an upstream refused; None where it refused nothing.
        origin: how the upstream failed, for metrics and logs alone: its status ("503"), or "connect_error",
            "read_timeout", "reset". Empty where no upstream is involved.
        retry_after_s: seconds until another try makes sense; None: the default of the kind.
        retry_after_ms: the same in milliseconds, where the upstream says it.
        should_retry: False asks clients not to try again by themselves; None leaves it to them.
    """

    kind: FailureKind
    message: str
    code: str | None = None
    param: str | None = None
    refused: RefusedPart | None = None
    origin: str = ""
    retry_after_s: int | None = None
    retry_after_ms: int | None = None
    should_retry: bool | None = None

    @property
    def answered(self) -> bool:
        """Whether the upstream responded with a status, as opposed to no or an unreadable response."""
        return self.origin.isdecimal()

    @property
    def outcome(self) -> RequestOutcome:
        """How a request that ends with this failure is counted."""
        return _OUTCOMES.get(self.kind, RequestOutcome.CLIENT_ERROR)


_OUTCOMES = MappingProxyType(
    {
        FailureKind.NO_ENDPOINT: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.CREDENTIAL: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.LIMITED: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.OVERLOADED: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.UNREACHABLE: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.CUT: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.TIMEOUT: RequestOutcome.TIMEOUT,
        FailureKind.ERROR: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.BUSY: RequestOutcome.REJECTED,
        FailureKind.UNAVAILABLE: RequestOutcome.UPSTREAM_ERROR,
        FailureKind.SHUTTING_DOWN: RequestOutcome.CANCELLED,
        FailureKind.DEADLINE: RequestOutcome.TIMEOUT,
        FailureKind.EXHAUSTED: RequestOutcome.EXHAUSTED,
        FailureKind.INTERNAL: RequestOutcome.UPSTREAM_ERROR,
    }
)
"""How failures count; those that are missing here are the caller's fault."""
