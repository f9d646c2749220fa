"""Other gateways to measure beside ours: installed from PyPI into `.tools/bench`, only when asked for.

A peer that can't be installed or started on this machine is left out, with a line that says so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from toolgate_cli.stack import free_ports

from benchmarks.processes import ROOT, BenchError, Cores, Server, Target
from benchmarks.scripts import MODEL

TOOLS = ROOT / ".tools" / "bench"
INSTALL_S = 600


@dataclass(frozen=True)
class Peer:
    """A gateway: what to install, how to start it (`{port}`, `{base}`, `{config}` are filled in), when it is ready."""

    name: str
    requirement: str
    command: Sequence[str]
    ready: str
    config: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


PEERS = (
    Peer(
        "LiteLLM",
        "litellm[proxy]>=1.100,<1.109",
        ("litellm", "--host", "127.0.0.1", "--port", "{port}", "--config", "{config}", "--num_workers", "1"),
        "/health/liveliness",
        "model_list:\n"
        f"  - model_name: {MODEL}\n"
        f"    litellm_params: {{model: openai/{MODEL}, api_base: '{{base}}/v1', api_key: none}}\n",
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"},
    ),
    Peer(
        "vllm-router",
        "vllm-router==0.1.17",
        (
            "vllm-router",
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
            "--worker-urls",
            "{base}",
            "--policy",
            "round_robin",
        ),
        "/liveness",
    ),
)


def start_all(base: str, folder: Path, where: Cores, held: ExitStack) -> dict[str, Target]:
    """Install and start every peer that works here."""
    targets: dict[str, Target] = {}
    for peer in PEERS:
        try:
            targets[peer.name] = _start(peer, base, folder, where, held)
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            print(f"benchmarks: {peer.name} is left out: {error}", file=sys.stderr)
    return targets


def _start(peer: Peer, base: str, folder: Path, where: Cores, held: ExitStack) -> Target:
    home = _install(peer)
    (port,) = free_ports(1)
    config = folder / f"{peer.name}.yaml"
    config.write_text(peer.config.replace("{base}", base), encoding="utf-8")
    filled = [part.format(port=port, base=base, config=config) for part in peer.command]
    server = Server(peer.name, [str(home / "bin" / filled[0]), *filled[1:]], port, peer.ready, peer.environment)
    return held.enter_context(server.running(folder, where))


def _install(peer: Peer) -> Path:
    home = TOOLS / peer.name.lower()
    ready = home / ".ready"
    if ready.exists() and ready.read_text(encoding="utf-8") == peer.requirement:
        return home
    print(f"benchmarks: installing {peer.requirement} into {home.relative_to(ROOT)}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=INSTALL_S)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, peer.requirement], check=True, timeout=INSTALL_S)
    ready.write_text(peer.requirement, encoding="utf-8")
    return home
