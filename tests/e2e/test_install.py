"""The result of one `helm install`."""

import time
from typing import Any

from openai import OpenAI

from tests.e2e.cluster import Release, namespace, objects
from tests.e2e.conftest import MODEL, values
from tests.e2e.load import QUESTION, TOOLS


def first_call(release: Release) -> Any:
    with OpenAI(base_url=f"{release.url()}/v1", api_key="none", max_retries=0) as client:
        said = client.chat.completions.create(model=MODEL, messages=QUESTION, tools=TOOLS, tool_choice="required")
    return said.choices[0].message.tool_calls


def test_the_first_tool_call_is_answered_right_after_the_install(release: Release, record_property: Any) -> None:
    began = time.monotonic()
    calls = first_call(release)
    took = release.first_seconds + time.monotonic() - began
    record_property("figures", f"helm install --wait to the first tool call: {took:.1f} s")
    assert [(call.function.name, call.function.arguments) for call in calls] == [("get_weather", '{"city": "Oslo"}')]


def test_helm_test_passes_and_has_a_line_for_each_check(release: Release) -> None:
    said = release.check()
    assert said.endswith("exit 0"), said
    checks = (
        "reach",
        "services",
        "upstream",
        "auto",
        "required",
        "named",
        "parallel",
        "streamed",
        "second turn",
        "none",
    )
    assert [check for check in checks if f"ok    {check}" not in said] == []


def test_nothing_is_warned_of_after_an_install() -> None:
    with namespace("toolgate-e2e-fresh"):
        Release("toolgate", "toolgate-e2e-fresh", values()).upgrade()
        events = objects("events", "toolgate-e2e-fresh")
    assert events
    reported = [(each["involvedObject"]["name"], each["message"]) for each in events if each["type"] != "Normal"]
    # The one thing that is not the chart's: a busy kubelet is late to hear of a namespace's own ConfigMap.
    assert [each for each in reported if "failed to sync configmap cache" not in each[1]] == []


def test_only_the_gateway_has_a_token(release: Release) -> None:
    pods = objects("pods", release.namespace, f"app.kubernetes.io/instance={release.name}")
    with_token = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in pods
        if any("serviceAccountToken" in str(volume) for volume in pod["spec"]["volumes"])
    }
    assert with_token == {"gateway"}


def test_every_pod_runs_at_the_restricted_level_with_a_read_only_root(release: Release) -> None:
    # The namespace enforces the level: a pod that breaks it would not be there.
    for pod in objects("pods", release.namespace, f"app.kubernetes.io/instance={release.name}"):
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["spec"]["securityContext"]["runAsUser"] == 65532
        assert pod["spec"]["enableServiceLinks"] is False
