"""The services as processes: they start, print their addresses, drain on SIGTERM, and fail with one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

MODULES = {
    "toolgate_prompt_transformer": "toolgate.prompt_transformer.v1.PromptTransformerService",
    "toolgate_extractor": "toolgate.extractor.v1.ExtractorService",
    "toolgate_tool_executor": "toolgate.tool_executor.v1.ToolExecutorService",
}


def command(module: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")}
    free = {"TOOLGATE_GRPC_PORT": "0", "TOOLGATE_METRICS_PORT": "0"}
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=folder,
        env={**kept, **free, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(module: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    with command(module, folder) as process:
        assert process.stderr is not None
        try:
            yield process, json.loads(process.stderr.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("module", MODULES)
def test_a_service_serves_health_and_metrics_and_ends_on_sigterm_with_0(module: str, tmp_path: Path) -> None:
    with running(module, tmp_path) as (process, line):
        assert (line["level"], line["msg"], line["service"]) == ("info", "serving", module[9:].replace("_", "-"))
        with grpc.insecure_channel(line["grpc"]) as channel:
            request = health_pb2.HealthCheckRequest(service=MODULES[module])
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(request, timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with urllib.request.urlopen(f"http://{line['metrics']}/metrics", timeout=10) as response:
            text = response.read().decode()
        assert f'toolgate_build_info{{service="{line["service"]}",version="{line["version"]}"}} 1.0' in text
        assert "_created" not in text
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=20)
        assert [json.loads(each)["msg"] for each in rest.splitlines()] == ["draining", "stopped"]
        assert process.returncode == 0


@pytest.mark.parametrize("module", MODULES)
def test_a_wrong_setting_stops_the_start_with_one_line_and_status_2(module: str, tmp_path: Path) -> None:
    with command(module, tmp_path, TOOLGATE_GRPC_PORT="70000") as process:
        _, said = process.communicate(timeout=20)
    name = module.replace("_", "-")
    assert said == f"{name}: TOOLGATE_GRPC_PORT: Input should be less than or equal to 65535 (got '70000')\n"
    assert process.returncode == 2


def test_a_port_that_is_taken_stops_the_start_with_one_line_and_status_1(tmp_path: Path) -> None:
    module = "toolgate_extractor"
    with running(module, tmp_path) as (_, line):
        for variable, what, address, hint in [
            ("TOOLGATE_GRPC_PORT", "listen", line["grpc"], ""),
            ("TOOLGATE_METRICS_PORT", "serve metrics", line["metrics"], "; set TOOLGATE_METRICS_PORT to another port"),
        ]:
            with command(module, tmp_path, **{variable: address.rpartition(":")[2]}) as second:
                _, said = second.communicate(timeout=20)
            assert said == f"toolgate-extractor: cannot {what} on {address}: Address already in use{hint}\n"
            assert second.returncode == 1
