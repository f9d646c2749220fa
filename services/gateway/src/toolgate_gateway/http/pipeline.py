"""The steps around every request: recorded, authenticated, admitted.

Each step is a wrapper around a coroutine function, so a route states which ones it needs and in which order:

    await pipeline.recorded(context, lambda: pipeline.authenticated(context, serve), report)

- `recorded` is the boundary of a request. It closes the request's scope, turns every exception into a response through
  `report`, and hands the finished record to the sinks.
- `authenticated` checks the Host header and the API key, notes the caller, and checks the limits per caller.
- `admitted` waits for a slot of admission control, and frees it afterwards. The body is read before: a slow client must
  not occupy a slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.vocabulary import RequestOutcome
from toolgate_runtime.logs import Log
from toolgate_runtime.logs import request_id as current_request

from toolgate_gateway.http.admission import Admission, AdmissionError, BodyBudget
from toolgate_gateway.http.connection import Headers, HttpConnection, Scope, Send, request_id_of
from toolgate_gateway.http.context import RequestContext
from toolgate_gateway.http.errors import failure_from
from toolgate_gateway.http.keys import ClientKeys
from toolgate_gateway.http.limits.base import CallerLimit
from toolgate_gateway.http.pages import PageRules
from toolgate_gateway.http.request_scope import (
    GRACE_PERIOD_S,
    ClientGoneError,
    DeadlineError,
    Receive,
    RequestScope,
    ShutdownError,
)
from toolgate_gateway.settings import GatewaySettings
from toolgate_gateway.telemetry.record import RecordBuilder, RecordedRoute, RequestRecord, Stopwatch

CLIENT_CLOSED: Final = 499
"""The status in metrics and logs of a request whose client disconnected before the response."""

Serve = Callable[[], Awaitable[None]]
Report = Callable[[Failure], Awaitable[None]]


class RequestPipeline:
    """The steps of one gateway, and the state that its requests share.

    `ending`: the drain time is over, and requests in flight are ended.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        log: Log,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        new_id: Callable[[], str],
        limits: Sequence[CallerLimit],
        write: Callable[[RequestRecord], None],
    ) -> None:
        """`write` takes each finished record. Raises OSError or `SettingsError` for a wrong file of keys."""
        self.keys = ClientKeys(settings.client_keys(), settings.api_keys_file, log)
        self.pages = PageRules(settings, keyed=self.keys.required)
        self.bodies = BodyBudget(settings.max_bodies_bytes)
        self.admission = Admission(limit=settings.max_in_flight, queue=settings.max_queue, wait_s=settings.queue_wait_s)
        self.ending = False
        self._max_body_bytes = settings.max_body_bytes
        self._timeout_s = settings.request_timeout_ms / 1000
        self._log = log
        self._clock = clock
        self._now = now
        self._new_id = new_id
        self._limits = limits
        self._write = write
        self._on_shutdown: set[Callable[[], object]] = set()

    def open(self, scope: Scope, receive: Receive, send: Send, route: RecordedRoute) -> RequestContext:
        """Return the context of a new request; `recorded` closes it."""
        headers: Headers = scope["headers"]  # type: ignore[assignment]
        connection = HttpConnection(scope, receive, send, request_id_of(headers, self._new_id))
        record = RecordBuilder(route, Stopwatch(self._clock, self._now))
        return RequestContext(connection, RequestScope(self._timeout_s), record)

    def end_requests(self) -> None:
        """End all requests in flight; each client gets an error response, or an error event in its stream."""
        self.ending = True
        for end in tuple(self._on_shutdown):
            end()

    async def recorded(self, context: RequestContext, serve: Serve, report: Report) -> None:
        """Serve a request and record how it ended.

        `report` sends a failure as the response; it is called only if no response has begun.
        """
        connection, scope, record = context.connection, context.scope, context.record
        token = current_request.set(connection.request_id)
        self._on_shutdown.add(scope.shut_down)
        try:
            await serve()
        except ClientGoneError:
            record.outcome = RequestOutcome.CANCELLED
            connection.status = connection.status or CLIENT_CLOSED
        except asyncio.CancelledError:
            record.outcome = RequestOutcome.CANCELLED
            # At the end of a shutdown the server cancels what is left; anything else that cancels must know it.
            if not self.ending:
                raise
        except Exception as error:  # noqa: BLE001 - the boundary of a request
            await self._report(context, error, report)
        finally:
            self._on_shutdown.discard(scope.shut_down)
            scope.close()
            connection.release(self.bodies)
            self._write(record.finish(connection.request_id, connection.status))
            current_request.reset(token)

    async def authenticated(self, context: RequestContext, serve: Serve) -> None:
        """Serve a request if its host, API key and caller's limits are accepted; raise `FailureError` otherwise."""
        connection = context.connection
        self.pages.check_host(connection)
        caller = self.keys.authenticate(connection.header(b"authorization"), connection.header(b"x-api-key"))
        if caller is None:
            message = "The API key is missing or wrong."
            raise RequestError(message, kind=FailureKind.UNAUTHENTICATED, code="invalid_api_key")
        context.record.caller = caller
        for limit in self._limits:
            with context.scope.cancel_scope():
                await limit.check(caller)
        await serve()

    async def admitted(self, context: RequestContext, serve: Serve) -> None:
        """Serve a request once admission control lets it; raise `AdmissionError` otherwise."""
        if not self.admission.take():
            await self._wait(context)
        try:
            await serve()
        finally:
            self.admission.release()

    async def read_body(self, context: RequestContext) -> bytes:
        """Return the request's body, and watch for the client's disconnect from then on."""
        connection, scope = context.connection, context.scope
        if connection.arrived:
            body = await connection.read_body(self._max_body_bytes, self.bodies)
        else:
            with scope.cancel_scope():
                body = await connection.read_body(self._max_body_bytes, self.bodies)
        scope.watch(connection.receive)
        return body

    async def _wait(self, context: RequestContext) -> None:
        began = self._clock()
        try:
            with context.scope.cancel_scope():
                await self.admission.wait()
        finally:
            context.record.stopwatch.admission_wait_s = self._clock() - began

    async def _report(self, context: RequestContext, error: Exception, report: Report) -> None:
        failure = failure_from(error, self._log)
        context.record.fail(failure)
        if isinstance(error, AdmissionError):
            context.record.rejected = error.reason
        if context.connection.status:
            return  # the response has begun: the server closes the connection, so that the client sees it is incomplete
        try:
            with suppress(DeadlineError, ShutdownError), context.scope.grace_period(GRACE_PERIOD_S):
                await report(failure)
        except ClientGoneError:
            context.record.outcome = RequestOutcome.CANCELLED
