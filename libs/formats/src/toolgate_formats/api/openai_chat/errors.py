"""Failures as OpenAI writes them: `{"error": {"message", "type", "param", "code"}}`, all four keys always there."""

from __future__ import annotations

from msgspec import Struct
from toolgate_core.jsontext import encode
from toolgate_core.types.failures import Failure, FailureKind

from toolgate_formats.api.base import ErrorResponse
from toolgate_formats.api.failures import FAILURES, code_of, retry_headers


class ErrorObject(Struct, frozen=True):
    """OpenAI's error object."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(Struct, frozen=True):
    """The body of an error response."""

    error: ErrorObject


def error(failure: Failure) -> ErrorResponse:
    """Return the HTTP response to a request that failed."""
    return ErrorResponse(FAILURES[failure.kind].status, retry_headers(failure), encode(error_body(failure)))


def error_body(failure: Failure) -> ErrorBody:
    """Return the error object of a failure."""
    return ErrorBody(ErrorObject(failure.message, _type(failure), failure.param, code_of(failure)))


def _type(failure: Failure) -> str:
    if failure.kind is FailureKind.LIMITED:
        return "rate_limit_error"
    return "server_error" if FAILURES[failure.kind].status >= 500 else "invalid_request_error"
