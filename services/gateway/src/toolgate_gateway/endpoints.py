"""The endpoints besides chat that are forwarded to an upstream: one row each."""

from __future__ import annotations

import re
from types import MappingProxyType

from msgspec import Struct

PREFIXES = ("/emulate", "/passthrough")
"""Path prefixes that select a mode; forwarding ignores the mode."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One forwarded endpoint.

    Attributes:
        path: path at the upstream; `/v1` is replaced by the version in the upstream's URL.
        label: label in metrics.
        form: accepts `multipart/form-data` besides JSON (audio files, images).
        anthropic: clients use Anthropic's format, whose errors have another shape.
    """

    path: str
    label: str
    form: bool = False
    anthropic: bool = False


ENDPOINTS = (
    Endpoint(path="/v1/completions", label="completions"),
    Endpoint(path="/v1/embeddings", label="embeddings"),
    Endpoint(path="/v1/responses", label="responses"),
    Endpoint(path="/v1/messages", label="messages", anthropic=True),
    Endpoint(path="/v1/messages/count_tokens", label="messages", anthropic=True),
    Endpoint(path="/v1/moderations", label="moderations"),
    Endpoint(path="/v1/rerank", label="rerank"),
    Endpoint(path="/v2/rerank", label="rerank"),
    Endpoint(path="/rerank", label="rerank"),
    Endpoint(path="/v1/score", label="score"),
    Endpoint(path="/score", label="score"),
    Endpoint(path="/pooling", label="pooling"),
    Endpoint(path="/classify", label="classify"),
    Endpoint(path="/tokenize", label="tokenize"),
    Endpoint(path="/detokenize", label="detokenize"),
    Endpoint(path="/v1/audio/speech", label="audio"),
    Endpoint(path="/v1/audio/transcriptions", label="audio", form=True),
    Endpoint(path="/v1/audio/translations", label="audio", form=True),
    Endpoint(path="/v1/images/generations", label="images"),
    Endpoint(path="/v1/images/edits", label="images", form=True),
    Endpoint(path="/v1/images/variations", label="images", form=True),
)

LABELS = tuple(sorted({endpoint.label for endpoint in ENDPOINTS}))

_BY_PATH = MappingProxyType({endpoint.path: endpoint for endpoint in ENDPOINTS})
_AUDIO = re.compile(r"/v1/audio/[a-z][a-z_-]{0,31}")


def find_endpoint(path: str) -> Endpoint | None:
    """Return the endpoint of a request's path, with or without a mode prefix and `/v1`; None if there is none."""
    for prefix in PREFIXES:
        if path.startswith(prefix + "/"):
            path = path.removeprefix(prefix)
            break
    found = _BY_PATH.get(path) or _BY_PATH.get("/v1" + path)
    if found is None and _AUDIO.fullmatch(path):
        found = Endpoint(path=path, label="audio", form=True)
    return found
