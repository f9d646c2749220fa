"""The gateway's one error: an HTTP status and OpenAI's error object."""

from __future__ import annotations

from types import MappingProxyType

from toolgate_core.jsontext import JsonObject, encode
from toolgate_core.ladder.outcome import Refusal, refusal_of
from toolgate_core.types.errors import RequestError, ToolgateError
from toolgate_core.types.failures import Failure
from toolgate_core.types.vocabulary import RequestOutcome
from toolgate_runtime.logs import Log
from toolgate_runtime.ports import ServiceError

from toolgate_gateway.http.request_scope import DeadlineError, ShutdownError

INVALID = "invalid_request_error"
SERVER = "server_error"


class ApiError(ToolgateError):
    """What the client is told instead of an answer.

    `outcome` is how the request counts in the metrics. `retry_after_s`, `retry_after_ms` and `should_retry` become the
    headers `retry-after`, `retry-after-ms` and `x-should-retry`, which the official clients obey.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
        retry_after_ms: int | None = None,
        should_retry: bool | None = None,
        outcome: RequestOutcome = RequestOutcome.CLIENT_ERROR,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        self.retry_after_ms = retry_after_ms
        self.should_retry = should_retry
        self.outcome = outcome

    def body(self) -> bytes:
        """Return the JSON text of the error object; all four keys are always there."""
        error: JsonObject = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return encode({"error": error})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that tell a client whether and when to try again."""
        headers = []
        if self.retry_after_s is not None:
            headers.append((b"retry-after", str(self.retry_after_s).encode()))
        if self.retry_after_ms is not None:
            headers.append((b"retry-after-ms", str(self.retry_after_ms).encode()))
        if self.should_retry is not None:
            headers.append((b"x-should-retry", b"true" if self.should_retry else b"false"))
        return headers


def from_request(error: RequestError) -> ApiError:
    """Return the answer to a request that is at fault."""
    return ApiError(error.status, error.message, code=error.code, param=error.param)


def from_refusal(refusal: Refusal) -> ApiError:
    """Return the answer to a request that the ladder ended; a client that is to wait is told for how long."""
    wait = refusal.retry_after_s
    if wait is None and refusal.status in (429, 503):
        wait = 1
    return ApiError(
        refusal.status,
        refusal.message,
        kind=refusal.type,
        code=refusal.code,
        param=refusal.param,
        retry_after_s=wait,
        retry_after_ms=refusal.retry_after_ms,
        should_retry=refusal.should_retry,
        outcome=refusal.outcome,
    )


def from_upstream(failure: Failure) -> ApiError:
    """Return the answer to a forwarded request whose upstream failed it."""
    return from_refusal(refusal_of(failure))


def from_service(error: ServiceError) -> ApiError:
    """Return the answer to a request that one of our own services refused or failed."""
    match error.reason:
        case "INVALID_REQUEST":
            return ApiError(400, error.message, param=error.field)
        case "MESSAGE_TOO_LARGE":
            return ApiError(413, error.message, code="request_too_large")
        case "DEADLINE":
            return deadline(f"The {error.service} did not answer in time.")
        case "UNAVAILABLE" | "OVERLOADED" | "CANCELLED":
            return ApiError(
                503,
                f"The {error.service} is not available: {error.message}.",
                kind=SERVER,
                code="service_unavailable",
                retry_after_s=1,
                outcome=RequestOutcome.UPSTREAM_ERROR,
            )
        case _:
            return internal()


def deadline(message: str = "The request took longer than its time limit.") -> ApiError:
    """Return the answer to a request whose time is up."""
    return ApiError(504, message, kind=SERVER, code="timeout", outcome=RequestOutcome.TIMEOUT)


def shutting_down() -> ApiError:
    """Return the answer to a request that is still in flight when the gateway ends; another replica may serve it."""
    return ApiError(
        503,
        "The gateway is shutting down; send the request again.",
        kind=SERVER,
        code="shutting_down",
        retry_after_s=1,
        outcome=RequestOutcome.CANCELLED,
    )


def explain(error: Exception, log: Log) -> ApiError:
    """Return the answer to a request that ended with `error`; what nobody raises on purpose is logged as a defect."""
    match error:
        case ApiError():
            return error
        case RequestError():
            return from_request(error)
        case ServiceError():
            return from_service(error)
        case DeadlineError():
            return deadline()
        case ShutdownError():
            return shutting_down()
        case _:
            log.error("defect", error=error)
            return internal()


def internal() -> ApiError:
    """Return the answer where we are at fault; the log has the rest."""
    return ApiError(
        500, "The gateway failed.", kind=SERVER, code="internal_error", outcome=RequestOutcome.UPSTREAM_ERROR
    )


def upstream_broke(message: str) -> ApiError:
    """Return the answer where what the upstream sent is no answer."""
    return ApiError(502, message, kind=SERVER, code="upstream_error", outcome=RequestOutcome.UPSTREAM_ERROR)


def upstream_cut() -> ApiError:
    """Return the answer where the upstream's ended before its end."""
    message = "The upstream's connection ended inside its answer."
    return ApiError(502, message, kind=SERVER, code="upstream_cut", outcome=RequestOutcome.UPSTREAM_ERROR)


_ANTHROPIC_TYPES = MappingProxyType(
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


def anthropic_body(error: ApiError) -> bytes:
    """Return an error in Anthropic's shape, with what OpenAI's has beside it."""
    kind = _ANTHROPIC_TYPES.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    inner: JsonObject = {"type": kind, "message": error.message, "param": error.param, "code": error.code}
    return encode({"type": "error", "error": inner})
