"""Errors between two services: core error ⇄ `ServiceError` ⇄ gRPC status, in one table.

Faults of a model or a tool are data and never errors. Reasons are a closed list; callers decide by the reason, never by
the message. An exception outside the table is a defect: it is logged where it happens, and crosses the wire as INTERNAL
without its text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from msgspec import Struct
from toolgate_core.jsontext import JsonTextError
from toolgate_core.types.errors import RequestError, ToolgateError

from toolgate_runtime.ports import ServiceError

DOMAIN = "toolgate"
STATUS_KEY = "grpc-status-details-bin"


class WireError(ToolgateError):
    """A message of a peer breaks its contract."""


class UnknownDialectError(ToolgateError):
    """A plan names a dialect that this version does not have."""


class StartError(ToolgateError):
    """A service cannot start; the message is one line that says why."""


class Row(Struct, frozen=True):
    """A reason's gRPC status, and whether the same call can succeed later."""

    code: grpc.StatusCode
    retryable: bool = False


REASONS = {
    "INVALID_REQUEST": Row(grpc.StatusCode.INVALID_ARGUMENT),
    "INVALID_JSON": Row(grpc.StatusCode.INVALID_ARGUMENT),
    "INVALID_MESSAGE": Row(grpc.StatusCode.INVALID_ARGUMENT),
    "UNKNOWN_DIALECT": Row(grpc.StatusCode.INVALID_ARGUMENT),
    "OUT_OF_ORDER": Row(grpc.StatusCode.FAILED_PRECONDITION),
    "MESSAGE_TOO_LARGE": Row(grpc.StatusCode.RESOURCE_EXHAUSTED),
    "OVERLOADED": Row(grpc.StatusCode.RESOURCE_EXHAUSTED, retryable=True),
    "UNAVAILABLE": Row(grpc.StatusCode.UNAVAILABLE, retryable=True),
    "DEADLINE": Row(grpc.StatusCode.DEADLINE_EXCEEDED, retryable=True),
    "CANCELLED": Row(grpc.StatusCode.CANCELLED, retryable=True),
    "INTERNAL": Row(grpc.StatusCode.INTERNAL),
}

ERRORS: dict[type[Exception], str] = {
    RequestError: "INVALID_REQUEST",
    JsonTextError: "INVALID_JSON",
    WireError: "INVALID_MESSAGE",
    UnknownDialectError: "UNKNOWN_DIALECT",
    TimeoutError: "DEADLINE",
}

# The reason and message for a status without ErrorInfo, which gRPC itself made and not a service.
_BARE = {
    grpc.StatusCode.UNAVAILABLE: ("UNAVAILABLE", "the service cannot be reached"),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("DEADLINE", "no answer in time"),
    grpc.StatusCode.CANCELLED: ("CANCELLED", "the call was cancelled"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("OVERLOADED", "the service is overloaded"),
}
_TOO_LARGE = ("MESSAGE_TOO_LARGE", "a message is larger than the limit")
_INTERNAL = ("INTERNAL", "internal error")
# grpc.aio's text, with status INTERNAL, for a write to a stream whose connection has just broken.
_BROKEN_WRITE = "Internal error from Core"


def service_error(service: str, reason: str, message: str, *, field: str | None = None) -> ServiceError:
    """Return the error for a reason of the table."""
    return ServiceError(service, reason, message, retryable=REASONS[reason].retryable, field=field)


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Turn every exception of the block into a `ServiceError`, see `translate`."""
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:  # the boundary of a service
        raise translate(service, error) from error


def translate(service: str, error: Exception) -> ServiceError:
    """Return the error that a service's caller receives; an exception outside the table is logged as a defect."""
    if isinstance(error, ServiceError):
        return error
    reason = next((ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS), None)
    if reason is None:
        logging.getLogger("toolgate").error("defect", exc_info=error, extra={"fields": {"at": service}})
        return service_error(service, *_INTERNAL)
    field = error.param if isinstance(error, RequestError) else None
    return service_error(service, reason, str(error) or reason.lower().replace("_", " "), field=field)


def to_status(error: ServiceError) -> Status:
    """Return the google.rpc.Status of an error, with ErrorInfo, and BadRequest where a field is at fault."""
    row = REASONS.get(error.reason, REASONS["INTERNAL"])
    details = [AnyMessage(), AnyMessage()] if error.field else [AnyMessage()]
    details[0].Pack(ErrorInfo(reason=error.reason, domain=DOMAIN))
    if error.field:
        violation = BadRequest.FieldViolation(field=error.field, description=error.message)
        details[1].Pack(BadRequest(field_violations=[violation]))
    return Status(code=Code.Value(row.code.name), message=error.message, details=details)


def from_rpc_error(service: str, error: grpc.aio.AioRpcError) -> ServiceError:
    """Return the error of a failed call."""
    details = next((value for key, value in error.trailing_metadata() or () if key == STATUS_KEY), b"")
    found = _from_details(service, details if isinstance(details, bytes) else b"")
    if found is not None:
        return found
    text = error.details() or ""
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        return service_error(service, *_TOO_LARGE)
    if error.code() is grpc.StatusCode.INTERNAL and text == _BROKEN_WRITE:
        return service_error(service, *_BARE[grpc.StatusCode.UNAVAILABLE])
    return service_error(service, *_BARE.get(error.code(), _INTERNAL))


def _from_details(service: str, content: bytes) -> ServiceError | None:
    status, info, bad = Status(), ErrorInfo(), BadRequest()
    try:
        status.ParseFromString(content)
        for detail in status.details:
            if not detail.Unpack(info):
                detail.Unpack(bad)
    except DecodeError:
        return None
    if info.domain != DOMAIN or info.reason not in REASONS:
        return None
    field = bad.field_violations[0].field if bad.field_violations else None
    return service_error(service, info.reason, status.message, field=field)
