"""Redaction: no key and no internal address leaves the gateway in a text that another server wrote.

Upstreams echo what they received: keys in authentication errors, host names and addresses in connection errors. Every
text of an upstream passes through a `Redactor` before it becomes a failure's message, code or parameter, and so before
it can reach a client, a log line or a metric.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "[hidden]"

_KEYS = re.compile(r"\b(?:sk|key|gsk|hf|xai)[-_][\w*-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_ADDRESSES = re.compile(
    r"\b(?:https?|wss?|tcp|grpc)://[^\s\"'<>]+"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-f:]{3,45}\](?::\d+)?"
    # Names that only mean something inside a network, and hosts with a port.
    r"|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:svc|local|internal|lan|localdomain)(?:\.[\w-]{1,63}){0,4}(?::\d+)?\b"
    r"|\b(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}):\d{2,5}\b",
    re.IGNORECASE,
)


class Redactor:
    """Hides secrets, key-like words and addresses in texts.

    `secrets`: exact texts (keys, host names), hidden in any case and also where they are percent-encoded; empty ones
    are ignored. Its repr shows none of them.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}
        # The longest first: a secret may begin with another one.
        ordered = sorted(forms, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, ordered)) or r"(?!)", re.IGNORECASE)

    def clean(self, text: str, limit: int) -> str:
        """Return `text` without what must stay hidden, in at most `limit` characters and an ellipsis.

        Only the first `4 * limit` characters are looked at, which bounds the cost.
        """
        text = self._secrets.sub(HIDDEN, text[: limit * 4])
        text = _KEYS.sub(HIDDEN, _ADDRESSES.sub(HIDDEN, text)).strip()
        return text if len(text) <= limit else text[:limit] + "…"

    def __repr__(self) -> str:
        return "Redactor()"
