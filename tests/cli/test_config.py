"""`toolgate config check`, `--version`, and keys in files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from toolgate_cli.__main__ import main
from toolgate_cli.failure import CommandError
from toolgate_cli.keys import read_key


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_good_settings_are_one_line_and_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    Path("gateway.yaml").write_text("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {upstream: a}}\n")
    assert main(["config", "check", "gateway.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == "ok: 1 upstreams, 1 models; upstreams in gateway.yaml, models in gateway.yaml\n"
    assert said.err == ""


def test_former_policy_names_are_valid_with_a_warning_each(capsys: pytest.CaptureFixture[str]) -> None:
    upstreams = "upstreams: {a: {url: 'http://x'}}\n"
    former, current = (
        "{arguments: early, plain_text: check}",
        "{stream_arguments: immediately, confirm_plain_text: true}",
    )
    Path("gateway.yaml").write_text(f"{upstreams}models: {{m: {{policy: {former}}}, n: {{policy: {{}}}}}}\n")
    assert main(["config", "check", "gateway.yaml"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "warning: models.m.policy: arguments is now stream_arguments; write stream_arguments: immediately",
        "warning: models.m.policy: plain_text is now confirm_plain_text; write confirm_plain_text: true",
    ]
    Path("gateway.yaml").write_text(f"{upstreams}models: {{m: {{policy: {current}}}}}\n")
    assert main(["config", "check", "--strict", "gateway.yaml"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("file", "variables", "said"),
    [
        ("port: many\n", {}, "port in gateway.yaml: Input should be a valid integer"),
        ("prot: 1\n", {}, "--config: gateway.yaml has the unknown key 'prot', did you mean 'port'?"),
        ("upstreams: {a: {url: ftp://x}}\n", {}, "a.url: must start with http"),
        ("upstreams: {a: {url: 'http://x', provider: nope}}\n", {}, "a.provider: unknown provider 'nope', known are"),
        ("upstreams: {a: {url: 'http://x', proxy: 'socks5://x'}}\n", {}, "a.proxy: must start with http://"),
        ("upstreams: {a: {url: 'http://u:p@x'}}\n", {}, "upstreams: a: the URL of upstream 'a' holds credentials"),
        ("upstreams: {a: {url: 'http://x', api_key_file: /gone}}\n", {}, "upstreams: a: "),
        ("models: {m: {preset: nope}}\n", {}, "m.preset: unknown preset"),
        (
            "models: {m: {policy: {arguments: early, stream_arguments: when_valid}}}\n",
            {},
            "m.policy: arguments is the former name of stream_arguments; set only stream_arguments",
        ),
        (
            "models: {m: {policy: {plain_text: maybe}}}\n",
            {},
            "m.policy: plain_text must be final or check; its current name is confirm_plain_text",
        ),
        ("a: [\n", {}, "--config: gateway.yaml is not YAML"),
        ("", {"TOOLGATE_MODE": "turbo"}, "TOOLGATE_MODE: "),
        ("", {"TOOLGATE_TLS_DIR": "/nope"}, "TOOLGATE_TLS_DIR: cannot read /nope/tls.key"),
        ("", {"EMULATE_PORT": "9090"}, "TOOLGATE_EMULATE_PORT and TOOLGATE_METRICS_PORT are both 9090"),
    ],
)
def test_a_wrong_value_is_named_in_one_line_with_status_2(
    file: str,
    variables: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("gateway.yaml").write_text(file)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["config", "check", "--config", "gateway.yaml"]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")


def test_warnings_count_only_where_they_are_asked_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLGATE_PROT", "1")
    assert main(["config", "check"]) == 0
    assert main(["config", "check", "--strict"]) == 1
    assert capsys.readouterr().err.count("warning: TOOLGATE_PROT is not a setting") == 2


@pytest.mark.parametrize(
    ("url", "warned"),
    [("https://api.example.com", True), ("http://127.0.0.1:8000", False), ("http://vllm:8000", False)],
)
def test_a_proxy_that_is_not_followed_is_said_for_far_upstreams(
    url: str, warned: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://proxy:3128")
    monkeypatch.setenv("TOOLGATE_UPSTREAM_URL", url)
    assert main(["config", "check"]) == 0
    assert ("HTTPS_PROXY is ignored for upstreams" in capsys.readouterr().err) == warned
    monkeypatch.setenv("TOOLGATE_UPSTREAM_PROXY", "environment")
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().err == ""


def test_the_version_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolgate_cli", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("toolgate ")


@pytest.mark.parametrize("command", [["extract", "--explain"], ["tools", "list"]])
def test_a_full_disk_is_one_line(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "toolgate_cli", *command],
            input="Hello.",
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"toolgate {command[0]}: No space left on device"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["sk-1\n", "# a comment\n\n  sk-1  \n", "sk-1\r\nsk-2\r\n"])
def test_a_key_is_the_first_line_that_is_not_a_comment(text: str) -> None:
    Path("key").write_text(text)
    assert read_key("key") == "sk-1"


@pytest.mark.parametrize("content", [b"", b"# none\n", b"two words\n", b"caf\xe9\n", "schlüssel\n".encode()])
def test_a_file_without_a_usable_key_is_an_error_that_shows_none(content: bytes) -> None:
    Path("key").write_bytes(content)
    with pytest.raises(CommandError) as caught:
        read_key("key")
    assert "key" in str(caught.value)
    assert "words" not in str(caught.value)
