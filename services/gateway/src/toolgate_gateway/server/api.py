"""The routes besides chat: models, health, stats and tools, on FastAPI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode
from toolgate_core.types.errors import RequestError, ToolgateError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_formats.api.openai_chat.listings import listing, tool_object

from toolgate_gateway.endpoints import PREFIXES, find_endpoint
from toolgate_gateway.gateway import Gateway
from toolgate_gateway.http.errors import DEFAULT_ERRORS, failure_from, internal
from toolgate_gateway.upstreams.nearest import near_path

_PROBE_S = 2.0
_TOOL_LIST_S = 10.0
_FRESH_S = 5.0
_SHOWN = 200
"""Maximum characters of a path in an error."""
_NOT_POST = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Api:
    """The handlers of these routes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._probed = float("-inf")

    async def models(self) -> Response:
        """List the models."""
        cards = self._gateway.models.cards()
        if not cards:
            await self._gateway.refresh_models()
            cards = self._gateway.models.cards()
        return _json(listing(cards))

    async def model(self, model: str) -> Response:
        """Describe one model."""
        return _json(await self._gateway.models.card(model))

    async def health(self, request: Request) -> Response:
        """Report the gateway's health: always 200; the body says what is degraded.

        The names of upstreams and services are shown only to callers with a valid API key, where keys are required.
        """
        gateway = self._gateway
        services, _ = await asyncio.gather(self._services(), self._refresh())
        upstreams = {name: "ok" if up else "unreachable" for name, up in gateway.models.health().items()}
        well = all(state == "serving" for state in services.values()) and "unreachable" not in upstreams.values()
        page: JsonObject = {
            "status": "ok" if well else "degraded",
            "service": "toolgate-gateway",
            "version": gateway.deps.version,
            "mode": gateway.settings.mode,
            "timestamp": datetime.fromtimestamp(gateway.deps.now(), UTC).isoformat().replace("+00:00", "Z"),
        }
        keys = gateway.pipeline.keys
        if keys.authenticate(_sent(request, "authorization"), _sent(request, "x-api-key")) is not None:
            page["upstreams"] = cast("JsonValue", upstreams)
            page["services"] = cast("JsonValue", services)
        return _json(page)

    async def alive(self) -> Response:
        """Report that the process is alive; checks nothing else."""
        return _json({"status": "ok"})

    async def ready(self) -> Response:
        """Report whether the gateway accepts new requests.

        Upstreams and services are not checked: all replicas share them, so one outage would make every replica unready.
        """
        if self._gateway.ready:
            return _json({"status": "ok"})
        return _json({"status": "draining" if self._gateway.draining else "starting"}, status=503)

    async def stats(self) -> Response:
        """Show the counts since the start, and the current load of each upstream's replicas."""
        gateway = self._gateway
        return _json({**gateway.stats.json(), "upstreams": gateway.loads()})

    async def tools(self) -> Response:
        """List the executor's tools, in the format of a request's `tools`."""
        found = await self._gateway.deps.executor.tools(timeout_s=_TOOL_LIST_S)
        return _json(listing([tool_object(tool.name, tool.description, tool.parameters) for tool in found]))

    async def run_tool(self, name: str, request: Request) -> Response:
        """Run one tool; the body is the object of its arguments. A failure of the tool is part of the result."""
        body = await request.body()
        try:
            arguments = decode(body or b"{}")
        except JsonTextError as error:
            raise RequestError(f"The body is not JSON: {error}.") from error
        if not isinstance(arguments, dict):
            raise RequestError("The body must be a JSON object that contains the tool's arguments.")
        seconds = self._gateway.settings.request_timeout_ms / 1000
        outcome = await self._gateway.deps.executor.execute(name, encode(arguments), timeout_s=seconds)
        if outcome.error is not None and outcome.error.code == "not_found":
            missing = outcome.error.message
            raise RequestError(missing, kind=FailureKind.NOT_FOUND, code="tool_not_found", param="name")
        return _json({"name": name, **cast("JsonObject", msgspec.to_builtins(outcome))})

    async def _services(self) -> dict[str, str]:
        ports = self._gateway.deps.health
        states = await asyncio.gather(*(port.state(timeout_s=_PROBE_S) for port in ports.values()))
        return dict(zip(ports, states, strict=True))

    async def _refresh(self) -> None:
        """List the upstreams' models unless the last listing is fresh; wait for at most `_PROBE_S`."""
        now = self._gateway.deps.clock()
        if now - self._probed < _FRESH_S:
            return
        self._probed = now
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._gateway.refresh_models()
        except TimeoutError:
            pass


def build(gateway: Gateway, posted: Iterable[str]) -> FastAPI:
    """Return the framework's app; every error has OpenAI's format. `posted`: paths that are served by POST alone."""
    app = FastAPI(
        title="Toolgate",
        version=gateway.deps.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _background(gateway),
    )
    api = Api(gateway)
    for prefix in ("", *PREFIXES):
        for version in ("/v1", ""):
            app.get(f"{prefix}{version}/models")(api.models)
            app.get(f"{prefix}{version}/models/{{model:path}}")(api.model)
    for path in posted:
        app.api_route(path, methods=_NOT_POST)(_only_post)
    app.get("/health")(api.health)
    app.get("/livez")(api.alive)
    app.get("/readyz")(api.ready)
    app.get("/stats")(api.stats)
    app.get("/tools")(api.tools)
    app.post("/tools/{name}")(api.run_tool)

    async def failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the framework's signature
        return _failed(failure_from(error, gateway.log))

    # Registered as well: after the handler of `Exception` alone, the server closes the connection.
    app.add_exception_handler(ToolgateError, failed)
    app.add_exception_handler(HTTPException, _http_failed)
    app.add_exception_handler(Exception, failed)
    return app


@asynccontextmanager
async def _background(gateway: Gateway) -> AsyncIterator[None]:
    work = asyncio.create_task(gateway.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await gateway.aclose()


async def _only_post() -> Response:
    raise HTTPException(405, headers={"allow": "POST"})


async def _http_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404 and find_endpoint(path) is not None:
        error = HTTPException(405, headers={"allow": "POST"})
    near = near_path(path) if error.status_code == 404 else None
    messages = {
        404: f"Not found: {request.method} {path[:_SHOWN]}.{f' Did you mean {near}?' if near else ''}",
        405: f"{request.method} is not allowed at {path[:_SHOWN]}.",
    }
    message = messages.get(error.status_code, str(error.detail))
    answer = _failed(_framework_failure(error.status_code, message))
    answer.headers.update(error.headers or {})
    return answer


def _framework_failure(status: int, message: str) -> Failure:
    """Return the failure that the framework means: the one place where its errors are translated."""
    match status:
        case 404:
            return Failure(kind=FailureKind.NOT_FOUND, message=message, code="not_found")
        case 405:
            return Failure(kind=FailureKind.METHOD_NOT_ALLOWED, message=message)
        case _:
            return Failure(kind=FailureKind.INVALID, message=message) if status < 500 else internal()


def _failed(failure: Failure) -> Response:
    response = DEFAULT_ERRORS.error(failure)
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return Response(response.body, response.status, headers, "application/json")


def _sent(request: Request, header: str) -> bytes | None:
    value = request.headers.get(header)
    return None if value is None else value.encode("latin-1")


def _json(value: JsonObject, *, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")
