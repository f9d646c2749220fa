"""The HTTP surface: vLLM's endpoints over an engine."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgate_simulator import tokens
from toolgate_simulator.conversation import text_of
from toolgate_simulator.engine import CutError, Engine, Job
from toolgate_simulator.faults import RefusedError, fault, no_object, refuse
from toolgate_simulator.front import Front
from toolgate_simulator.settings import Settings
from toolgate_simulator.values import Json

VERSION = "0.33.0"
_LOG = logging.getLogger("toolgate_simulator")
_STARTED = 1_790_000_000


def encode(value: Any) -> bytes:
    """Return JSON bytes; text with lone surrogates is written with escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()


def _reply(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Return the ASGI application of one simulator.

    Raises:
        SettingsError: a model has no persona, or the file of personas is wrong.
    """
    settings = settings or Settings()
    engine = Engine(settings)

    async def models(_: Request) -> Response:
        return _reply({"object": "list", "data": [_card(engine, name, settings.root) for name in engine.models]})

    async def health(_: Request) -> Response:
        return Response(b"", 200)

    async def version(_: Request) -> Response:
        return _reply({"version": VERSION})

    async def load(_: Request) -> Response:
        return _reply({"server_load": engine.metrics.running})

    async def metrics(_: Request) -> Response:
        return Response(engine.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    routes = [
        Route("/v1/models", models),
        Route("/v1/chat/completions", Chat(engine), methods=["POST"]),
        Route("/tokenize", _tokenize(engine), methods=["POST"]),
        Route("/health", health),
        Route("/ping", health, methods=["GET", "POST"]),
        Route("/version", version),
        Route("/load", load),
        Route("/metrics", metrics),
    ]
    return Front(Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route}), settings.api_keys)


async def _no_route(_: Request, error: Exception) -> Response:
    return _reply({"detail": getattr(error, "detail", "Not Found")}, getattr(error, "status_code", 404))


def _card(engine: Engine, name: str, root: str) -> Json:
    permission = {
        "id": f"modelperm-{zlib.crc32(name.encode()):08x}",
        "object": "model_permission",
        "created": _STARTED,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    return {
        "id": name,
        "object": "model",
        "created": _STARTED,
        "owned_by": "vllm",
        "root": root or name,
        "parent": None,
        "max_model_len": engine.models[name].max_model_len,
        "permission": [permission],
    }


def _tokenize(engine: Engine) -> Callable[[Request], Awaitable[Response]]:
    async def tokenize(request: Request) -> Response:
        try:
            body = _read(await request.body())
        except RefusedError as error:
            return _reply(error.body, error.status)
        text = body.get("prompt") or "\n".join(text_of(one.get("content")) for one in body.get("messages") or [])
        pieces = tokens.split(str(text))
        persona = engine.models.get(str(body.get("model")), next(iter(engine.models.values())))
        ids = [zlib.crc32(piece.encode("utf-8", "replace")) % 128_000 for piece in pieces]
        return _reply({"count": len(ids), "max_model_len": persona.max_model_len, "tokens": ids, "token_strs": None})

    return tokenize


def _read(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except json.JSONDecodeError as error:
        refuse([fault("json_invalid", f"body.{error.pos}", "JSON decode error", {}, {"error": error.msg})])
    except (ValueError, RecursionError):
        message = "There was an error parsing the body"
        raise RefusedError(message) from None
    if not isinstance(body, dict):
        refuse([no_object("body", body)])
    return body


class Chat:
    """`POST /v1/chat/completions` as raw ASGI, so that a client's leaving ends the answer at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whichever is first, the answer's end or the client's leaving, ends it."""
        request = Request(scope, receive)
        raw = await request.body()
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            message = "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed"
            await _send_whole(send, 400, RefusedError(message, kind="Bad Request").body)
            return
        answering = asyncio.create_task(self._answer(raw, request.headers.get("x-request-id") or uuid4().hex, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, raw: bytes, request_id: str, send: Send) -> None:
        body: Json = {}
        try:
            body = _read(raw)
            job = self._engine.accept(body, request_id)
            async with self._engine.admission.place(job.head.model):
                await self._admitted(job, send)
        except RefusedError as error:
            if error.late and body.get("stream"):
                await _send_stream(send, json.dumps(error.body).encode())
            else:
                await _send_whole(send, error.status, error.body)
        except Exception:  # noqa: BLE001 - the request boundary: the client gets an error in vLLM's shape
            _LOG.exception("request failed")
            await _send_whole(send, 500, _failure("Internal server error"))

    async def _admitted(self, job: Job, send: Send) -> None:
        if job.failed:
            await _send_whole(
                send, 500, _failure("EngineCore encountered an issue. See stack trace (above) for the root cause.")
            )
            return
        await self._run(job, send)

    async def _run(self, job: Job, send: Send) -> None:
        model, begun = job.head.model, time.perf_counter()
        self._engine.metrics.begin(model)
        try:
            if job.body.get("stream"):
                await self._stream(job, send, begun)
            else:
                whole = await self._engine.whole(job)
                self._engine.metrics.first_token(model, time.perf_counter() - begun)
                await _send_whole(send, 200, whole, cut=any(one.fate == "cut_stream" for one in job.generations))
        except asyncio.CancelledError:
            self._engine.metrics.finished(model, "abort", parsed=False)
            raise
        finally:
            self._engine.metrics.end(model, time.perf_counter() - begun)

    async def _stream(self, job: Job, send: Send, begun: float) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        first = True
        try:
            async for chunk in self._engine.stream(job):
                await send(
                    {"type": "http.response.body", "body": b"data: " + encode(chunk) + b"\n\n", "more_body": True}
                )
                if first:
                    self._engine.metrics.first_token(job.head.model, time.perf_counter() - begun)
                    first = False
        except CutError:
            # Returning before the body's end makes the server close the connection.
            return
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def _send_stream(send: Send, event: bytes) -> None:
    """Send a stream of one event: what the engine refuses is refused when the headers have gone."""
    headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: " + event + b"\n\ndata: [DONE]\n\n"})


def _failure(message: str) -> Json:
    return {"error": {"message": message, "type": "InternalServerError", "param": None, "code": 500}}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_whole(send: Send, status: int, value: Json, *, cut: bool = False) -> None:
    body = encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if cut:
        # Half of the announced length: the server closes the connection when this returns.
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        return
    await send({"type": "http.response.body", "body": body})
