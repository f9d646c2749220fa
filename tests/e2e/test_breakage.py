"""One thing is broken at a time; `helm test` reports in one line which, and a fix."""

from typing import Any

import pytest

from tests.e2e.cluster import Release, kubectl, until
from tests.e2e.conftest import MODEL


def line(said: str, check: str) -> str:
    """The line of a check."""
    return next((each for each in said.splitlines() if each[6:].startswith(check)), said)


def broken(release: Release, **model: Any) -> str:
    release.upgrade(models={MODEL: model})
    return release.check()


def test_a_tool_parser_that_is_off(release: Release, record_property: Any) -> None:
    report = line(broken(release, toolCalling={"enabled": False}), "upstream")
    record_property("figures", f"parser off: {report}")
    assert report.startswith("fail")
    assert f"models.{MODEL}.toolCalling.enabled" in report


def test_a_tool_parser_for_another_model(release: Release, record_property: Any) -> None:
    report = line(broken(release, toolCalling={"parser": "mistral"}), "upstream")
    record_property("figures", f"wrong parser: {report}")
    assert report.startswith("fail")
    assert "--tool-call-parser=openai" in report


def test_an_extractor_that_is_gone(release: Release, record_property: Any) -> None:
    release.upgrade(extractor={"replicas": 0})
    until(lambda: not release.pods("extractor"), 60, "the extractor is gone")
    report = line(release.check(), "services")
    record_property("figures", f"extractor at 0: {report}")
    assert report.startswith("fail")
    assert "extractor is" in report


def test_a_wrong_key_between_gateway_and_upstream(release: Release, record_property: Any) -> None:
    kubectl("create", "secret", "generic", "wrong", "-n", release.namespace, "--from-literal=key=wrong")
    kubectl("create", "secret", "generic", "right", "-n", release.namespace, "--from-literal=key=right")
    try:
        address = f"http://{release.prefix}-model-gpt-oss-20b:8000"
        release.upgrade(
            externalModels={"gpu": {"urls": [address], "authSecretRef": {"name": "wrong", "key": "key"}}},
            gateway={"aliases": {"assistant": {"upstream": "gpu", "model": MODEL}}},
            modelDefaults={"env": [{"name": "VLLM_API_KEY", "value": "right"}]},
        )
        report = line(release.check(), "upstream")
        record_property("figures", f"wrong key: {report}")
        assert report.startswith("fail")
        assert "authSecretRef" in report
    finally:
        kubectl("delete", "secret", "-n", release.namespace, "wrong", "right")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"preset": "gpt-5"}, "models.gpt-oss-20b.preset: there is no gpt-5"),
        ({"toolCalling": {"parser": "gpt"}}, "models.gpt-oss-20b.toolCalling.parser: vLLM has no gpt"),
    ],
)
def test_values_that_can_not_work_do_not_get_to_the_cluster(release: Release, model: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        release.upgrade(models={MODEL: model})
