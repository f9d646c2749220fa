"""`compose.yaml`, without Docker: its form, and that everything that it names exists."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from toolgate_extractor.settings import ExtractorSettings
from toolgate_gateway.settings import GatewaySettings
from toolgate_simulator.vllm import settings_of
from toolgate_simulator.vllm_flags import vllm_parser

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
OURS = [name for name, service in SERVICES.items() if "build" in service]
# The keys of the compose specification that are used here: a misspelt one is silently ignored by some versions.
TOP = {"name", "x-service", "services", "networks", "volumes"}
KEYS = ["image", "build", "environment", "ports", "networks", "depends_on", "healthcheck", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "profiles", "command", "volumes", "shm_size", "stop_grace_period", "deploy"]  # fmt: skip
PORTS = {
    "gateway": 8002,
    "prompt-transformer": 50051,
    "extractor": 50052,
    "tool-executor": 50053,
    "simulator": 8000,
    "vllm": 8000,
}


def test_it_has_no_key_that_the_specification_does_not_know() -> None:
    assert COMPOSE.keys() == TOP
    assert {key for service in SERVICES.values() for key in service} <= set(KEYS)


@pytest.mark.parametrize("name", OURS)
def test_what_is_built_is_a_target_of_the_dockerfile_with_its_own_name(name: str) -> None:
    service = SERVICES[name]
    assert service["build"] == {"context": ".", "target": name}
    assert service["image"].startswith(f"ghcr.io/toolgate/{name}:")
    assert f" AS {name}\n" in DOCKERFILE


@pytest.mark.parametrize("name", OURS)
def test_services_run_without_privileges_on_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_networks_and_volumes_that_are_named_are_declared() -> None:
    assert {network for service in SERVICES.values() for network in service["networks"]} == set(COMPOSE["networks"])
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert named == set(COMPOSE["volumes"])


def test_the_gateways_addresses_are_services_that_it_shares_a_network_with() -> None:
    environment = SERVICES["gateway"]["environment"]
    default = re.fullmatch(r"\$\{MODEL_URL:-(.*)\}", environment["TOOLGATE_UPSTREAM_URL"])
    assert default is not None
    urls = [f"//{environment[f'TOOLGATE_{each}']}" for each in ("TRANSFORMER", "EXTRACTOR", "EXECUTOR")] + [default[1]]
    for url in urls:
        parts = urlsplit(url)
        assert parts.hostname in SERVICES
        assert parts.port == PORTS[parts.hostname]
        assert set(SERVICES[parts.hostname]["networks"]) & set(SERVICES["gateway"]["networks"])


def test_the_executor_shares_one_internal_network_with_the_gateway_alone() -> None:
    (network,) = SERVICES["tool-executor"]["networks"]
    assert {name for name, service in SERVICES.items() if network in service["networks"]} == {
        "gateway",
        "tool-executor",
    }
    assert COMPOSE["networks"][network] == {"internal": True}


def test_every_variable_of_ours_is_a_setting() -> None:
    known = {f"TOOLGATE_{field.upper()}" for field in GatewaySettings.model_fields | ExtractorSettings.model_fields}
    assert {key for key in SERVICES["gateway"]["environment"] if key.startswith("TOOLGATE_")} <= known


@pytest.mark.parametrize("name", ["simulator", "vllm"])
def test_both_models_are_started_with_flags_of_vllm(name: str) -> None:
    settings = settings_of(vllm_parser().parse_args(SERVICES[name]["command"]), {})
    assert settings.served[0][0] == "gpt-oss-20b"
    assert SERVICES["simulator"].get("profiles") is None


def test_only_the_gateway_has_a_port_and_it_is_this_machines() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "gateway": ["127.0.0.1:8002:8002"]
    }
