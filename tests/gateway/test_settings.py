"""Settings from the environment, by the names of older proxies, and from the file."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from toolgate_gateway.server.compose import providers
from toolgate_gateway.settings import GatewaySettings, ModelEntry, UpstreamEntry
from toolgate_runtime.settings import SettingsError, load, rows


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_names_of_older_proxies_are_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "VLLM_URL": "http://one:8000/v1/chat/completions",
        "BIFROST_URL": "http://two:7766",
        "BIFROST_API_KEY": "secret",
        "PROXY_PORT": "8123",
        "REQUEST_TIMEOUT": "5000",
        "DEBUG_MODE": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load(GatewaySettings)
    assert (settings.port, settings.request_timeout_ms, settings.debug) == (8123, 5000, True)
    assert {name: (entry.url, entry.key()) for name, entry in settings.upstream_configs().items()} == {
        "vllm": ("http://one:8000/v1/chat/completions", None),
        "bifrost": ("http://two:7766", "secret"),
    }
    assert list(providers(settings)) == ["vllm", "bifrost"]


def test_a_file_describes_upstreams_and_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    (tmp_path / "toolgate.yaml").write_text(f"""
upstreams:
  local: {{url: "http://localhost:8000", api_key_file: "{tmp_path}/key", capabilities: {{strict: true}}}}
models:
  small: {{model: org/small-7b, preset: text-only, policy: {{max_attempts: 3}}}}
""")
    monkeypatch.setenv("TOOLGATE_CONFIG", str(tmp_path / "toolgate.yaml"))
    settings = load(GatewaySettings)
    assert settings.upstream_configs()["local"].key() == "from-a-file"
    assert settings.models["small"].policy == {"max_attempts": 3}


def test_keys_and_headers_of_an_upstream_are_sent_and_never_shown() -> None:
    entry = UpstreamEntry(
        url="http://x",
        api_key=SecretStr("top-secret-key"),
        key_header="x-api-key",
        headers={"x-other": SecretStr("another-secret")},
    )
    settings = GatewaySettings(upstreams={"a": entry})
    assert "secret" not in f"{settings!r}{settings.model_dump()}{entry}"
    assert providers(settings)["a"].name == "a"


@pytest.mark.parametrize("name", ["function_calls", "qwen3_xml", "Llama3-JSON", "functionary-v3.1"])
def test_a_policy_may_name_a_dialect_as_other_software_does(name: str) -> None:
    assert ModelEntry(policy={"dialect": name}).policy == {"dialect": name}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("upstreams: {a: {url: 'ftp://x'}}", "must start with http"),
        ("upstreams: {a: {urls: ['http://x', 'ftp://x']}}", "must start with http"),
        ("upstreams: {a: {url: 'http://x', urls: ['http://y']}}", "set either url or urls"),
        ("upstreams: {a: {url: 'http://x', provider: smoke}}", "unknown provider 'smoke', known are openai_compatible"),
        ("upstreams: {a: {url: 'http://x', key_header: 'x y'}}", "a.key_header: must be the name of a header"),
        ("upstreams: {a: {}}", "set either url or urls"),
        ("upstreams: {a: {urls: ['http://x'], balance: random}}", "least_in_flight"),
        ("discovery: kubernetes", "discovery_release: required with discovery"),
        ("discovery: kubernetes\ndiscovery_release: r\nmodels: {m: {model: a}}", "m: set its upstream, discovery"),
        ("upstreams: {a: {url: 'http://x', capabilities: {nonsense: 1}}}", "nonsense"),
        ("models: {m: {}}", "set its upstream"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {upstream: b}}", "unknown upstream 'b'"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {preset: nope}}", "unknown preset"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {max_attempts: many}}}", "max_attempts"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {max_attempts: 0}}}", "max_attempts"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {retries: {bridge: -1}}}}", "retries"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {ladder: []}}}", "ladder"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {dialect: klingon}}}", "unknown dialect 'klingon'"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {native_dialect: elvish}}}", "dialect 'elvish'"),
        ("upstreams: {a: {url: 'http://x'}}\nmodels: {m: {policy: {reasoning: shut}}}", "reasoning"),
    ],
)
def test_a_wrong_file_gives_one_line_that_names_the_error(
    file: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "toolgate.yaml").write_text(file)
    monkeypatch.setenv("TOOLGATE_CONFIG", str(tmp_path / "toolgate.yaml"))
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_file_names_its_upstream() -> None:
    settings = GatewaySettings(upstreams={"a": UpstreamEntry(url="http://x", api_key_file=Path("/nowhere"))})
    with pytest.raises(SettingsError, match="upstreams: a"):
        providers(settings)


def test_defaults_are_for_one_machine() -> None:
    settings = GatewaySettings()
    assert (settings.host, settings.port, settings.metrics_port) == ("127.0.0.1", 8002, 9090)
    assert (settings.transformer, settings.extractor, settings.executor) == (
        "127.0.0.1:50051",
        "127.0.0.1:50052",
        "127.0.0.1:50053",
    )
    assert (settings.max_in_flight, settings.max_queue, settings.queue_wait_s, settings.keep_alive_s) == (
        1000,
        100,
        2,
        10,
    )
    assert all(row.meaning for row in rows(GatewaySettings))
