"""The boundary of a request: whatever it raises becomes one `Failure`, which an API format then writes.

No HTTP status is here: `toolgate_formats.api` alone knows them. The tree of errors is drawn in
`toolgate_core.types.errors`.
"""

from __future__ import annotations

from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.api.base import ErrorFormat
from toolgate_formats.api.table import API_FORMATS
from toolgate_formats.sse import SseTooLongError
from toolgate_runtime.logs import Log
from toolgate_runtime.ports import ServiceError

from toolgate_gateway.http.request_scope import DeadlineError, ShutdownError

DEFAULT_ERRORS: ErrorFormat = API_FORMATS["openai_chat"]
"""How errors are written where no API format is known: before a request has a path, and at the gateway's own routes."""
_UPSTREAM_KINDS = frozenset(
    {
        FailureKind.NO_ENDPOINT,
        FailureKind.CREDENTIAL,
        FailureKind.OVERLOADED,
        FailureKind.UNREACHABLE,
        FailureKind.CUT,
        FailureKind.TIMEOUT,
        FailureKind.ERROR,
        # Nearly always the upstream took too long, or its model never wrote a valid call.
        FailureKind.DEADLINE,
        FailureKind.EXHAUSTED,
    }
)


def failure_from(error: Exception, log: Log) -> Failure:
    """Return why a request ended with `error`; an error that is not raised on purpose is logged as a defect."""
    match error:
        case FailureError():
            return error.failure
        case ServiceError():
            return _from_service(error)
        case DeadlineError():
            return deadline()
        case SseTooLongError():
            return Failure(kind=FailureKind.ERROR, message="The upstream sent an event that is too long.")
        case ShutdownError():
            message = "The gateway is shutting down; send the request again."
            return Failure(kind=FailureKind.SHUTTING_DOWN, message=message)
        case _:
            log.error("defect", error=error)
            return internal()


def _from_service(error: ServiceError) -> Failure:
    """Return the failure of a request that one of our own services refused or failed."""
    match error.reason:
        case "INVALID_REQUEST":
            return Failure(kind=FailureKind.INVALID, message=error.message, param=error.field)
        case "MESSAGE_TOO_LARGE":
            return Failure(kind=FailureKind.TOO_LARGE, message=error.message, code="request_too_large")
        case "DEADLINE":
            return deadline(f"The {error.service} did not answer in time.")
        case "UNAVAILABLE" | "OVERLOADED" | "CANCELLED":
            message = f"The {error.service} is not available: {error.message}."
            return Failure(kind=FailureKind.UNAVAILABLE, message=message)
        case _:
            return internal()


def deadline(message: str = "The request exceeded its time limit.") -> Failure:
    """Return the failure of a request that took too long."""
    return Failure(kind=FailureKind.DEADLINE, message=message)


def internal() -> Failure:
    """Return the failure of a request that met a defect of the gateway; the log has the rest."""
    return Failure(kind=FailureKind.INTERNAL, message="Internal gateway error.")


def upstream_broke(message: str) -> FailureError:
    """Return the error of an upstream that sent something else than an answer."""
    return FailureError(Failure(kind=FailureKind.ERROR, message=message))


def upstream_cut() -> FailureError:
    """Return the error of an upstream whose answer ended before its end."""
    message = "The upstream's connection ended inside its answer."
    return FailureError(Failure(kind=FailureKind.CUT, message=message, code="upstream_cut"))


def aborted_by(failure: Failure) -> str:
    """Return the label of `toolgate_stream_aborts_total`: `upstream` or `gateway`."""
    return "upstream" if failure.kind in _UPSTREAM_KINDS else "gateway"
