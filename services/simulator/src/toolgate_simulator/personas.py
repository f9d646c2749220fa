"""Personas: the abilities and mistakes of a simulated model. They are data (`personas.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from toolgate_simulator.quirks import QUIRKS

CHANNELS = ("native", "guided", "bridge", "convert", "text", "draft", "none", "chat")
FAILURES = (
    "ignores_required",  # answers in plain text although a call is required; calls when it is free to
    "avoids_tools",  # answers in plain text, whatever form was asked for
    "leaks_markup",  # writes its own dialect's markup into the text
    "leaks_harmony",  # writes harmony's tokens into the text
    "leaks_name",  # a harmony token sticks to the name of a call
    "broken_json",  # damaged JSON, sometimes beyond repair
    "wrong_types",  # arguments of other types than the schema says
    "invented_name",  # a call to a tool that was not declared
    "null_content",  # nothing at all
    "http_500",  # the engine fails before the answer
    "cut_stream",  # the connection ends inside the answer
    "slow",  # the right answer, late
    "prose_before",  # the right answer after a needless sentence
    "fences_call",  # the call as JSON in a fenced block
    "repeats_call",  # the same call over and over
    "runs_away",  # an opened bracket, and white space until no token is left
)
SchemaSupport = Literal["enforced", "ignored", "refused"]


@dataclass(frozen=True)
class Rule:
    """The chance that an answer is as asked for, and the weights of the ways in which it is not."""

    works: float = 1.0
    fails: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Persona:
    """A model's character.

    Attributes:
        name: the model's name.
        about: one line on whom it resembles.
        aliases: further names that it is served under where no models are named.
        rules: per channel, how answers come out; a missing channel always works.
        auto_rules: the same where no call is required; a missing channel takes the one of `rules`.
        tools: the server knows the `tools` field (vLLM with a tool parser); False answers 400.
        auto_tools: it takes `tool_choice: auto` (vLLM with its two flags); False answers 400 to that alone.
        json_schema: what the server makes of a JSON Schema constraint.
        refuses: what it refuses that others take, names of the table of quirks.
        parallel: one turn may have several calls.
        dialect: the markup that leaks, a name of the table of forms.
        reasoning_key: the field in which reasoning comes; unset: it does not reason.
        thinks_aloud: no parser splits the reasoning off: it stays in the text, between its markers.
        swallows: a reasoning parser that never finds the end of thoughts: the whole answer is reasoning.
        whole_only: the tool parser finds in a stream none of the calls that it finds in a whole answer.
        tokens_per_second: the speed of the answer; 0 answers at once.
        chunk_tokens: tokens in one streamed chunk.
        slow_ms: the delay of a `slow` answer, milliseconds.
        max_model_len: tokens of prompt and answer together.
    """

    name: str
    about: str = ""
    aliases: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    auto_rules: Mapping[str, Rule] = field(default_factory=dict)
    tools: bool = True
    auto_tools: bool = True
    json_schema: SchemaSupport = "enforced"
    refuses: frozenset[str] = frozenset()
    parallel: bool = True
    dialect: str = "hermes"
    reasoning_key: str | None = None
    thinks_aloud: bool = False
    swallows: bool = False
    whole_only: bool = False
    tokens_per_second: float = 0.0
    chunk_tokens: int = 1
    slow_ms: int = 1_000
    max_model_len: int = 131_072

    def rule(self, channel: str, *, forced: bool) -> Rule:
        """Return the rule for a channel."""
        if not forced and channel in self.auto_rules:
            return self.auto_rules[channel]
        return self.rules.get(channel, Rule())


class PersonaError(ValueError):
    """A persona file says something that is not a persona; the message names what."""


def load_personas(path: Path | None = None) -> dict[str, Persona]:
    """Return the personas by name: those of the package, and those of `path` over them.

    Raises:
        PersonaError: the file can't be read or says something that is not a persona.
    """
    personas = _parse((files("toolgate_simulator") / "personas.yaml").read_text("utf-8"), "personas.yaml")
    if path is None:
        return personas
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise PersonaError(message) from None
    return personas | _parse(text, str(path))


def _parse(text: str, source: str) -> dict[str, Persona]:
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"{source}: not YAML: {' '.join(str(error).split())}"
        raise PersonaError(message) from None
    if not isinstance(loaded, dict):
        message = f"{source}: expected a mapping of personas"
        raise PersonaError(message)
    return {name: _persona(f"{source}: {name}", name, entry) for name, entry in loaded.items()}


def _persona(where: str, name: str, entry: Any) -> Persona:
    known = {one.name for one in fields(Persona)} - {"name"}
    entry = _mapping(where, entry, known)
    for key in ("rules", "auto_rules"):
        rules = _mapping(f"{where}.{key}", entry.get(key, {}), set(CHANNELS))
        entry[key] = {channel: _rule(f"{where}.{key}.{channel}", rule) for channel, rule in rules.items()}
    if entry.get("json_schema", "enforced") not in ("enforced", "ignored", "refused"):
        message = f"{where}.json_schema: one of enforced, ignored, refused"
        raise PersonaError(message)
    aliases, refuses = _names(f"{where}.aliases", entry), _names(f"{where}.refuses", entry)
    unknown = next((one for one in refuses if one not in QUIRKS), None)
    if unknown is not None:
        message = f"{where}.refuses: there is no {unknown}; there are {', '.join(QUIRKS)}"
        raise PersonaError(message)
    return Persona(name=name, aliases=tuple(aliases), refuses=frozenset(refuses), **entry)


def _names(where: str, entry: dict[str, Any]) -> list[str]:
    names = entry.pop(where.rsplit(".", 1)[-1], [])
    if not isinstance(names, list) or not all(isinstance(one, str) and one for one in names):
        message = f"{where}: expected a list of names"
        raise PersonaError(message)
    return names


def _rule(where: str, entry: Any) -> Rule:
    entry = _mapping(where, entry, {"works", "fails"})
    fails = _mapping(f"{where}.fails", entry.get("fails", {}), set(FAILURES))
    numbers = [entry.get("works", 1.0), *fails.values()]
    if not all(isinstance(one, (int, float)) and one >= 0 for one in numbers) or numbers[0] > 1:
        message = f"{where}: chances are numbers from 0 to 1, weights numbers of at least 0"
        raise PersonaError(message)
    return Rule(float(numbers[0]), {kind: float(weight) for kind, weight in fails.items()})


def _mapping(where: str, entry: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        message = f"{where}: expected a mapping"
        raise PersonaError(message)
    unknown = next((key for key in entry if key not in known), None)
    if unknown is not None:
        message = f"{where}: {unknown!r} is not known here"
        raise PersonaError(message)
    return dict(cast("dict[str, Any]", entry))
