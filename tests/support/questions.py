"""Questions with their ground truth: the right tool and arguments. A seed makes the same ones again.

The truth comes from how a question is put together, never from anything that reads it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.phrases import (
    CITIES,
    JOIN,
    OPERATORS,
    PARTS,
    PLAIN,
    SMALL_TALK,
    SUM,
    SYSTEM,
    SYSTEM_WHOLE,
    THINGS,
    TIME,
    UNITS,
    WEATHER,
    WEATHER_DAYS,
    WEATHER_UNIT,
    Language,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """A question and its truth.

    Attributes:
        text: what the user asks.
        language: `en`, `ko` or `ja`.
        tools: the tools to declare, in OpenAI's form.
        tool: the name of the only right tool; None when the question needs none.
        arguments: the only right arguments; None when the question needs no tool.
    """

    text: str
    language: Language
    tools: tuple[Json, ...]
    tool: str | None = None
    arguments: Json | None = None


@dataclass(frozen=True)
class _Asked:
    """A question before it is known which tools are declared, with the facts that its tool needs."""

    kind: str
    text: str
    language: Language
    facts: Json


def _weather(rng: random.Random, language: Language) -> _Asked:
    city = rng.choice(list(CITIES[language]))
    facts: Json = {"city": city}
    shape = rng.choice(("plain", "days", "unit"))
    if shape == "days":
        facts["days"] = rng.randint(2, 14)
        text = rng.choice(WEATHER_DAYS[language]).format(city=city, days=facts["days"])
    elif shape == "unit":
        word = rng.choice(list(UNITS[language]))
        facts["unit"] = UNITS[language][word]
        text = rng.choice(WEATHER_UNIT[language]).format(city=city, unit=word)
    else:
        text = rng.choice(WEATHER[language]).format(city=city)
    return _Asked("weather", text, language, facts)


def _time(rng: random.Random, language: Language) -> _Asked:
    city, zone = rng.choice(list(CITIES[language].items()))
    text = rng.choice(TIME[language]).format(city=city)
    return _Asked("time", text, language, {"city": city, "zone": zone})


def _arithmetic(rng: random.Random, language: Language) -> _Asked:
    first, second, third = rng.randint(2, 999), rng.randint(2, 99), rng.randint(2, 20)
    operator = rng.choice("+-*/")
    shape = rng.choice(("symbols", "words", "signs", "nested", "decimal"))
    expression = f"{first} {operator} {second}"
    shown = expression
    if shape == "words":
        shown = f"{first} {OPERATORS[language][operator]} {second}"
    elif shape == "signs":
        shown = f"{first} {operator.translate({42: 215, 47: 247})} {second}"
    elif shape == "nested":
        expression = shown = f"({first} + {second}) * {third}"
    elif shape == "decimal":
        expression = shown = f"{first}.{second} * {third}"
    return _Asked("arithmetic", rng.choice(SUM[language]).format(sum=shown), language, {"expression": expression})


def _system(rng: random.Random, language: Language) -> _Asked:
    parts = sorted(rng.sample(("cpu", "memory", "disk"), rng.randint(0, 2)), key=("cpu", "memory", "disk").index)
    if not parts:
        return _Asked("system", rng.choice(SYSTEM_WHOLE[language]), language, {"parts": []})
    rng.shuffle(parts)
    shown = JOIN[language].join(PARTS[language][part] for part in parts)
    return _Asked("system", rng.choice(SYSTEM[language]).format(parts=shown), language, {"parts": parts})


_KINDS: tuple[tuple[Callable[[random.Random, Language], _Asked], int], ...] = (
    (_weather, 35),
    (_arithmetic, 40),
    (_time, 17),
    (_system, 8),
)


def _tool(name: str, description: str, properties: Json, required: tuple[str, ...] = ()) -> Json:
    parameters = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer", "minimum": 1, "maximum": 14}


def _words(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


@dataclass(frozen=True)
class _Variant:
    """A tool as one project would declare it, and how the facts of a question become its arguments."""

    tool: Json
    arguments: Callable[[Json], Json]


def _weather_arguments(place: str, units: dict[str, str]) -> Callable[[Json], Json]:
    def arguments(facts: Json) -> Json:
        arguments: Json = {place: facts["city"]}
        if "days" in facts:
            arguments["days"] = facts["days"]
        if "unit" in facts:
            arguments["unit"] = units[facts["unit"]]
        return arguments

    return arguments


def _parts_arguments(key: str, names: dict[str, str]) -> Callable[[Json], Json]:
    return lambda facts: {key: [names[part] for part in facts["parts"]]} if facts["parts"] else {}


VARIANTS: dict[str, tuple[_Variant, ...]] = {
    "weather": (
        _Variant(
            _tool(
                "get_weather",
                "Get the weather of a city.",
                {"city": _TEXT, "days": _NUMBER, "unit": _words("celsius", "fahrenheit")},
                ("city",),
            ),
            _weather_arguments("city", {"celsius": "celsius", "fahrenheit": "fahrenheit"}),
        ),
        _Variant(
            _tool(
                "weather_lookup",
                "Look up the forecast for a place, for one or more days.",
                {"location": _TEXT, "unit": _words("metric", "imperial"), "days": _NUMBER},
                ("location",),
            ),
            _weather_arguments("location", {"celsius": "metric", "fahrenheit": "imperial"}),
        ),
    ),
    "arithmetic": (
        _Variant(
            _tool("calculator", "Evaluate an arithmetic expression.", {"expression": _TEXT}, ("expression",)),
            lambda facts: {"expression": facts["expression"]},
        ),
        _Variant(
            _tool("calc", "Does the math.", {"formula": _TEXT, "precision": {"type": "integer"}}, ("formula",)),
            lambda facts: {"formula": facts["expression"]},
        ),
    ),
    "time": (
        _Variant(
            _tool(
                "time_now",
                "Tell the current time.",
                {"timezone": _TEXT, "format": _words("iso", "rfc2822", "unix", "human")},
            ),
            lambda facts: {"timezone": facts["zone"]},
        ),
        _Variant(
            _tool("get_current_time", "The time in a time zone (IANA name).", {"timezone": _TEXT}, ("timezone",)),
            lambda facts: {"timezone": facts["zone"]},
        ),
        _Variant(
            _tool("world_clock", "Current local time of a city.", {"city": _TEXT}, ("city",)),
            lambda facts: {"city": facts["city"]},
        ),
    ),
    "system": (
        _Variant(
            _tool(
                "system_info",
                "State of the system that this runs on.",
                {"sections": {"type": "array", "items": _words("cpu", "memory", "disk", "runtime")}},
            ),
            _parts_arguments("sections", {"cpu": "cpu", "memory": "memory", "disk": "disk"}),
        ),
        _Variant(
            _tool(
                "machine_status",
                "CPU, memory and disk usage.",
                {"components": {"type": "array", "items": _words("processor", "ram", "storage")}},
            ),
            _parts_arguments("components", {"cpu": "processor", "memory": "ram", "disk": "storage"}),
        ),
    ),
}
_DISTRACTORS = (
    _tool("send_email", "Send an email.", {"to": _TEXT, "subject": _TEXT, "body": _TEXT}, ("to", "body")),
    _tool("search_documents", "Search the company's documents.", {"query": _TEXT, "limit": _NUMBER}, ("query",)),
    _tool("set_reminder", "Remind the user of something.", {"text": _TEXT, "at": _TEXT}, ("text", "at")),
)


def _declare(rng: random.Random) -> tuple[tuple[Json, ...], dict[str, _Variant]]:
    """Return a set of tools to declare, and the variant of each kind."""
    chosen = {kind: rng.choice(variants) for kind, variants in VARIANTS.items()}
    tools = [variant.tool for variant in chosen.values()] + rng.sample(_DISTRACTORS, rng.randint(0, 2))
    rng.shuffle(tools)
    return tuple(tools), chosen


def tool_questions(seed: int, count: int) -> list[Question]:
    """Return `count` distinct questions that a declared tool answers, in three languages and of four kinds.

    Raises:
        ValueError: there are not as many distinct questions (some thousands are sure).
    """
    rng = random.Random(f"tools {seed}")
    makers, weights = zip(*_KINDS, strict=True)

    def make() -> Question:
        language: Language = rng.choices(("en", "ko", "ja"), (2, 1, 1))[0]
        asked = rng.choices(makers, weights)[0](rng, language)
        tools, chosen = _declare(rng)
        variant = chosen[asked.kind]
        name = variant.tool["function"]["name"]
        return Question(asked.text, language, tools, name, variant.arguments(asked.facts))

    return _distinct(make, count)


def plain_questions(seed: int, count: int) -> list[Question]:
    """Return `count` distinct questions that need no tool although tools are declared.

    Raises:
        ValueError: there are not as many distinct questions (about 400 are).
    """
    rng = random.Random(f"plain {seed}")

    def make() -> Question:
        language: Language = rng.choices(("en", "ko", "ja"), (2, 1, 1))[0]
        text = rng.choice((*PLAIN[language], "")).format(thing=rng.choice(THINGS[language]))
        return Question(text or rng.choice(SMALL_TALK[language]), language, _declare(rng)[0])

    return _distinct(make, count)


def _distinct(make: Callable[[], Question], count: int) -> list[Question]:
    found: dict[str, Question] = {}
    for question in _bounded(make, 20 * count + 2_000):
        if len(found) == count:
            break
        found.setdefault(question.text, question)
    if len(found) < count:
        message = f"only {len(found)} distinct questions were found, {count} were asked for"
        raise ValueError(message)
    return list(found.values())


def _bounded(make: Callable[[], Question], tries: int) -> Iterator[Question]:
    for _ in range(tries):
        yield make()
