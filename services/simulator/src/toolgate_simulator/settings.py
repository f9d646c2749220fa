"""The settings of the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolgate_simulator.personas import Persona


@dataclass(frozen=True)
class Settings:
    """Settings of one simulator.

    Attributes:
        models: the served models, each `NAME` (a persona's name) or `NAME=PERSONA`; none: every persona, under its
            aliases too.
        seed: what the draws depend on besides the question.
        personas: a YAML file with personas that are added to the package's (or replace them).
        tokens_per_second: the speed of every model; unset: as its persona says; 0 answers at once.
        chunk_tokens: tokens in one streamed chunk; unset: as the persona says.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        served: models with their personas, instead of `models`.
        root: what `/v1/models` says that the models were loaded from; empty: each from its own name.
        max_running: requests that are answered at once; further ones wait. 0: any number.
        max_waiting: requests that may wait; further ones are refused with 503. Unset: any number.
        api_keys: keys of which clients must send one; none: no key is asked for.
        startup_s: how long it takes until the port is opened, seconds.
        grace_s: how long requests in flight may go on after SIGTERM, seconds.
    """

    models: tuple[str, ...] = ()
    seed: int = 0
    personas: Path | None = None
    tokens_per_second: float | None = None
    chunk_tokens: int | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    served: tuple[tuple[str, Persona], ...] = ()
    root: str = ""
    max_running: int = 0
    max_waiting: int | None = None
    api_keys: tuple[str, ...] = ()
    startup_s: float = 0.0
    grace_s: int = 5


class SettingsError(ValueError):
    """A setting is wrong; the message names it."""
