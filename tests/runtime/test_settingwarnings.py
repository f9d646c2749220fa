"""What is warned about at the start, and where values are said to come from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from toolgate_extractor.settings import ExtractorSettings
from toolgate_gateway.settings import GatewaySettings
from toolgate_prompt_transformer.settings import PromptTransformerSettings
from toolgate_runtime.settingnames import SETTING_NAMES
from toolgate_runtime.settings import Settings, Source, load_from, rows, setting
from toolgate_runtime.settingwarnings import nearest, origins_of, warnings_of
from toolgate_tool_executor.settings import ToolExecutorSettings

SERVICES = (GatewaySettings, PromptTransformerSettings, ExtractorSettings, ToolExecutorSettings)


class Sample(Settings):
    service: ClassVar[str] = "sample"

    request_timeout_ms: int = setting(300_000, "A limit.", unit="milliseconds", aliases=("REQUEST_TIMEOUT",))
    keep_alive_s: float = setting(10.0, "A pause.", unit="seconds", plausible=(0.5, 300))
    age_s: float = setting(0.0, "An age.", unit="seconds")
    max_body_bytes: int = setting(16 << 20, "A size.", unit="bytes")
    api_keys: list[str] = setting(list, "Keys.")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def warned(monkeypatch: pytest.MonkeyPatch, *, dotenv: str = "", **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if dotenv:
        Path(".env").write_text(dotenv)
    source = Source(Sample)
    return warnings_of(source, load_from(source, Sample, {}), {})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("TOOLGATE_UPSTREAM", "TOOLGATE_UPSTREAM_URL"),
        ("TOOLGATE_UPSTREAM_URI", "TOOLGATE_UPSTREAM_URL"),
        ("TOOLGATE_UPSTEAM_URL", "TOOLGATE_UPSTREAM_URL"),
        ("TOOLGATE_VLLM_URL", "TOOLGATE_UPSTREAM_URL"),
        ("TOOLGATE_PROXY_PORT", "TOOLGATE_PORT"),
        ("TOOLGATE_REQUEST_TIMEOUT", "TOOLGATE_REQUEST_TIMEOUT_MS"),
        ("TOOLGATE_QUEUE_WAIT", "TOOLGATE_QUEUE_WAIT_S"),
        ("TOOLGATE_LOGLEVEL", "TOOLGATE_LOG_LEVEL"),
        ("TOOLGATE_CONFIG_", "TOOLGATE_CONFIG"),
        ("TOOLGATE_METRIC_PORT", "TOOLGATE_METRICS_PORT"),
        ("TOOLGATE_API_KEYS_FILES", "TOOLGATE_API_KEYS_FILE"),
        ("toolgate_port", "TOOLGATE_PORT"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_right_one(
    wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"{wrong} is not a setting of any service; did you mean {right}?"
    assert warned(monkeypatch, **{wrong: "sk-hidden"}) == [said]


def test_a_variable_like_none_has_no_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned(monkeypatch, TOOLGATE_XYZZY="1") == ["TOOLGATE_XYZZY is not a setting of any service"]


def test_a_warning_about_a_misspelt_variable_names_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    said = warned(monkeypatch, dotenv="TOOLGATE_PROT=1\n")
    assert said == ["TOOLGATE_PROT in .env is not a setting of any service; did you mean TOOLGATE_PORT?"]


@pytest.mark.parametrize("name", sorted(SETTING_NAMES))
def test_no_setting_of_any_service_is_warned_about(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    source = Source(Sample)
    settings = Sample(api_keys=["k"])
    assert [text for text in warnings_of(source, settings, {}) if "not a setting" in text] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOOLGATE_SERVICE_HOST", "10.0.0.1"),
        ("TOOLGATE_SERVICE_PORT", "8002"),
        ("TOOLGATE_SERVICE_PORT_HTTP", "8002"),
        ("TOOLGATE_PORT_8002_TCP", "tcp://10.0.0.1:8002"),
        ("TOOLGATE_PORT_8002_TCP_ADDR", "10.0.0.1"),
        ("TOOLGATE_GATEWAY_PORT", "tcp://10.0.0.1:8002"),
        ("TOOLGATE_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("TOOLGATE_SIMULATOR_PERSONA", "x"),
        ("TOOLGATE_CONFIGURATION", ""),
    ],
)
def test_what_kubernetes_and_our_own_programs_set_is_not_warned_about(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warned(monkeypatch, **{name: value}) == []


def test_the_key_of_commands_is_not_taken_for_the_keys_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    [said] = warned(monkeypatch, TOOLGATE_API_KEY="sk-secret")
    assert said == "TOOLGATE_API_KEY is only sent by commands; the gateway asks for TOOLGATE_API_KEYS"
    assert warned(monkeypatch, TOOLGATE_API_KEY="sk-secret", TOOLGATE_API_KEYS="a") == []


def test_a_name_of_older_proxies_that_does_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    [said] = warned(monkeypatch, BACKEND_URL="http://tools")
    assert said.startswith("BACKEND_URL is not used: ")


def test_an_alias_in_dotenv_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned(monkeypatch, REQUEST_TIMEOUT="5000") == []
    monkeypatch.delenv("REQUEST_TIMEOUT")
    [alias] = warned(monkeypatch, dotenv="REQUEST_TIMEOUT=5000\n")
    assert alias.startswith("REQUEST_TIMEOUT in .env in the working directory is taken as TOOLGATE_REQUEST_TIMEOUT_MS")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REQUEST_TIMEOUT", "300", "REQUEST_TIMEOUT: 300 milliseconds is 0.3 seconds; is the unit right?"),
        ("TOOLGATE_REQUEST_TIMEOUT_MS", "30", "30 milliseconds is 0.03 seconds"),
        ("TOOLGATE_REQUEST_TIMEOUT_MS", "300000000", "300000000 milliseconds is 3.47 days"),
        ("TOOLGATE_KEEP_ALIVE_S", "10000", "10000 seconds is 2.78 hours"),
        ("TOOLGATE_KEEP_ALIVE_S", "0.05", "0.05 seconds; is the unit right?"),
        ("TOOLGATE_AGE_S", "600000", "600000 seconds is 6.94 days"),
        ("TOOLGATE_MAX_BODY_BYTES", "20480", "20480 bytes is 20.0 KiB"),
    ],
)
def test_a_value_that_is_implausible_for_its_unit_is_warned_about(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [text for text in warned(monkeypatch, **{name: value}) if said in text]
    assert len(found) == 1


def test_plausible_values_and_defaults_are_not_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned(monkeypatch, REQUEST_TIMEOUT="30000", TOOLGATE_KEEP_ALIVE_S="5", TOOLGATE_AGE_S="0") == []
    monkeypatch.delenv("TOOLGATE_AGE_S")
    for service in SERVICES:
        source = Source(service)
        assert warnings_of(source, service(), {}) == []


def test_the_source_of_values_is_reported_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("REQUEST_TIMEOUT=5000\n")
    Path("file.yaml").write_text("age_s: 5\n")
    monkeypatch.setenv("TOOLGATE_KEEP_ALIVE_S", "3")
    source = Source(Sample, "file.yaml")
    assert origins_of(source, Sample, {"metrics_port": 1}) == [
        "--metrics-port",
        "REQUEST_TIMEOUT in .env",
        "TOOLGATE_KEEP_ALIVE_S",
        "age_s in file.yaml",
    ]


def test_the_table_of_names_is_that_of_all_services() -> None:
    named = {row.name for service in SERVICES for row in rows(service)}
    assert set(SETTING_NAMES) == named
    assert all(nearest(f"TOOLGATE_{alias}") for aliases in SETTING_NAMES.values() for alias in aliases)
