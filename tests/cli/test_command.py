from __future__ import annotations

import subprocess
import sys

import pytest
from toolgate_cli.__main__ import main


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert [word for word in ("up", "demo", "extract", "transform", "tools") if f"\n    {word}" not in text] == []


@pytest.mark.parametrize("command", ["up", "demo", "extract", "transform", "tools"])
def test_every_command_has_its_own_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"toolgate {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["up", "--port", "70000"], ["extract", "--stream", "x"], ["dance"], []])
def test_wrong_arguments_are_exit_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


@pytest.mark.parametrize("command", ["extract", "transform"])
def test_offline_commands_load_no_server_and_no_client(command: str) -> None:
    script = f"import sys, toolgate_cli.{command}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"fastapi", "uvicorn", "grpc", "openai", "httpx", "aiohttp", "rich", "pydantic"})
