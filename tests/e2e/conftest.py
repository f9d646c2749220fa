"""One release on a real cluster, for all tests of this folder. `make e2e` lists the requirements."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Release, namespace
from tests.support.figures import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

NAMESPACE = "toolgate-e2e"
MODEL = "gpt-oss-20b"
SMALL: dict[str, Any] = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}


def values() -> dict[str, Any]:
    """The images under test, on a machine where everything has to share two cores."""
    image = {"tag": os.environ.get("TOOLGATE_E2E_TAG", "")}
    services = {key: {"image": image, "resources": SMALL} for key in ("promptTransformer", "extractor", "toolExecutor")}
    return {
        "global": {"imageRegistry": os.environ.get("TOOLGATE_E2E_REGISTRY", "")},
        "maxRequestSeconds": 60,
        "gateway": {"image": image, "resources": SMALL, "service": {"type": "NodePort"}},
        **services,
        "modelDefaults": {"image": image, "resources": SMALL, "drain": {"preStopSeconds": 3}},
        "models": {MODEL: {"preset": MODEL, "simulator": {"tokensPerSecond": 40}}},
        "tests": {"image": image},
    }


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """The chart with its defaults, installed into a namespace that takes restricted pods alone."""
    with namespace(NAMESPACE):
        installed = Release("toolgate", NAMESPACE, values())
        installed.upgrade()
        installed.first_seconds = installed.seconds
        yield installed


@pytest.fixture(autouse=True)
def _as_installed(release: Release) -> Iterator[None]:
    """Give each test the release in its first state."""
    yield
    if release.values != values():
        release.values = values()
        release.upgrade()
