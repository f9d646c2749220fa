"""The base class of effects: requests of a generator in the core to its driver."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

ReplyT_co = TypeVar("ReplyT_co", covariant=True)


class Effect(Struct, Generic[ReplyT_co], frozen=True):
    """Base of the effects; its parameter is the type of the reply."""
