"""A gateway over gRPC services in front of the simulator, and the number of requests to both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from toolgate_cli.stack import Stack

MODELS = ("openai/gpt-oss-20b", "gpt-oss-20b-recent", "qwen-strong", "hermes-leaky", "plain-text")
MOST_PER_TURN = 10
"""Upstream requests that one turn may take: four strategies and their retries."""


@dataclass(frozen=True)
class Turns:
    """Requests to the gateway since the test began, and its requests to the simulator."""

    gateway: Callable[[], int]
    upstream: Callable[[], int]

    def check(self, expected: int) -> None:
        """Assert that a loop took as many turns as it had to, and each turn a bounded number of attempts."""
        assert self.gateway() == expected
        assert expected <= self.upstream() <= MOST_PER_TURN * expected


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def gateway(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the gateway's address; in an environment in which frameworks reach nothing else."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    return stack.gateway_url


@pytest.fixture
def turns(stack: Stack) -> Turns:
    assert stack.simulator is not None
    upstream = f"http://127.0.0.1:{stack.simulator.port}/metrics"
    return Turns(_since(lambda: _asked(stack.gateway_url)), _since(lambda: _answered(upstream)))


def _since(total: Callable[[], int]) -> Callable[[], int]:
    before = total()
    return lambda: total() - before


def _asked(gateway: str) -> int:
    return int(httpx.get(f"{gateway}/stats", trust_env=False).json()["statistics"]["total_requests"])


def _answered(metrics: str) -> int:
    families = text_string_to_metric_families(httpx.get(metrics, trust_env=False).text)
    samples = [sample for family in families for sample in family.samples]
    return sum(int(one.value) for one in samples if one.name == "vllm:request_success_total")
