"""What the README shows works unchanged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.settings import load

from tests.cli.running import Up, up
from tests.support.node import run_node

pytestmark = [pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHOWN_URL = "http://127.0.0.1:8002"


def block(language: str, word: str) -> str:
    [found] = [text for kind, text in BLOCKS if kind == language and word in text]
    return str(found)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(folder=tmp_path_factory.mktemp("up")) as stack:
        yield stack


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_example_gets_its_call(running: Up, tmp_path: Path) -> None:
    script = block("sh", "chat/completions").replace(SHOWN_URL, running.url)
    answer = json.loads(run(["sh", "-c", script], tmp_path))
    [call] = answer["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"expression": "23 * 19"}
    assert (answer["toolgate"]["priority"], answer["toolgate"]["strategy"]) == (3, "bridge")


def test_the_python_example_prints_its_call_twice(running: Up, tmp_path: Path) -> None:
    script = block("python", "from openai import OpenAI").replace(SHOWN_URL, running.url)
    lines = run([sys.executable, "-c", script], tmp_path).splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines] == ["calculator", "calculator"]
    assert all("23 * 19" in line for line in lines)


async def test_the_node_example_prints_its_call_twice(running: Up) -> None:
    script = block("js", "import OpenAI").replace(SHOWN_URL, running.url)
    output = await run_node("--input-type=module", "--eval", script, NO_PROXY="127.0.0.1")
    assert output.count("get_weather") == 2
    assert output.count("Paris") == 2


def test_the_tools_are_listed_and_run(running: Up, tmp_path: Path) -> None:
    listing, running_one = block("sh", "/tools").replace(SHOWN_URL, running.url).strip().splitlines()
    names = [tool["function"]["name"] for tool in json.loads(run(["sh", "-c", listing], tmp_path))["data"]]
    assert {"calculator", "time_now", "system_info"} <= set(names)
    assert json.loads(run(["sh", "-c", running_one], tmp_path))["structured"]["value"] == 1024


def test_the_offline_commands_run(tmp_path: Path) -> None:
    script = block("sh", "toolgate extract").replace(".venv/bin/toolgate", f"{sys.executable} -m toolgate_cli")
    output = run(["sh", "-e", "-c", script], tmp_path)
    assert '"ping"' in output
    assert '"strategy": "bridge"' in output
    assert "1024" in output


def test_the_configuration_is_one_that_the_gateway_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(block("yaml", "upstreams:"), encoding="utf-8")
    monkeypatch.setenv("TOOLGATE_CONFIG", str(file))
    monkeypatch.chdir(tmp_path)
    settings = load(GatewaySettings)
    assert settings.models["assistant"].preset == "gpt-oss"


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "architecture.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)`", README)) <= targets
