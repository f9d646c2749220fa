"""Middleware of every route: vLLM's check of API keys, and the name of the replica."""

from __future__ import annotations

import hmac
import socket

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REFUSAL = b'{"error":"Unauthorized"}'


class Front:
    """The application after a check of keys on `/v1/…`; each answer says in a header which process it came from."""

    def __init__(self, app: ASGIApp, keys: tuple[str, ...]) -> None:
        self._app = app
        self._keys = tuple(f"Bearer {key}".encode() for key in keys)
        self._name = (b"x-simulator-instance", socket.gethostname().encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._name]}
            await send(message)

        if self._keys and scope["path"].startswith("/v1") and not self._knows(dict(scope["headers"])):
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_REFUSAL))]
            await named({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL})
            return
        await self._app(scope, receive, named)

    def _knows(self, headers: dict[bytes, bytes]) -> bool:
        given = headers.get(b"authorization", b"")
        return any(hmac.compare_digest(given, key) for key in self._keys)
