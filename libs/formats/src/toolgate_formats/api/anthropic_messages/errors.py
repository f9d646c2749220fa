"""Failures as Anthropic writes them, with the `param` and `code` that OpenAI's form has."""

from __future__ import annotations

from types import MappingProxyType

from msgspec import Struct
from toolgate_core.jsontext import encode
from toolgate_core.types.failures import Failure

from toolgate_formats.api.base import ErrorResponse
from toolgate_formats.api.failures import FAILURES, code_of, retry_headers

_TYPES = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
    }
)


class ErrorObject(Struct, frozen=True):
    """Anthropic's error object."""

    type: str
    message: str
    param: str | None
    code: str | None


class ErrorBody(Struct, frozen=True):
    """The body of an error response, and the data of an `error` event."""

    type: str
    error: ErrorObject


def error(failure: Failure) -> ErrorResponse:
    """Return the HTTP response to a request that failed."""
    status = FAILURES[failure.kind].status
    kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    body = ErrorBody("error", ErrorObject(kind, failure.message, failure.param, code_of(failure)))
    return ErrorResponse(status, retry_headers(failure), encode(body))


def error_event(failure: Failure) -> bytes:
    """Return the event that ends a stream which failed."""
    return b"event: error\ndata: " + error(failure).body + b"\n\n"
