"""What the simulator is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Settings of one simulator.

    Attributes:
        models: the served models, each `NAME` (a persona's name) or `NAME=PERSONA`; none: every persona.
        seed: what the draws depend on besides the question.
        personas: a YAML file with personas that are added to the package's (or replace them).
        tokens_per_second: the speed of every model; unset: as its persona says; 0 answers at once.
        chunk_tokens: tokens in one streamed chunk; unset: as the persona says.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
    """

    models: tuple[str, ...] = ()
    seed: int = 0
    personas: Path | None = None
    tokens_per_second: float | None = None
    chunk_tokens: int | None = None
    host: str = "127.0.0.1"
    port: int = 8000


class SettingsError(ValueError):
    """A setting is wrong; the message names it."""
