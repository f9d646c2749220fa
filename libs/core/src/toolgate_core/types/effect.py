"""The base of the effects: what a generator of the core asks the world for."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

ReplyT_co = TypeVar("ReplyT_co", covariant=True)


class Effect(Struct, Generic[ReplyT_co], frozen=True):
    """Base of the effects; its parameter is the type of the reply."""
