"""What a client may send before and around its requests: heads, trailers, requests ahead, and how slowly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from toolgate_core import limits

from tests.gateway.running import RunningGateway, asked, gateway, text_answer

LIVEZ = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


class Client:
    """A connection for bytes that no client library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self._writer.write(part)
            try:
                await self._writer.drain()
            except OSError:
                return

    async def answers(self) -> list[tuple[int, dict[str, str], bytes]]:
        """All answers until the gateway closes the connection."""
        found: list[tuple[int, dict[str, str], bytes]] = []
        while True:
            answer = await self.answer()
            if answer is None:
                return found
            found.append(answer)

    async def answer(self) -> tuple[int, dict[str, str], bytes] | None:
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, OSError):
            return None
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, body

    async def ends(self) -> bool:
        """Whether the gateway closes the connection, and says nothing before it."""
        try:
            return await self._reader.read() == b""
        except OSError:
            return True


@asynccontextmanager
async def connected(running: RunningGateway) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.ports.http)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


def code_of(body: bytes) -> str:
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["code"])


def in_parts(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


LONG = b"a" * (limits.MAX_HEAD_BYTES + 300_000)


@pytest.mark.parametrize("size", [1000, 65536, 1 << 20])
@pytest.mark.parametrize("keys", [[], ["right"]])
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (LIVEZ + b"x: " + LONG + b"\r\n\r\n", 431, "head_too_large"),
        (LIVEZ + b"x: " + LONG, 431, "head_too_large"),
        (LIVEZ + LONG + b": 1\r\n\r\n", 431, "head_too_large"),
        (LIVEZ + b"a: 1\r\n" * 100_000 + b"\r\n", 431, "head_too_large"),
        (LIVEZ + b"a: 1\r\n" * (limits.MAX_HEADERS + 1) + b"\r\n", 431, "head_too_large"),
        (b"GET /" + LONG + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414, "url_too_long"),
        (b"GET /" + LONG, 414, "url_too_long"),
        (b"GET /livez?" + LONG + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414, "url_too_long"),
    ],
)
async def test_an_oversized_head_is_rejected_and_the_connection_closes(
    sent: bytes, status: int, code: str, keys: list[str], size: int
) -> None:
    async with gateway(api_keys=keys) as running, connected(running) as client:
        sending = asyncio.create_task(client.send(*in_parts(sent, size)))
        [(got, headers, body)] = await client.answers()
        await sending
        assert (got, code_of(body), headers["connection"]) == (status, code, "close")
        assert headers["x-request-id"]
        assert running.metric("toolgate_http_requests_total", route="other", code=str(status)) == 1


@pytest.mark.parametrize("size", [1000, 1 << 20])
@pytest.mark.parametrize(
    "trailers",
    [b"x: " + LONG + b"\r\n\r\n", b"x: " + LONG, b"a: 1\r\n" * 100_000 + b"\r\n"],
)
async def test_oversized_trailers_are_rejected(trailers: bytes, size: int) -> None:
    async with gateway() as running, connected(running) as client:
        body = json.dumps(asked()).encode()
        sent = CHAT + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body) + trailers
        sending = asyncio.create_task(client.send(*in_parts(sent, size)))
        [(status, _, answer)] = await client.answers()
        await sending
        assert (status, code_of(answer)) == (431, "head_too_large")
        assert running.chats() == []


async def test_an_oversized_chunk_frame_is_rejected() -> None:
    async with gateway() as running, connected(running) as client:
        sent = CHAT + b"transfer-encoding: chunked\r\n\r\n1;x=" + LONG
        sending = asyncio.create_task(client.send(*in_parts(sent, 4096)))
        [(status, _, _)] = await client.answers()
        await sending
        assert status == 431


async def test_trailers_are_dropped() -> None:
    async with gateway(api_keys=["right"]) as running, connected(running) as client:
        await client.send(
            CHAT + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nauthorization: Bearer right\r\n\r\n"
        )
        answer = await client.answer()
        assert answer is not None
        assert (answer[0], code_of(answer[2])) == (401, "invalid_api_key")


async def test_requests_within_the_limits_are_served_in_any_parts() -> None:
    async with gateway(text_answer("Hi.")) as running:
        body = json.dumps(asked(tools=None, user="u" * 200_000)).encode()
        head = CHAT + b"x: " + b"a" * 60_000 + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in in_parts(body, 7))
        chunked = CHAT + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\nx: 1\r\n\r\n"
        for sent in (head + body, chunked):
            for size in (1000, 70_000, 1 << 20):
                async with connected(running) as client:
                    sending = asyncio.create_task(client.send(*in_parts(sent, size)))
                    answer = await client.answer()
                    await sending
                    assert answer is not None
                    assert (answer[0], "connection" in answer[1]) == (200, False)


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n", b"\0" * 99]
)
async def test_invalid_http_gets_an_error_object(garbage: bytes) -> None:
    async with gateway() as running, connected(running) as client:
        await client.send(garbage)
        [(status, _, body)] = await client.answers()
        assert (status, code_of(body)) == (400, "None")


async def test_a_request_before_garbage_is_answered_before_the_close() -> None:
    async with gateway() as running, connected(running) as client:
        await client.send(LIVEZ + b"\r\n" + b"\0garbage\r\n\r\n")
        assert [status for status, _, _ in await client.answers()] == [200]


async def test_pipelined_requests_are_answered_in_order_up_to_a_limit() -> None:
    async with gateway() as running:
        async with connected(running) as client:
            await client.send((LIVEZ + b"\r\n") * limits.MAX_PIPELINED)
            for _ in range(limits.MAX_PIPELINED):
                answer = await client.answer()
                assert answer is not None
                assert answer[0] == 200
        async with connected(running) as client:
            await client.send((LIVEZ + b"\r\n") * 20_000)
            answers = await client.answers()
            assert {status for status, _, _ in answers} == {200}
            assert 1 <= len(answers) <= limits.MAX_PIPELINED + 1


@pytest.mark.parametrize("begun", [b"", b"\r\n", LIVEZ, b"GET /liv"])
async def test_a_late_head_closes_the_connection(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.2)
    async with gateway() as running, connected(running) as client:
        await client.send(begun)
        if begun:
            [(status, _, body)] = await client.answers()
            assert (status, code_of(body)) == (408, "request_timeout")
        else:
            assert await client.ends()


async def test_a_late_second_head_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.2)
    async with gateway() as running, connected(running) as client:
        await client.send(LIVEZ + b"\r\n", b"GET /livez HT")
        assert [status for status, _, _ in await client.answers()] == [200, 408]


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/tools/echo"])
@pytest.mark.parametrize("body", [b"content-length: 100\r\n\r\n{", b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"])
async def test_a_stalled_body_closes_the_connection(path: bytes, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_TIMEOUT_S", 0.2)
    async with gateway() as running, connected(running) as client:
        await client.send(b"POST " + path + b" HTTP/1.1\r\nhost: localhost\r\n" + body)
        [(status, _, answer)] = await client.answers()
        assert (status, code_of(answer)) == (408, "request_timeout")
        assert running.metric("toolgate_requests_in_flight") == 0


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/tools/echo"])
async def test_a_slow_body_ends_at_the_requests_deadline(path: bytes) -> None:
    async with gateway(request_timeout_ms=300) as running, connected(running) as client:
        await client.send(b"POST " + path + b" HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        [(status, headers, body)] = await client.answers()
        assert (status, code_of(body), headers["connection"]) == (504, "timeout", "close")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/chat/completions", 401), ("/tools/echo", 401), ("/v1/models", 401), ("/nothing", 401), ("/livez", 405)],
)
async def test_a_response_before_the_body_was_read_closes_the_connection(path: str, status: int) -> None:
    async with gateway(api_keys=["right"]) as running, connected(running) as client:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000000\r\n\r\n".encode()
        sending = asyncio.create_task(client.send(head, *in_parts(b"a" * 5_000_000, 65536)))
        [(got, headers, _)] = await client.answers()
        await sending
        assert (got, headers["connection"]) == (status, "close")


async def test_the_longest_idle_connection_makes_room_for_a_new_one() -> None:
    async with gateway(max_connections=3) as running, connected(running) as first, connected(running) as second:
        await second.send(LIVEZ + b"\r\n")
        assert await second.answer() is not None
        async with connected(running), connected(running) as fourth:
            await fourth.send(LIVEZ + b"\r\n")
            assert (await fourth.answer() or (0,))[0] == 200
            assert await first.ends()


async def test_a_new_connection_is_rejected_when_all_others_are_busy() -> None:
    async with gateway(max_connections=1) as running, connected(running) as busy:
        await busy.send(CHAT + b"expect: 100-continue\r\ncontent-length: 100\r\n\r\n")
        assert (await busy.answer() or (0,))[0] == 100
        async with connected(running) as client:
            [(status, headers, body)] = await client.answers()
            assert (status, code_of(body), headers["retry-after"]) == (503, "overloaded", "1")


async def test_large_bodies_share_a_budget() -> None:
    async with gateway(text_answer("Hi."), max_bodies_bytes=1_000_000) as running:
        async with connected(running) as client:
            await client.send(CHAT + b"content-length: 900001\r\n\r\n" + b" " * 900_000)
            while (large := await running.post(asked(tools=None, user="u" * 500_000))).status_code == 200:
                pass
            assert (large.status_code, large.json()["error"]["code"]) == (503, "overloaded")
            assert large.headers["retry-after"] == "1"
            assert (await running.post(asked(tools=None))).status_code == 200
            assert running.metric("toolgate_admission_rejected_total", reason="bodies_full") == 1
        while (await running.post(asked(tools=None, user="u" * 500_000))).status_code != 200:
            pass


async def test_head_is_answered_like_get_without_a_body() -> None:
    async with gateway() as running:
        for path in (
            "/livez",
            "/readyz",
            "/health",
            "/stats",
            "/v1/models",
            "/v1/models/m",
            "/tools",
            "/passthrough/v1/models",
        ):
            head = await running.http.head(running.url + path)
            got = await running.http.get(running.url + path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert head.headers["content-type"] == got.headers["content-type"]
        assert (await running.http.head(f"{running.url}/v1/models/unknown")).status_code == 404
        assert (await running.http.head(f"{running.url}/v1/chat/completions")).status_code == 405
