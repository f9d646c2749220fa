"""The fake upstream: as little work per request as Python can do, so that the gateway is what is measured.

It runs as a separate process (`python -m benchmarks.upstream --port N`). The answer goes by the request: a stream if
it asks for one (its chunks all at once, or 10 ms apart), a native call if it has tools, else a decision as text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence

import uvloop

from benchmarks import scripts

SPACING_S = 0.01
SPACED = scripts.SPACED.encode()


def _http(body: bytes, kind: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(body), body)


def _frame(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


class Answers:
    """Every answer, written out once."""

    def __init__(self) -> None:
        model = {"id": scripts.MODEL, "object": "model", "created": 1, "owned_by": "bench"}
        self.models = _http(json.dumps({"object": "list", "data": [model]}).encode())
        self.native = _http(scripts.native_answer())
        self.decision = _http(scripts.decision_answer())
        chunks = scripts.stream_chunks()
        self.burst = _HEAD + b"".join(map(_frame, chunks)) + b"0\r\n\r\n"
        self.spaced = [_HEAD + _frame(chunks[0]), *map(_frame, chunks[1:]), b"0\r\n\r\n"]


class Connection(asyncio.Protocol):
    """One connection; requests come one after the other, never pipelined."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._missing = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface of a protocol
        """Stop a stream that is in progress."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what came; answer when the request is whole."""
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        data = b"".join(self._parts)
        head = data.find(b"\r\n\r\n")
        if head < 0:
            self._parts = [data]
            return
        self._missing = head + 4 + _content_length(data[:head]) - len(data)
        if self._missing > 0:
            self._parts = [data]
            return
        self._parts.clear()
        self._missing = 0
        self._answer(data)

    def _answer(self, request: bytes) -> None:
        assert self._transport is not None
        answers = self._answers
        if request.startswith(b"GET"):
            self._transport.write(answers.models)
        elif b'"stream":true' in request or b'"stream": true' in request:
            if SPACED in request:
                self._write_spaced(answers.spaced)
            else:
                self._transport.write(answers.burst)
        elif b'"tools":' in request:
            self._transport.write(answers.native)
        else:
            self._transport.write(answers.decision)

    def _write_spaced(self, parts: Sequence[bytes]) -> None:
        assert self._transport is not None
        self._transport.write(parts[0])
        if len(parts) > 1:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SPACING_S, self._write_spaced, parts[1:])


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    if start < 0:
        return 0
    end = lower.find(b"\r\n", start)
    return int(lower[start + 15 : end if end >= 0 else None])


async def serve(port: int) -> None:
    """Serve on a port of this machine until the process ends."""
    answers = Answers()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve on the port that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
