"""Load balancing: which replica of a model gets a request. Pure: it sees loads and keys, never sockets."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from toolgate_core.jsontext import DECODE_ERRORS
from toolgate_core.types.requests import ModelRequest

Balance: TypeAlias = Literal["least_in_flight", "prefix_affinity"]

MAX_LOAD_FACTOR: Final = 1.25
"""A replica above this multiple of the mean load is skipped, even if its cache fits (consistent hashing with bounded
loads, Mirrokni et al., arXiv:1608.01350)."""


class Load(Struct, frozen=True):
    """One replica, as the balancer sees it. `ready`: it is not ejected."""

    url: str
    in_flight: int
    ready: bool


class _Body(Struct):
    """The part of a request's body that its prefix consists of."""

    messages: list[msgspec.Raw] = []


class _Message(Struct):
    role: str = ""


def pick(loads: Sequence[Load], *, turn: int, key: bytes = b"") -> str:
    """Return the URL of the replica for a request; `loads` must not be empty.

    Without a `key`: the replica with the fewest requests in flight; of several, the `turn` decides. With a `key`: the
    replica that owns the key, unless it is above `MAX_LOAD_FACTOR`. Replicas that are not ready are chosen only if none
    is.
    """
    # If all are ejected, one is asked all the same: it may have come back.
    candidates = [load for load in loads if load.ready] or list(loads)
    if key:
        # The request itself counts (`1 +`), so that an idle replica is never above the limit.
        limit = math.ceil(MAX_LOAD_FACTOR * (1 + sum(load.in_flight for load in candidates)) / len(candidates))
        # The replica after the owner is the same for every request of a key, so that its cache fits the next time.
        for load in sorted(candidates, key=lambda load: _rank(key, load.url)):
            if load.in_flight < limit:
                return load.url
    fewest = min(load.in_flight for load in candidates)
    idle = [load.url for load in candidates if load.in_flight == fewest]
    return idle[turn % len(idle)]


def _rank(key: bytes, url: str) -> bytes:
    """Order replicas by key: each keeps its keys when another one joins or leaves (rendezvous hashing)."""
    return hashlib.blake2b(key + b"\0" + url.encode(), digest_size=8).digest()


def key_of(request: ModelRequest) -> bytes:
    """Return the key of a request, from the prefix that all turns of a conversation share; empty without messages."""
    text = request.source.texts.get("messages") if "messages" in request.untouched else None
    if text is not None:
        return key_of_text(b'{"messages":%b}' % text)  # the key of the same conversation when it is forwarded
    return _digest((message.role, msgspec.json.encode(message)) for message in request.messages)


def key_of_text(body: bytes) -> bytes:
    """Return the key of a forwarded request; empty where its body cannot be read."""
    try:
        messages = msgspec.json.decode(body, type=_Body).messages
        return _digest((msgspec.json.decode(item, type=_Message).role, bytes(item)) for item in messages)
    except DECODE_ERRORS:
        return b""


def _digest(messages: Iterable[tuple[str, bytes]]) -> bytes:
    """Hash the messages up to the user's first: what follows grows from turn to turn."""
    digest = hashlib.blake2b(digest_size=8)
    seen = False
    for role, text in messages:
        digest.update(text)
        seen = True
        if role == "user":
            break
    return digest.digest() if seen else b""
