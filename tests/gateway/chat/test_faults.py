"""Services that fail, time that is up, clients that go, and more requests than there is room for."""

import asyncio
import json
import signal
import sys
from typing import Any

import httpx
import pytest
from toolgate_core.strategies.base import Transform, Transformed
from toolgate_core.types.events import Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd
from toolgate_runtime.ports import ServiceError

from tests.gateway.running import MODEL, QUESTION, WEATHER_ANSWER, asked, gateway, text_answer, text_stream
from tests.support.upstream import Reply, Request, answer, chunk, event, stream

EMULATE = "/emulate/v1/chat/completions"


class Broken:
    """A transformer, an extractor and an executor that all fail in one way."""

    def __init__(self, reason: str) -> None:
        self.error = ServiceError("extractor", reason, "it is gone", retryable=True)

    async def transform(self, effect: Transform, *, timeout_s: float) -> Transformed:
        raise self.error

    async def extract(
        self, plan: Plan, tools_json: bytes, text: str, end: TextEnd, state: ScannerState, *, timeout_s: float
    ) -> tuple[Event, ...]:
        raise self.error

    def open(self, plan: Plan, tools_json: bytes, state: ScannerState, *, timeout_s: float) -> "Broken":
        return self

    async def feed(self, text: str) -> tuple[Event, ...]:
        raise self.error

    async def finish(self, text: str, end: TextEnd) -> tuple[Event, ...]:
        raise self.error

    async def aclose(self) -> None:
        return None

    async def tools(self, *, timeout_s: float) -> Any:
        raise self.error

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> Any:
        raise self.error


LEAK = '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>'


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("UNAVAILABLE", 503, "service_unavailable"),
        ("OVERLOADED", 503, "service_unavailable"),
        ("DEADLINE", 504, "timeout"),
        ("INTERNAL", 500, "internal_error"),
        ("MESSAGE_TOO_LARGE", 413, "request_too_large"),
    ],
)
async def test_a_service_that_fails_is_a_clear_error(
    reason: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(reason)
    async with gateway(text_answer("Hi."), transformer=broken, extractor=broken, executor=broken) as running:
        failures = [await running.post(asked(), EMULATE), await running.http.get(f"{running.url}/tools")]
        for response in failures:
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)
            assert response.headers.get("retry-after") == ("1" if status == 503 else None)
    assert [record for record in caplog.records if record.name.startswith("uvicorn") and record.exc_info] == []


@pytest.mark.parametrize(("reason", "code"), [("UNAVAILABLE", "service_unavailable"), ("DEADLINE", "timeout")])
async def test_a_service_that_fails_within_a_stream_ends_it_with_an_error(reason: str, code: str) -> None:
    async with gateway(text_stream("One moment. ", LEAK), extractor=Broken(reason)) as running:
        response = await running.post({**asked(), "stream": True})
        assert response.status_code == 200
        assert "[DONE]" not in response.text
        assert json.loads(response.text.rstrip().rsplit("data: ", 1)[1])["error"]["code"] == code


@pytest.mark.parametrize("body", [asked(), {"model": MODEL, "messages": QUESTION}])
async def test_a_request_that_takes_too_long_is_504(body: dict[str, Any]) -> None:
    async with gateway(Reply([b"{"], then="hang"), request_timeout_ms=300) as running:
        for fields in ({}, {"stream": True}):
            response = await running.post({**body, **fields})
            assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
        assert running.metric("toolgate_requests_total", outcome="timeout") == 2
        assert running.metric("toolgate_requests_in_flight") == 0


@pytest.mark.parametrize("body", [asked(), asked(n=2), {"model": MODEL, "messages": QUESTION}])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_client_that_goes_takes_its_upstream_request_with_it(body: dict[str, Any], streamed: bool) -> None:
    first = stream(event(chunk({"content": "Once "})), then="hang") if streamed else Reply([b"{"], then="hang")
    async with gateway(lambda _: first) as running:
        task = asyncio.create_task(running.post({**body, "stream": streamed}))
        async with asyncio.timeout(5):
            while len(running.chats()) < body.get("n", 1):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with asyncio.timeout(1):
                for request in running.chats():
                    await request.gone.wait()
            while running.metric("toolgate_requests_in_flight"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert running.metric("toolgate_requests_total", outcome="cancelled") == 1
        assert running.metric("toolgate_upstream_requests_total", code="cancelled") == body.get("n", 1)
        assert running.metric("toolgate_attempts_total", outcome="cancelled") == (
            body.get("n", 1) if "tools" in body else 0
        )
        assert (await running.http.get(f"{running.url}/stats")).json()["statistics"]["outcomes"]["cancelled"] == 1


class Gate:
    """An upstream whose answers wait until the gate is opened."""

    def __init__(self) -> None:
        self.closed = True

    def __call__(self, request: Request) -> Reply:
        return Reply([b"{"], then="hang") if self.closed else WEATHER_ANSWER


async def test_requests_beyond_the_limit_wait_and_are_then_rejected() -> None:
    gate = Gate()
    async with gateway(gate, max_in_flight=2, max_queue=1, queue_wait_s=0.3, request_timeout_ms=1500) as running:
        held = [asyncio.create_task(running.post(asked())) for _ in range(2)]
        while len(running.chats()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        gate.closed = False
        queued = asyncio.create_task(running.post(asked()))
        while running.metric("toolgate_admission_queue_depth") < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        refused = [await running.post(asked()), await queued]
        for response in refused:
            assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
            assert response.headers["retry-after"] == "1"
        assert running.metric("toolgate_admission_rejected_total", reason="queue_full") == 1
        assert running.metric("toolgate_admission_rejected_total", reason="queue_timeout") == 1
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await running.post(asked())).status_code == 200


async def test_upstream_credentials_and_addresses_stay_hidden() -> None:
    refused = answer({"error": "Unauthorized sk-verysecretkey at http://10.1.2.3:8000"}, status=401)
    async with gateway(refused) as running:
        for body in (asked(), {"model": MODEL, "messages": QUESTION}):
            response = await running.post(body)
            assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_credential")
            assert "secret" not in response.text
            assert "10.1.2.3" not in response.text


@pytest.mark.parametrize("seconds", [7, 121])
async def test_an_upstreams_limit_is_the_callers_with_its_own_wait(seconds: int) -> None:
    async with gateway(answer({"error": {"message": "slow down"}}, status=429, retry_after=str(seconds))) as running:
        for body in (asked(), {"model": MODEL, "messages": QUESTION}):
            response = await running.post(body)
            assert (response.status_code, response.headers["retry-after"]) == (429, str(seconds))
            assert response.json()["error"]["type"] == "rate_limit_error"


async def test_a_connection_lives_on_after_an_error_and_after_an_aborted_stream() -> None:
    async with gateway(text_answer("Hi.")) as running:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(limits=limits, trust_env=False) as http:
            for content in (b"{", json.dumps(asked()).encode(), b"[]", json.dumps(asked()).encode()):
                response = await http.post(f"{running.url}/v1/chat/completions", content=content)
                assert response.status_code in (200, 400)


async def test_stopping_lets_a_stream_finish() -> None:
    async with gateway(text_stream(*["a b "] * 50), drain_s=10) as running:
        async with running.http.stream(
            "POST", f"{running.url}/v1/chat/completions", json={**asked(), "stream": True}
        ) as response:
            running.stop.set()
            text = (await response.aread()).decode()
        assert text.endswith("data: [DONE]\n\n")
        await running.serving


async def test_before_it_stops_it_says_so_and_serves_on_for_the_grace() -> None:
    async with gateway(text_answer("Hello."), health_grace_s=0.5) as running:
        paths = ("readyz", "livez")
        before = await running.post(asked())
        running.stop.set()
        while (probe := await running.http.get(f"{running.url}/readyz")).status_code == 200:
            pass
        states = {path: (await running.http.get(f"{running.url}/{path}")).status_code for path in paths}
        late = await running.post(asked())
        assert (probe.json(), states) == ({"status": "draining"}, {"readyz": 503, "livez": 200})
        assert [(each.status_code, each.headers.get("connection")) for each in (before, late)] == [
            (200, None),
            (200, "close"),
        ]
        await running.serving


@pytest.mark.parametrize(
    ("environment", "status", "said"),
    [
        ({"TOOLGATE_PORT": "99999"}, 2, "TOOLGATE_PORT"),
        ({"TOOLGATE_MODE": "turbo"}, 2, "TOOLGATE_MODE"),
        ({"VLLM_URL": "localhost:8000"}, 2, "VLLM_URL"),
        (
            {"TOOLGATE_MODELS": '{"a": {"policy": {"ladder": ["nonsense"]}}}', "VLLM_URL": "http://h"},
            2,
            "TOOLGATE_MODELS",
        ),
        ({"TOOLGATE_UPSTREAM_URL": "http://u:p@h"}, 2, "upstreams: vllm"),
        ({"TOOLGATE_HOST": "192.0.2.1"}, 1, "cannot listen on 192.0.2.1:8002"),
        ({"TOOLGATE_API_KEYS_FILE": "/nowhere", "TOOLGATE_PORT": "0"}, 1, "cannot read the API keys"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_line(
    environment: dict[str, str], status: int, said: str, tmp_path: Any
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "toolgate_gateway", env={"TOOLGATE_METRICS": "false", **environment}, cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, stderr = await process.communicate()
    assert process.returncode == status
    assert said in stderr.decode()
    assert len(stderr.decode().strip().splitlines()) == 1


async def test_a_process_ends_with_status_0_on_sigterm(tmp_path: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "toolgate_gateway", env={"TOOLGATE_METRICS": "false", "TOOLGATE_PORT": "0"},
        cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    line = json.loads(await process.stderr.readline())
    assert line["msg"] == "serving"
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"http://127.0.0.1:{line['port']}/livez")).status_code == 200
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
