"""The table of limits per caller; there is none yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from toolgate_gateway.http.limits.base import CallerLimit, LimitDeps

LIMITS: Final[tuple[Callable[[LimitDeps], CallerLimit], ...]] = ()
"""Constructors of all limits; they are checked in this order."""


def create_limits(deps: LimitDeps) -> tuple[CallerLimit, ...]:
    """Return the limits of one gateway."""
    return tuple(create(deps) for create in LIMITS)
