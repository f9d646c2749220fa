"""`k8s/`: written from the chart, and buildable."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.parent.name for path in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"))


def built(overlay: str) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here")
    command = ["kubectl", "kustomize", str(ROOT / "k8s" / "overlays" / overlay)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [each for each in yaml.safe_load_all(said) if each]


def test_generated_files_match_the_chart() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "kustomize.py"), "--check"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_builds_into_its_namespace(overlay: str) -> None:
    spaces = {each["metadata"].get("namespace") for each in built(overlay) if each["kind"] != "Namespace"}
    assert spaces == {"toolgate"}


def test_the_gpu_overlay_runs_vllm_and_scales_gateways_by_keda() -> None:
    deployments = {each["metadata"]["name"]: each["spec"] for each in built("gpu") if each["kind"] == "Deployment"}
    (container,) = deployments["toolgate-model-gpt-oss-20b"]["template"]["spec"]["containers"]
    assert container["image"].startswith("docker.io/vllm/vllm-openai:")
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "--otlp-traces-endpoint=http://collector.monitoring:4317" in container["args"]
    assert "replicas" not in deployments["toolgate-gateway"]
