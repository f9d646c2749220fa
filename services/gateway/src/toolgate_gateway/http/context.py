"""The context of one request: what every part that serves it shares."""

from __future__ import annotations

from msgspec import Struct

from toolgate_gateway.http.connection import HttpConnection
from toolgate_gateway.http.request_scope import RequestScope
from toolgate_gateway.telemetry.record import RecordBuilder


class RequestContext(Struct, frozen=True):
    """One request: its HTTP connection, its cancel scope, and the record that is collected of it."""

    connection: HttpConnection
    scope: RequestScope
    record: RecordBuilder
