"""Mutual TLS between gateway and services, with certificates that are renewed under load."""

import base64
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import trustme

from tests.e2e.cluster import CommandError, Release, apply, kubectl, meanwhile, until
from tests.e2e.conftest import MODEL
from tests.e2e.load import Load
from tests.support.certificates import issue

PLAIN = "import grpc, sys; grpc.channel_ready_future(grpc.insecure_channel(sys.argv[1])).result(timeout=3)"
SHOWN = (
    "import ssl, sys; host, _, port = sys.argv[1].rpartition(':'); print(ssl.get_server_certificate((host, int(port))))"
)
SERVICES = ("prompt-transformer", "extractor", "tool-executor")


def certified(release: Release, authority: trustme.CA, folder: Path) -> None:
    """Put an identity of the release's services into a Secret."""
    issue(folder, authority, *(f"{release.prefix}-{each}.{release.namespace}.svc.cluster.local" for each in SERVICES))
    data = {file.name: base64.b64encode(file.read_bytes()).decode() for file in folder.iterdir()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "internal"}, "data": data}
    apply(secret, namespace=release.namespace)


def from_gateway(release: Release, program: str, place: str) -> str:
    """Run a program in a gateway's pod, which the policies let through; empty where it fails."""
    pod = release.ready("gateway")[0]
    try:
        return kubectl("exec", "-n", release.namespace, pod, "--", "python3", "-c", program, place) + "done"
    except CommandError:
        return ""


def place(release: Release) -> str:
    return f"{release.pods('tool-executor')[0]['status']['podIP']}:50053"


def shows_another(release: Release, certificate: str) -> bool:
    return from_gateway(release, SHOWN, place(release)) not in ("", certificate)


async def test_services_need_a_certificate_and_renewals_cut_no_call(
    release: Release, record_property: Any, tmp_path: Path
) -> None:
    assert from_gateway(release, PLAIN, place(release)), "without TLS anybody who gets there is answered"
    authority = trustme.CA()
    certified(release, authority, tmp_path / "tls")
    release.upgrade(internalTls={"mode": "existing", "existingSecret": "internal"})
    assert not from_gateway(release, PLAIN, place(release))
    # What the gateway knows of tools comes from the executor, over gRPC.
    async with httpx.AsyncClient(base_url=release.url()) as http:
        assert (await http.get("/tools")).json()["data"]
    async with Load(release.url(), MODEL, 4) as load:
        before = from_gateway(release, SHOWN, place(release))
        certified(release, authority, tmp_path / "tls")
        began = load.now()
        renewed = partial(shows_another, release, before)
        await meanwhile(until, renewed, 180, "the executor shows the renewed certificate")
        took = load.now() - began
    assert before
    record_property(
        "figures", f"a renewed certificate is shown {took:.0f} s after its Secret changed: {load.summary()}"
    )
    assert load.faults == []
