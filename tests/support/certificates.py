"""Certificates for tests, in folders as cert-manager and TLS Secrets have them."""

from pathlib import Path

import trustme


def issue(folder: Path, authority: trustme.CA, *names: str) -> str:
    """Write an identity for this machine, or for `names`, into a folder; return the folder."""
    folder.mkdir(exist_ok=True)
    issued = authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
    (folder / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    (folder / "tls.key").write_bytes(issued.private_key_pem.bytes())
    (folder / "ca.crt").write_bytes(authority.cert_pem.bytes())
    return str(folder)
