"""Writes `k8s/base` and the generated parts of `k8s/components` from the chart, the only description.

`kustomize.py --check` fails where they differ. Needs helm (`HELM`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "k8s"
HEAD = "# Written by scripts/kustomize.py from charts/toolgate; change that, then run `make chart-golden`.\n"
RELEASE = ("toolgate", "--namespace", "toolgate")
PLAIN = ("networkPolicy.enabled=false", "tests.enabled=false")
KEDA = (
    "gateway.autoscaling.enabled=true",
    "gateway.autoscaling.type=keda",
    "gateway.autoscaling.inFlight=80",
    "gateway.autoscaling.prometheusAddress=http://prometheus.monitoring:9090",
)
TLS = (
    "ingress.enabled=true",
    "ingress.host=toolgate.example.com",
    "tls.mode=certManager",
    "tls.certManager.issuerRef.name=letsencrypt",
)
# file -> the templates to show (none: all) and the values to set
FILES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "base/toolgate.yaml": ((), PLAIN, ""),
    "components/network-policies/policies.yaml": (("networkpolicies.yaml",), ("tests.enabled=false",), ""),
    "components/keda/scaledobject.yaml": (("autoscaling.yaml",), KEDA, ""),
    "components/tls/ingress.yaml": (("ingress.yaml",), TLS, ""),
    "components/gpu/model.yaml": (("models.yaml",), ("modelDefaults.cache.enabled=false",), "values-gpu.yaml"),
}


def render(templates: tuple[str, ...], settings: tuple[str, ...], values: str) -> str:
    """Return what helm renders, without what only helm itself needs."""
    chart = ROOT / "charts" / "toolgate"
    command = [os.environ.get("HELM", "helm"), "template", *RELEASE, str(chart), "--kube-version", "1.34.0"]
    for template in templates:
        command += ["--show-only", f"templates/{template}"]
    for setting in settings:
        command += ["--set", setting]
    if values:
        command += ["--values", str(chart / values)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kept = [line for line in said.splitlines() if not line.startswith("# Source:")]
    return HEAD + "\n".join(kept) + "\n"


def main() -> int:
    """Write, or with `--check` compare."""
    wanted = {K8S / name: render(*how) for name, how in FILES.items()}
    if "--check" not in sys.argv[1:]:
        for file, text in wanted.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return 0
    stale = [str(file) for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text]
    for path in stale:
        print(f"{path} is not what the chart says: run `make chart-golden`", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
