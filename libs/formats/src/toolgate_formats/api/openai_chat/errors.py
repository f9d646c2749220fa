"""Failures as OpenAI writes them: `{"error": {"message", "type", "param", "code"}}`, all four keys always there."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType
from toolgate_core.jsontext import JsonObject, encode
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
    """The body of an error response, and the data of an error event; `toolgate` describes a ladder's run."""

    error: ErrorObject
    toolgate: JsonObject | UnsetType = UNSET


def error(failure: Failure) -> ErrorResponse:
    """Return the HTTP response to a request that failed."""
    return ErrorResponse(FAILURES[failure.kind].status, retry_headers(failure), encode(ErrorBody(_object(failure))))


def error_event(failure: Failure, metadata: JsonObject | UnsetType = UNSET) -> bytes:
    """Return the event that ends a stream which failed; `metadata`: of a ladder's run."""
    return b"data: " + encode(ErrorBody(_object(failure), metadata)) + b"\n\n"


def _object(failure: Failure) -> ErrorObject:
    return ErrorObject(failure.message, _type(failure), failure.param, code_of(failure))


def _type(failure: Failure) -> str:
    if failure.kind is FailureKind.LIMITED:
        return "rate_limit_error"
    return "server_error" if FAILURES[failure.kind].status >= 500 else "invalid_request_error"
