"""What goes with one chat request through all who serve it."""

from __future__ import annotations

from msgspec import Struct

from toolgate_gateway.http.connection import HttpConnection
from toolgate_gateway.http.request_scope import RequestScope
from toolgate_gateway.server.gateway import Gateway
from toolgate_gateway.telemetry.record import Record

GRACE_PERIOD_S = 5.0
"""How long a client may take, beyond the deadline, to read the end of an answer or an error."""


class RequestContext(Struct, frozen=True):
    """One request: the gateway that it came to, its HTTP connection, its end, and what will be said of it."""

    gateway: Gateway
    connection: HttpConnection
    scope: RequestScope
    record: Record
