from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from toolgate_cli.__main__ import main

from tests.cli.running import Up, up

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(folder=tmp_path_factory.mktemp("up")) as stack:
        yield stack


def get(url: str) -> Any:
    return httpx.get(url, trust_env=False, timeout=20).raise_for_status().json()


def test_up_says_where_it_listens_and_that_the_simulator_is_the_upstream(running: Up) -> None:
    heads = [line.split()[0] for line in running.lines[:6]]
    assert heads == ["gateway", "upstream", "(a", "services", "metrics", "settings"]
    assert "SIMULATOR, in this process: no model is served" in running.lines[1]
    assert running.lines[5] == "settings  --port, TOOLGATE_LOG_LEVEL, TOOLGATE_METRICS_PORT"
    assert psutil.Process(running.process.pid).children() == []
    assert get(f"{running.url}/health")["status"] == "ok"


def test_the_curl_line_that_up_prints_works_unchanged(running: Up) -> None:
    shown = "\n".join(running.lines)
    command = shown[shown.index("  curl") : shown.index("Press Ctrl-C")].strip()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    [call] = json.loads(done.stdout)["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"expression": "23 * 19"}


def test_tools_of_a_gateway_are_listed_and_run(running: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "list", "--gateway", running.url]) == 0
    assert capsys.readouterr().out.startswith("calculator")
    assert main(["tools", "run", "calculator", '{"expression": "2^10"}', "--gateway", f"{running.url}/v1"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == 1024
    assert main(["tools", "run", "calculator", "{}", "--gateway", running.url]) == 1
    assert "expression" in capsys.readouterr().err
    assert main(["tools", "run", "launch", "--gateway", running.url]) == 2
    assert "launch" in capsys.readouterr().err


def test_ctrl_c_ends_it_clean(tmp_path: Path) -> None:
    with up(folder=tmp_path) as stack:
        assert stack.interrupt() == (0, "")


def test_another_upstream_is_used_with_its_key(running: Up, tmp_path: Path) -> None:
    with up("--upstream", f"{running.url}/v1", "--api-key", "sk-secret", folder=tmp_path) as stack:
        assert [card["id"] for card in get(f"{stack.url}/v1/models")["data"]] == [
            card["id"] for card in get(f"{running.url}/v1/models")["data"]
        ]
        assert stack.lines[1] == f"upstream  vllm: {running.url}/v1"
        assert "sk-secret" not in "\n".join(stack.lines)
        assert "--api-key-file" in stack.interrupt()[1]


def test_the_older_names_of_settings_name_the_upstream_too(running: Up, tmp_path: Path) -> None:
    with up(folder=tmp_path, VLLM_URL=f"{running.url}/v1/chat/completions") as stack:
        assert get(f"{stack.url}/health")["upstreams"] == {"vllm": "ok"}


def test_with_grpc_the_services_are_processes_and_end_with_it(tmp_path: Path) -> None:
    with up("--grpc", folder=tmp_path) as stack:
        children = psutil.Process(stack.process.pid).children()
        assert len(children) == 3
        assert get(f"{stack.url}/health")["services"] == {
            "prompt-transformer": "serving",
            "extractor": "serving",
            "tool-executor": "serving",
        }
        assert stack.interrupt()[0] == 0
        assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--upstream", "localhost:8000"], "upstream_url"), (["--host", "203.0.113.1"], "203.0.113.1")],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--port", "0", *arguments]) == 2
    errors = capsys.readouterr().err
    assert word in errors
    assert errors.count("\n") == 1
