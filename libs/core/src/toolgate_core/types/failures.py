"""Why no answer came: the failures of upstreams."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FailureKind = Literal[
    "unsupported",  # 400 that says that a field or a feature is not known here, whatever it holds
    "schema",  # 400 about this request's schemas, or the grammar that they make
    "refused",  # any other 4xx: something in this request is not taken
    "credential",  # 401, 403: the gateway's key is wrong, the client is not told more than that
    "limited",  # 429
    "overloaded",  # 503
    "error",  # any other 5xx, or an answer that can't be read
    "unreachable",  # no connection
    "cut",  # the connection ended inside an answer
    "timeout",  # no byte in time
]


class Failure(Struct, frozen=True, kw_only=True):
    """The upstream did not answer, or not to the end. `message` is fit for the client (no URL, no key).

    `retry_after_s`, `retry_after_ms` and `should_retry` are what the upstream says about trying again, if it does.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    param: str | None = None
    retry_after_s: int | None = None
    retry_after_ms: int | None = None
    should_retry: bool | None = None
