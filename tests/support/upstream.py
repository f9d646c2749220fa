"""An upstream that follows a script: a real socket, scripted answers byte by byte, and the requests it received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import responses
from typing import Any


@dataclass
class Request:
    """A request from the socket; `gone` is set once the client has closed the connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer: `parts` are written one by one.

    `parts` None: close the connection without an answer. `then`: what follows the last part: the proper `end`, `cut`
    (close at once), or `hang` (say nothing more, keep the connection); `silence` says nothing at all. `pause`: the other side gets to read each part
    by itself. `framing`: `chunked`, `length` or `close` (the end of the connection ends the body).
    """

    parts: Sequence[bytes] | None
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    then: str = "end"
    framing: str = "chunked"
    pause: bool = False


def answer(value: object, *, status: int = 200, **headers: str) -> Reply:
    """A whole JSON answer; `headers` with underscores for dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return Reply([body], status, {"content-type": "application/json", **named}, framing="length")


def stream(*parts: bytes, then: str = "end", framing: str = "chunked", pause: bool = False) -> Reply:
    """An event stream of raw parts."""
    return Reply(parts, 200, {"content-type": "text/event-stream; charset=utf-8"}, then, framing, pause)


def event(value: object) -> bytes:
    """One event; `[DONE]` as text, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """A chunk of choice 0 as vLLM writes it."""
    choice: dict[str, Any] = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
    } | extra


def completion(message: dict[str, Any], finish: str | None = "stop", **extra: Any) -> dict[str, Any]:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]} | extra


Script = Iterable[Reply] | Callable[[Request], Reply]


class ScriptedUpstream:
    """Serves a script on a free port: the replies in turn (the last one again and again), or what a function says."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._pick = script if callable(script) else _in_turn(script)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def aclose(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer, self.connections)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        while True:
            request = await _read_request(reader, connection)
            self.requests.append(request)
            reply = self._pick(request)
            if reply.parts is None:
                return
            if reply.then != "silence":
                await _write_reply(reply, writer)
            if reply.then == "cut":
                await writer.drain()
                writer.close()
                return
            if reply.then in ("hang", "silence"):
                await reader.read()
                request.gone.set()
                return
            if reply.framing == "close":
                writer.close()
                return


def _in_turn(replies: Iterable[Reply]) -> Callable[[Request], Reply]:
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        body = b"".join(parts)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body, connection)


async def _write_reply(reply: Reply, writer: asyncio.StreamWriter) -> None:
    parts = reply.parts or ()
    head = f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    if reply.framing == "chunked":
        head += "transfer-encoding: chunked\r\n"
    elif reply.framing == "length":
        head += f"content-length: {sum(map(len, parts))}\r\n"
    else:
        head += "connection: close\r\n"
    writer.write(head.encode() + b"\r\n")
    for part in parts:
        writer.write(b"%x\r\n%b\r\n" % (len(part), part) if reply.framing == "chunked" else part)
        if reply.pause:
            await writer.drain()
            for _ in range(4):  # the reader runs in this loop: let it take each part by itself
                await asyncio.sleep(0)
    if reply.framing == "chunked" and reply.then == "end":
        writer.write(b"0\r\n\r\n")
    await writer.drain()


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedUpstream]:
    """A running `ScriptedUpstream`."""
    upstream = ScriptedUpstream(script)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.aclose()
