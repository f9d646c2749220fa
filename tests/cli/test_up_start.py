"""What `toolgate up` says and does at its start and its end, with real processes and a real terminal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from toolgate_cli.__main__ import main

from tests.support.upstream import Reply, Request, answer, completion, scripted

pytestmark = [pytest.mark.slow]

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


class Terminal:
    """A `toolgate up` whose standard error and control come from a terminal; its output may go elsewhere."""

    def __init__(self, process: asyncio.subprocess.Process, controller: int) -> None:
        self.process = process
        self.text = ""
        self._controller = controller
        os.set_blocking(controller, False)

    async def until(self, word: str) -> str:
        """Read what the terminal shows until a line has `word`; return the line."""
        while True:
            for line in self.text.splitlines():
                if word in line:
                    return line
            assert await self._more(), self.text

    async def press_ctrl_c(self) -> None:
        os.write(self._controller, b"\x03")

    async def end(self) -> int:
        """Wait for the process; return its exit status."""
        while await self._more():
            pass
        return await self.process.wait()

    async def _more(self) -> bool:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._controller, ready.set)
        await ready.wait()
        loop.remove_reader(self._controller)
        try:
            part = os.read(self._controller, 65536)
        except OSError:  # Linux reports the end of a terminal so
            return False
        self.text += part.decode()
        return bool(part)


@asynccontextmanager
async def up(folder: Path, *arguments: str, stdout: str | None = None, **environment: str) -> AsyncIterator[Terminal]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")}
    controller, terminal = os.openpty()
    output = os.open(stdout, os.O_WRONLY) if stdout else os.dup(terminal)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            # A new session has no terminal; the first one that it opens becomes its own.
            "import os, sys; os.close(os.open(os.ttyname(2), os.O_RDWR));"
            "os.execv(sys.executable, [sys.executable, '-m', 'toolgate_cli', *sys.argv[1:]])",
            "up",
            "--port",
            "0",
            *arguments,
            env={**clean, "TOOLGATE_METRICS": "false", **environment},
            cwd=folder,
            stdin=terminal,
            stdout=output,
            stderr=terminal,
            start_new_session=True,
        )
    finally:
        os.close(terminal)
        os.close(output)
    shown = Terminal(process, controller)
    try:
        yield shown
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(controller)


async def port_of(shown: Terminal) -> int:
    line = await shown.until('"msg":"serving"')
    return int(json.loads(line)["port"])


class Silent:
    """The script of an upstream that lists its models and never answers; `asked` is set by a question."""

    def __init__(self) -> None:
        self.listed = asyncio.Event()
        self.asked = asyncio.Event()

    def __call__(self, request: Request) -> Reply:
        (self.listed if request.method == "GET" else self.asked).set()
        return answer({"data": [{"id": "m"}]}) if request.method == "GET" else Reply([], then="silence")


async def ask(port: int) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        return await http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=QUESTION)


@pytest.mark.parametrize("grpc", [False, True], ids=["in process", "grpc"])
async def test_ctrl_c_says_what_it_waits_for_and_a_second_one_ends_it(grpc: bool, tmp_path: Path) -> None:
    arguments = ("--grpc",) if grpc else ()
    script = Silent()
    async with scripted(script) as upstream, up(tmp_path, "--upstream", upstream.url, *arguments) as shown:
        port = await port_of(shown)
        asking = asyncio.create_task(ask(port))
        await script.asked.wait()
        children = psutil.Process(shown.process.pid).children()
        await shown.press_ctrl_c()
        assert "1 request in flight, up to 20 s; press Ctrl-C again to end it now" in await shown.until("in flight,")
        assert all(child.status() != psutil.STATUS_ZOMBIE for child in children)
        await shown.press_ctrl_c()
        response = await asking
        assert (response.status_code, response.json()["error"]["code"]) == (503, "shutting_down")
        assert await shown.end() == 0
        assert "Traceback" not in shown.text
        assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_with_nothing_in_flight_ends_it_in_silence(number: signal.Signals, tmp_path: Path) -> None:
    async with up(tmp_path, TOOLGATE_LOG_LEVEL="error") as shown:
        await shown.until("Press Ctrl-C to stop.")
        shown.process.send_signal(number)
        assert await shown.end() == 0
        assert shown.text.rstrip().endswith("Press Ctrl-C to stop.") or shown.text.rstrip().endswith("^C")


async def test_a_full_disk_under_the_greeting_does_not_end_it(tmp_path: Path) -> None:
    reply = answer(completion({"content": "Hello."}))
    models = answer({"data": [{"id": "m"}]})
    async with (
        scripted(lambda request: models if request.method == "GET" else reply) as upstream,
        up(tmp_path, "--upstream", upstream.url, stdout="/dev/full") as shown,
    ):
        port = await port_of(shown)
        assert (await ask(port)).status_code == 200
        shown.process.send_signal(signal.SIGTERM)
        assert await shown.end() == 0
        assert "Traceback" not in shown.text
        assert "greeting_lost" in shown.text


async def test_a_misspelt_variable_warns_and_the_simulator_is_announced(tmp_path: Path) -> None:
    async with up(tmp_path, TOOLGATE_UPSTREAM="http://127.0.0.1:9") as shown:
        await shown.until("Press Ctrl-C to stop.")
    assert (
        "warning: TOOLGATE_UPSTREAM is not a setting of any service; did you mean TOOLGATE_UPSTREAM_URL?" in shown.text
    )
    assert "*** SIMULATOR" in shown.text


async def test_a_dead_upstream_is_one_line(tmp_path: Path) -> None:
    async with up(tmp_path, "--upstream", "http://127.0.0.1:9") as shown:
        assert await shown.until("settings") == "settings  --port, --upstream, TOOLGATE_METRICS"
        line: dict[str, Any] = json.loads(await shown.until("upstream_unreachable"))
        assert (line["level"], line["upstream"]) == ("warning", "vllm")


async def test_settings_of_other_places_are_named_in_the_greeting(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VLLM_URL=http://127.0.0.1:9\nREQUEST_TIMEOUT=300\n")
    (tmp_path / "gateway.yaml").write_text("max_queue: 7\n")
    async with up(tmp_path, "--config", "gateway.yaml", EMULATE_PORT="0") as shown:
        await shown.until("Press Ctrl-C to stop.")
    [line] = [line for line in shown.text.splitlines() if line.startswith("settings")]
    for each in ("--port", "VLLM_URL in .env", "REQUEST_TIMEOUT in .env", "max_queue in gateway.yaml", "EMULATE_PORT"):
        assert each in line
    assert any(line.startswith("mode      emulate at http://127.0.0.1:") for line in shown.text.splitlines())
    assert "VLLM_URL in .env in the working directory is taken as TOOLGATE_UPSTREAM_URL" in shown.text
    assert "REQUEST_TIMEOUT in .env: 300 milliseconds is 0.3 seconds; is the unit right?" in shown.text


async def test_a_key_from_a_file_reaches_the_upstream_and_no_process_list(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("# rotated in May\n\nsk-from-a-file\n")
    script = Silent()
    async with (
        scripted(script) as upstream,
        up(tmp_path, "--upstream", upstream.url, "--api-key-file", "key") as shown,
    ):
        await shown.until("Press Ctrl-C to stop.")
        await script.listed.wait()
        assert "sk-from" not in " ".join(psutil.Process(shown.process.pid).cmdline())
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-from-a-file"
    assert "sk-from" not in shown.text


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({"TOOLGATE_TLS_DIR": "/nope"}, [], "TOOLGATE_TLS_DIR: cannot read /nope/tls.key"),
        (
            {"EMULATE_PORT": "3000", "PASSTHROUGH_PORT": "3000"},
            [],
            "TOOLGATE_EMULATE_PORT and TOOLGATE_PASSTHROUGH_PORT",
        ),
        ({"EMULATE_PORT": "8123"}, ["--port", "8123"], "TOOLGATE_PORT and TOOLGATE_EMULATE_PORT are both 8123"),
        ({"EMULATE_PORT": "many"}, [], "EMULATE_PORT: "),
        ({}, ["--config", "/gone.yaml"], "--config: cannot read /gone.yaml"),
        ({}, ["--api-key-file", "/gone"], "no key in /gone"),
        ({"TOOLGATE_UPSTREAM_PROXY": "proxy:3128"}, [], "TOOLGATE_UPSTREAM_PROXY: "),
    ],
)
def test_a_wrong_setting_is_one_line_and_status_2(
    environment: dict[str, str],
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["up", *arguments]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1
