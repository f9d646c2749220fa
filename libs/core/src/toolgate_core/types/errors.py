"""The tree of errors that this project raises on purpose.

What a model does wrong is never one of them: that is a `Fault`, which is data. Why a request gets no answer is a
`Failure`, data too; the errors below carry one to the boundary of the request, where the API format of the client
writes it. Everything else is translated to a failure there, in one place (the gateway's `http/errors.py`).

ToolgateError
├── FailureError            core: a request gets no answer; carries the `Failure`
│   ├── RequestError        core: the caller's request is at fault
│   ├── AdmissionError      gateway: the gateway has no room for the request
│   ├── RefusedError        gateway: the bytes of a connection are not a request that is served
│   └── UpstreamCutError    gateway: a forwarded answer ended before its end
├── DeadlineExceeded        core: thrown into the ladder by its driver
├── DeadlineError           gateway: the request exceeded its time limit
├── ShutdownError           gateway: the gateway ends before the request does
├── ClientGoneError         gateway: the client closed the connection; no response can be sent
├── ServiceError            runtime: one of our own services refused or failed (a gRPC status)
├── WireError               runtime: a message between services cannot be read
├── UnknownDialectError     runtime: a plan names a dialect that this service does not have
├── StartError              runtime: a service cannot start
├── SettingsError           runtime: a setting has a wrong value
├── StoreError              runtime: the store of shared state refused or failed
├── ToolError               tool executor: a tool failed; becomes a result, never an HTTP error
└── LineError               command line: a line of input cannot be read

Foreign errors are translated at one boundary each: gRPC's in `toolgate_runtime.errors`, aiohttp's in the gateway's
`upstreams/`, the framework's in its `server/api.py`, msgspec's and json's in `toolgate_core.jsontext`.
"""

from __future__ import annotations

from toolgate_core.types.failures import Failure, FailureKind


class ToolgateError(Exception):
    """Base of every error that this project raises on purpose."""


class FailureError(ToolgateError):
    """A request gets no answer, or no whole one; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class RequestError(FailureError):
    """The caller's request is at fault; `param` names the field as OpenAI does (`tools[0].function.name`)."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: FailureKind = FailureKind.INVALID,
    ) -> None:
        super().__init__(Failure(kind=kind, message=message, param=param, code=code))
        self.message = message
        self.param = param
        self.code = code
