"""The walks that docs/architecture.md shows: through which functions a request and a streamed chunk pass.

Each step names a function or class; scripts/drawing.py takes its description from its docstring, and fails when it no
longer uses the names in `uses`. Steps behind a port (`through`) run in another service, or in this process on a laptop.
"""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One step: `place` is `module:Class.method`, `says` overrides the docstring's first line."""

    place: str
    uses: tuple[str, ...] = ()
    says: str = ""


GATEWAY = "toolgate_gateway"

REQUEST = (
    Step(
        f"{GATEWAY}.http.protocol:BoundedProtocol", says="bounds the head and the connection, before the app is called"
    ),
    Step(f"{GATEWAY}.server.app:App.__call__"),
)

CHUNK: tuple[Step, ...] = ()
