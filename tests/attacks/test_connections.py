"""Attacks with connections, heads and bodies, most of them without a key."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.attacks.driver import Attacked, attacked, shown
from tests.support.upstream import Reply, Request, answer, completion

LIVEZ_S = 1.0
"""Generous, because the machine may be busy; the figures show the real value."""

GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


def served(request: Request) -> Reply:
    if request.path.endswith("/models"):
        return answer({"data": [{"id": "m"}]})
    return answer(completion({"content": "Hi."}))


def send(gateway: Attacked, *parts: bytes, times: int = 1, wait_s: float = 60) -> int:
    """Send parts (the last one `times` times) and return the status of the answer, 0 for none."""
    with gateway.raw(wait_s) as connection:
        try:
            for part in parts[:-1]:
                connection.sendall(part)
            for _ in range(times):
                connection.sendall(parts[-1])
        except OSError:
            pass
        try:
            first = connection.recv(4096)
        except OSError:
            return 0
    return int(first.split()[1]) if first.startswith(b"HTTP/1.1 ") else 0


MIB = b"a" * 2**20
MANY = b"a: 1\r\n" * 10_000
CASES: dict[str, tuple[Callable[[Attacked], int], tuple[int, ...]]] = {
    "a header of 40 MB": (lambda g: send(g, GET, b"x: ", MIB, times=40), (431,)),
    "300,000 headers": (lambda g: send(g, GET, MANY, times=30), (431,)),
    "a URL of 30 MB": (lambda g: send(g, b"GET /", MIB, times=30), (414, 431)),
    "a trailer of 30 MB": (
        lambda g: send(g, POST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: ", MIB, times=30),
        (431,),
    ),
    "a chunk's extension of 30 MB": (
        lambda g: send(g, POST + b"transfer-encoding: chunked\r\n\r\n2;x=", MIB, times=30),
        (431,),
    ),
    "100,000 requests ahead": (lambda g: send(g, (GET + b"\r\n") * 10_000, times=10), (200,)),
    "50 MB after a wrong length": (
        lambda g: send(g, POST + b"content-length: 99999999\r\n\r\n", MIB, times=50),
        (413,),
    ),
}


@pytest.mark.parametrize("keys", ["", "secret"])
@pytest.mark.parametrize("name", CASES)
async def test_bytes_before_a_request_delay_no_other_client(
    name: str, keys: str, record_property: Callable[[str, object], None]
) -> None:
    attack, expected = CASES[name]
    settings = {"api_keys": keys} if keys else {}
    async with attacked(served, **settings) as gateway:
        async with gateway.watched(f"{name}{', with keys' if keys else ''}") as cost:
            cost.statuses = [await asyncio.to_thread(attack, gateway)]
        shown([cost][0], record_property)
        assert cost.statuses[0] in (*expected, *((401,) if keys else ()))
        assert cost.livez_s < LIVEZ_S
        assert cost.rss_after - cost.rss_before < 40


def opened(gateway: Attacked, count: int, sent: bytes = b"") -> list[socket.socket]:
    found = []
    for _ in range(count):
        connection = gateway.raw(30)
        if sent:
            connection.sendall(sent)
        found.append(connection)
    return found


async def test_bodies_without_an_end_delay_no_other_client(record_property: Callable[[str, object], None]) -> None:
    """40 clients send 15 MB each and keep the last byte."""
    part = b" " * 2**20

    def fill(connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            for _ in range(15):
                connection.sendall(part)
        except OSError:
            pass

    async with attacked(served) as gateway:
        async with gateway.watched("40 bodies of 15 MB without an end") as cost:
            held = opened(gateway, 40, POST + b"content-length: 15728641\r\n\r\n")
            await asyncio.gather(*(asyncio.to_thread(fill, connection) for connection in held))
            honest = await gateway.post({"model": "m", "messages": [{"role": "user", "content": "x"}]})
            cost.statuses = [honest.status]
        for connection in held:
            connection.close()
        shown(cost, record_property)
        assert honest.status == 200
        assert cost.rss_after - cost.rss_before < 500


async def test_names_of_models_delay_no_other_client(record_property: Callable[[str, object], None]) -> None:
    """One of 120 KB, and 60 of 0.9 MB that no upstream serves."""
    async with attacked(served) as gateway:
        for text, count in (("vllm@" + "qwen" * 30_000, 1), ("vllm@" + "x" * 900_000, 60)):
            async with gateway.watched(f"{count} models' names of {len(text)} characters") as cost:
                for number in range(count):
                    body = {"model": f"{text}{number}", "messages": [{"role": "user", "content": "x"}]}
                    cost.statuses = [(await gateway.post(body)).status]
            shown(cost, record_property)
            assert cost.statuses == [400]
            assert cost.livez_s < LIVEZ_S
            assert cost.rss_after - cost.rss_before < 60


LISTS = b"[" + b"[]," * 3_300_000 + b"[]]"
MEMBERS = b",".join(b'"%07d":1' % number for number in range(1_000_000))


@pytest.mark.parametrize(
    ("name", "path", "body", "status"),
    [
        ("10 MB of [] for a tool", "/tools/calculator", b'{"expression":' + LISTS + b"}", 413),
        ("10 MB of [] to embed", "/v1/embeddings", b'{"model":"alias","input":' + LISTS + b"}", 200),
        ("a million members to embed", "/v1/embeddings", b'{"model":"alias",' + MEMBERS + b"}", 200),
        (
            "a million members, passthrough",
            "/passthrough/v1/chat/completions",
            b'{"model":"alias","messages":[],' + MEMBERS + b"}",
            200,
        ),
    ],
)
async def test_large_forwarded_bodies_delay_no_other_client(
    name: str, path: str, body: bytes, status: int, record_property: Callable[[str, object], None]
) -> None:
    async with attacked(served, models='{"alias":{"upstream":"vllm","model":"m"}}') as gateway:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        async with gateway.watched(name) as cost:
            cost.statuses = [await asyncio.to_thread(send, gateway, head, body)]
        shown(cost, record_property)
        assert cost.statuses == [status]
        assert cost.livez_s < LIVEZ_S


@pytest.mark.slow
async def test_silent_and_slow_connections_end(record_property: Callable[[str, object], None]) -> None:
    """Heads and bodies that never end are given up within half a minute or so; a well-behaved client is served meanwhile."""
    begun = {
        "silent": b"",
        "half a head": GET,
        "half a body": POST + b"content-length: 100\r\n\r\n{",
        "half a tool's body": b"POST /tools/calculator HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
    }

    def ended(connection: socket.socket) -> float:
        connection.settimeout(60)
        began = time.monotonic()
        try:
            while connection.recv(4096):
                pass
        except OSError:
            return float("inf")
        return time.monotonic() - began

    async with attacked(served) as gateway, gateway.watched("silent and half requests") as cost:
        held = {name: opened(gateway, 1, sent)[0] for name, sent in begun.items()}
        seconds = await asyncio.gather(*(asyncio.to_thread(ended, connection) for connection in held.values()))
        for name, took in zip(held, seconds, strict=True):
            record_property("figures", f"{name:<44} closed after {took:.0f} s")
        assert max(seconds) < 50
        for connection in held.values():
            connection.close()
        cost.statuses = []


FILES = 256


async def test_more_connections_than_files_leave_room_for_honest_clients(
    record_property: Callable[[str, object], None],
) -> None:
    """300 silent connections to a process that may open 256 files."""
    python = os.environ.get("TOOLGATE_ATTACKED", sys.executable)
    program = f"ulimit -n {FILES}; exec {python} -m toolgate_cli up --port 0"
    environment = {**os.environ, "TOOLGATE_METRICS_PORT": "0", "TOOLGATE_LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", program, env=environment, stdout=asyncio.subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        while not line.strip().startswith(b"gateway"):
            line = await process.stdout.readline()
        port = int(line.split(b"127.0.0.1:")[1].split()[0].split(b"/")[0])
        held = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(300)]
        status = 0
        with socket.create_connection(("127.0.0.1", port), timeout=10) as honest:
            body = json.dumps({"model": "gpt-oss-20b", "messages": [{"role": "user", "content": "x"}]}).encode()
            honest.sendall(POST + b"content-length: %d\r\n\r\n" % len(body) + body)
            try:
                status = int((await asyncio.to_thread(honest.recv, 4096)).split()[1])
            except (OSError, IndexError):
                status = 0
        record_property("figures", f"{'300 silent connections, 256 files':<44} a well-behaved client: {status}")
        assert status == 200
        for connection in held:
            connection.close()
    finally:
        process.kill()
        await process.wait()


async def test_a_log_without_a_reader_delays_no_client(record_property: Callable[[str, object], None]) -> None:
    """Debug lines into a pipe that is full."""
    python = os.environ.get("TOOLGATE_ATTACKED", sys.executable)
    reading, writing = os.pipe()
    environment = {**os.environ, "TOOLGATE_METRICS_PORT": "0", "TOOLGATE_DEBUG": "true"}
    process = await asyncio.create_subprocess_exec(
        python,
        "-m",
        "toolgate_cli",
        "up",
        "--port",
        "0",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=writing,
    )
    os.close(writing)
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        while not line.strip().startswith(b"gateway"):
            line = await process.stdout.readline()
        gateway = Attacked(int(line.split(b"127.0.0.1:")[1].split()[0].split(b"/")[0]), process.pid, None)  # type: ignore[arg-type]
        answered = 0

        def ask() -> int:
            with gateway.raw(5) as connection:
                body = json.dumps({"model": "gpt-oss-20b", "messages": [{"role": "user", "content": "x"}]}).encode()
                connection.sendall(POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                return int(connection.recv(4096).split()[1])

        for _ in range(600):
            try:
                answered += await asyncio.to_thread(ask) == 200
            except (OSError, IndexError):
                break
        record_property("figures", f"{'600 requests, a log without a reader':<44} answered: {answered}")
        assert answered == 600
    finally:
        process.kill()
        await process.wait()
        os.close(reading)
