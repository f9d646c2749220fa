"""Rules for every object, with any values."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from toolgate_extractor.settings import ExtractorSettings
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.settings import Settings
from toolgate_simulator.vllm import settings_of
from toolgate_simulator.vllm_flags import vllm_parser

from tests.chart.rendering import CHART, LONG, VALUES, helm, objects, pods

ways = pytest.mark.parametrize("name", VALUES)
SELECTING = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
_NOT_SETTINGS = {"TOOLGATE_CONFIG", "TOOLGATE_API_KEY"}


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


@ways
def test_pods_are_restricted_and_write_nowhere_but_in_volumes(name: str) -> None:
    for _, pod in pods(name):
        spec, inner = pod["spec"], container(pod)["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert inner == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@ways
def test_no_service_is_linked_into_the_environment(name: str) -> None:
    assert {pod["spec"]["enableServiceLinks"] for _, pod in pods(name)} == {False}


@ways
def test_a_starting_pod_ends_on_sigterm(name: str) -> None:
    # Its process is not number 1, for which the kernel drops signals that have no handler.
    assert {pod["spec"]["shareProcessNamespace"] for _, pod in pods(name)} == {True}


@ways
def test_a_token_is_mounted_by_the_gateway_and_by_preflight_alone(name: str) -> None:
    with_token = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for _, pod in pods(name)
        if pod["spec"]["automountServiceAccountToken"]
    }
    assert with_token <= {"gateway", "preflight"}


@ways
def test_names_fit_and_contain_the_release_of_the_longest_name(name: str) -> None:
    for each in objects(name, LONG):
        found = each["metadata"]["name"]
        assert len(found) <= 63, found
        assert LONG[:17] in found
        assert each["kind"] != "LeaderWorkerSet" or len(found) <= 50


def test_models_with_similar_names_have_different_objects(tmp_path: Path) -> None:
    models = {f"a-model-with-a-very-long-name-{end}": {"preset": "qwen3-8b"} for end in ("one", "two")}
    (tmp_path / "values.yaml").write_text(json.dumps({"models": models}))
    command = [helm(), "template", LONG, str(CHART), "--values", str(tmp_path / "values.yaml")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    made = [each["metadata"]["name"] for each in yaml.safe_load_all(said) if each and each["kind"] == "Deployment"]
    assert len(set(made)) == len(made) == 7


@ways
def test_names_are_unique(name: str) -> None:
    found = [(each["kind"], each["metadata"]["name"]) for each in objects(name)]
    assert len(found) == len(set(found))


@ways
def test_selectors_are_what_never_changes(name: str) -> None:
    for each in objects(name):
        if each["kind"] == "Deployment":
            labels = each["spec"]["selector"]["matchLabels"]
            assert set(labels) - {"toolgate.dev/model"} == SELECTING
            assert labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()


@ways
def test_every_service_selects_the_pods_of_one_workload(name: str) -> None:
    for each in objects(name):
        if each["kind"] == "Service":
            selector = {k: v for k, v in each["spec"]["selector"].items() if not k.startswith("leaderworkerset")}
            owners = {
                owner["metadata"]["name"]
                for owner, pod in pods(name)
                if selector.items() <= pod["metadata"]["labels"].items()
            }
            assert owners == {each["metadata"]["name"]}


@ways
def test_probes_ask_ports_that_there_are(name: str) -> None:
    for _, pod in pods(name):
        inner = container(pod)
        ports = {port["name"]: port["containerPort"] for port in inner.get("ports", ())}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = inner.get(kind, {})
            if "httpGet" in probe:
                assert probe["httpGet"]["port"] in ports
            if "grpc" in probe:
                assert probe["grpc"]["port"] in ports.values()


@ways
def test_images_are_fixed_and_resources_are_asked_for(name: str) -> None:
    for _, pod in pods(name):
        assert re.search(r":(?!latest$)[\w.-]+$|@sha256:", container(pod)["image"])
        simulated = "simulator" in container(pod)["image"] or "vllm" not in container(pod)["image"]
        assert not simulated or container(pod)["resources"]["requests"]["memory"]


@ways
def test_every_toolgate_variable_is_a_setting_of_a_service(name: str) -> None:
    known = {f"TOOLGATE_{field.upper()}" for field in (GatewaySettings.model_fields | ExtractorSettings.model_fields)}
    known |= {f"TOOLGATE_SIMULATOR_{each}" for each in ("PERSONA", "TOKENS_PER_SECOND", "STARTUP_S")}
    for _, pod in pods(name):
        ours = {each["name"] for each in container(pod).get("env", ()) if each["name"].startswith("TOOLGATE_")}
        assert ours - _NOT_SETTINGS <= known
    assert issubclass(GatewaySettings, Settings)


@ways
def test_the_gateways_file_is_one_that_it_reads(name: str) -> None:
    (text,) = (each["data"]["gateway.yaml"] for each in objects(name) if "gateway.yaml" in each.get("data", {}))
    elsewhere = name in ("external-models", "running-vllm")
    found: Literal["none", "kubernetes"] = "none" if elsewhere else "kubernetes"
    settings = GatewaySettings(discovery=found, discovery_release="tg", **yaml.safe_load(text))
    assert set(settings.upstreams) == ({"gpu"} if elsewhere else set())


@ways
def test_vllm_starts_with_what_is_rendered(name: str) -> None:
    for _, pod in pods(name):
        if container(pod).get("command") == ["vllm", "serve"]:
            arguments = [
                text.replace("$(LWS_WORKER_INDEX)", "1" if "--headless" in container(pod)["args"] else "0")
                for text in container(pod)["args"]
                if not text.startswith("--chat-template=")
            ]
            assert settings_of(vllm_parser().parse_args(arguments), {}).served


@ways
def test_the_end_of_a_pod_is_longer_than_its_longest_request(name: str) -> None:
    for owner, pod in pods(name):
        if owner["kind"] in ("Deployment", "LeaderWorkerSet"):
            env = {each["name"]: each.get("value") for each in container(pod)["env"]}
            longest = int(env.get("TOOLGATE_DRAIN_S") or (900 if name == "production" else 600))
            assert pod["spec"]["terminationGracePeriodSeconds"] > longest
