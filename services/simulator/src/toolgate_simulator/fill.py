"""Values for a JSON Schema, taken from a question; missing values are invented by type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from toolgate_simulator.arithmetic import number
from toolgate_simulator.reported import reported_fact, reported_number
from toolgate_simulator.schema_walk import branches, choices_of, properties_of, required_of, types_of
from toolgate_simulator.values import MISSING, SUMMARY_KEYS, Intent, Json

_MAX_DEPTH = 8
_MAX_OPTIONAL_DEPTH = 4
_STUBS: Json = {"object": {}, "array": [], "integer": 0, "number": 0, "boolean": False, "null": None}

# What a parameter is called → which fact of an intent it takes. The first entry that fits decides.
_MEANINGS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (slot, re.compile(pattern, re.IGNORECASE))
    for slot, pattern in (
        ("zone", r"time_?zone|^tz$|^zone$|iana"),
        ("place", r"city|location|place|town|region|address|^where$|cities|locations|places|destination"),
        ("days", r"days|^duration$|day_count|horizon"),
        ("metric", r"^(?:use_)?metric$|^celsius$|^is_celsius$"),
        ("unit", r"unit|scale|degrees"),
        ("when", r"date|^day$|^when$"),
        ("expression", r"expr|formula|equation|calculation|^math|^sum$|problem"),
        ("operation", r"^op$|operation|operator"),
        ("operands", r"numbers|values|operands|terms|factors|addends"),
        (
            "operand",
            r"^(?:a|b|x|y|left|right|first|second|lhs|rhs|num_?[12ab]?|number_?[12ab]?|operand_?[12ab]?|value_?[12ab]?)$",
        ),
        ("sections", r"section|metrics|components?|parts|resources?|fields|include|subsystems?|areas?"),
        ("format", r"format|style"),
        ("main", r"query|question|input|text|prompt|request|^q$|search|topic|message|^what$"),
    )
)
_SYNONYMS = (
    {"celsius", "c", "metric", "centigrade", "°c", "degc"},
    {"fahrenheit", "f", "imperial", "°f", "us", "degf"},
    {"cpu", "processor", "cpus", "load"},
    {"memory", "ram", "mem"},
    {"disk", "storage", "disks", "filesystem"},
    {"runtime", "uptime", "process", "python"},
    {"add", "addition", "+", "plus", "sum"},
    {"subtract", "subtraction", "-", "minus", "sub"},
    {"multiply", "multiplication", "*", "times", "mul", "×", "product"},
    {"divide", "division", "/", "div", "÷", "quotient"},
    {"power", "**", "^", "pow", "exponent"},
    {"modulo", "%", "mod", "remainder"},
)
_MAIN = {"arithmetic": "expression", "weather": "place", "time": "place", "system": "sections", "named": "quoted"}


@dataclass
class Source:
    """Where values come from.

    Attributes:
        text: the question.
        intent: one intent of it.
        together: its sister intents.
        says: what an answer in words would say.
        results: what tools have answered; they come before what the question says.
        operands_used: how many operands of the intent have been taken.
    """

    text: str
    intent: Intent | None
    together: tuple[Intent, ...] = ()
    says: str = ""
    results: tuple[str, ...] = ()
    operands_used: int = 0

    def fact(self, slot: str) -> Any:
        """Return the intent's fact of that meaning, or `MISSING`."""
        slots = self.intent.slots if self.intent else {}
        if slot == "main":
            wanted = _MAIN[self.intent.kind] if self.intent else ""
            return slots.get(wanted, MISSING) if wanted != "sections" else MISSING
        if slot == "metric" and "unit" in slots:
            return slots["unit"] == "celsius"
        if slot == "operand":
            return self._next_operand(slots.get("operands", []))
        value = slots.get(slot, MISSING)
        return MISSING if value in ("", [], None) else value

    def _next_operand(self, operands: list[int | float]) -> Any:
        if self.operands_used >= len(operands):
            return MISSING
        self.operands_used += 1
        return operands[self.operands_used - 1]


def fill(schema: Json, root: Json, source: Source, name: str = "", *, required: bool = True, depth: int = 0) -> Any:
    """Return a value for `schema`; `MISSING` when nothing is known and nothing is required."""
    options = [one for one in branches(schema, root) if types_of(one) != ["null"]] or branches(schema, root)
    if depth > (_MAX_DEPTH if required else _MAX_OPTIONAL_DEPTH):
        # Deeper there is only a schema that refers to itself.
        return _STUBS.get((types_of(options[0]) or ["string"])[0], "") if required else MISSING
    for option in options:
        value = _known(option, root, source, name, depth)
        if value is not MISSING:
            return value
    if not required:
        return MISSING
    if any(types_of(one) == ["null"] for one in branches(schema, root)):
        return None
    return _made_up(options[0], root, source, name, depth)


def _known(schema: Json, root: Json, source: Source, name: str, depth: int) -> Any:
    kinds = types_of(schema)
    reported = _fit_whole(reported_fact(name, source.results), schema, root)
    if reported is not MISSING:
        return reported
    if source.says and name in SUMMARY_KEYS and (not kinds or "string" in kinds):
        return source.says
    if "object" in kinds and properties_of(schema):
        filled = fill_object(schema, root, source, depth)
        return filled if any(key not in required_of(schema) for key in filled) or not depth else MISSING
    stated = _stated(name, source.text)
    fitted = MISSING if stated is MISSING else _fit(stated, schema, root)
    return _by_meaning(schema, root, source, name) if fitted is MISSING else fitted


def _by_meaning(schema: Json, root: Json, source: Source, name: str) -> Any:
    """Return the first fact that the name of a parameter means and that its schema takes."""
    for slot, pattern in _MEANINGS:
        if pattern.search(name):
            value = _gathered(slot, schema, source)
            fitted = MISSING if value is MISSING else _fit(value, schema, root)
            if fitted is not MISSING:
                return fitted
    return MISSING


def _fit_whole(value: Any, schema: Json, root: Json) -> Any:
    """Return a reported value where the schema accepts it; objects and lists stay unchanged."""
    if value is MISSING or value is None:
        return MISSING
    kind = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else ""
    if kind:
        return value if any(kind in types_of(option) for option in branches(schema, root)) else MISSING
    return _fit(value, schema, root)


def _gathered(slot: str, schema: Json, source: Source) -> Any:
    """Return a fact; the places of all sister intents where the schema takes a list of places."""
    if slot == "place" and "array" in types_of(schema) and source.together:
        return [one.slots["place"] for one in source.together if one.slots.get("place")] or MISSING
    if slot == "zone" and source.intent and "zone" in source.intent.slots and not source.intent.slots["zone"]:
        return source.intent.slots.get("place", MISSING)
    return source.fact(slot)


def fill_object(schema: Json, root: Json, source: Source, depth: int = 0) -> Json:
    """Return an object of the properties in the question, and the required ones."""
    needed = required_of(schema)
    properties = properties_of(schema)
    filled = {}
    for name, inner in properties.items():
        value = fill(inner, root, source, name, required=False, depth=depth + 1)
        if value is not MISSING:
            filled[name] = value
    lacking = [name for name in needed if name not in filled]
    if len(lacking) == 1 and not (set(filled) & set(needed)):
        filled.update(_main_value(lacking[0], properties, root, source))
    for name in needed:
        if name not in filled:
            filled[name] = fill(properties.get(name, {}), root, source, name, depth=depth + 1)
    return {name: filled[name] for name in [*properties, *needed] if name in filled}


def _main_value(name: str, properties: dict[str, Json], root: Json, source: Source) -> Json:
    """A single required parameter with a name that says nothing takes what the question is about."""
    value = source.fact("main")
    fitted = MISSING if value is MISSING else _fit(value, properties.get(name, {}), root)
    return {} if fitted is MISSING else {name: fitted}


def _stated(name: str, text: str) -> Any:
    """Return what the text itself says for a parameter: `city=Tokyo`, `city: "New York"`."""
    if len(name) < 2:
        return MISSING
    match = re.search(rf"""(?<!\w){re.escape(name)}\s*[=:]\s*(?:"([^"]*)"|'([^']*)'|([^\s,;)]+))""", text)
    return next(one for one in match.groups() if one is not None).rstrip(".?!") if match else MISSING


def _fit(value: Any, schema: Json, root: Json) -> Any:
    """Return `value` in a form that the schema accepts, or `MISSING`."""
    for option in branches(schema, root):
        choices = choices_of(option)
        if choices is not None and not isinstance(value, list):
            fitted = _choose(value, choices)
        else:
            fitted = _typed(value, option, root)
        if fitted is not MISSING:
            return fitted
    return MISSING


def _choose(value: Any, choices: list[Any]) -> Any:
    wanted = str(value).casefold()
    for choice in choices:
        if str(choice).casefold() == wanted:
            return choice
    group = next((one for one in _SYNONYMS if wanted in one), set())
    return next((choice for choice in choices if str(choice).casefold() in group), MISSING)


def _typed(value: Any, schema: Json, root: Json) -> Any:
    kinds = types_of(schema)
    if isinstance(value, list):
        if "array" in kinds:
            return _fit_list(value, schema, root)
        return _fit(value[0], schema, root) if value and "object" not in kinds else MISSING
    if not kinds or ("string" in kinds and isinstance(value, str)):
        return value
    for kind in kinds:
        fitted = _cast(value, kind)
        if fitted is not MISSING:
            return fitted
    return _fit_list([value], schema, root) if "array" in kinds else MISSING


def _fit_list(values: list[Any], schema: Json, root: Json) -> Any:
    items = schema.get("items")
    fitted = [_fit(value, items if isinstance(items, dict) else {}, root) for value in values]
    kept = [value for value in fitted if value is not MISSING]
    return kept or MISSING


def _cast(value: Any, kind: str) -> Any:
    text = str(value)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), MISSING)
    if kind in ("integer", "number") and re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        parsed = -number(text[1:]) if text.startswith("-") else number(text)
        return MISSING if kind == "integer" and parsed != int(parsed) else int(parsed) if kind == "integer" else parsed
    return text if kind == "string" and not isinstance(value, bool) else MISSING


def _made_up(schema: Json, root: Json, source: Source, name: str, depth: int) -> Any:
    """Return a plausible value for something that is required and that the question does not tell."""
    choices = choices_of(schema)
    if choices is not None:
        return choices[0]
    if "default" in schema:
        return schema["default"]
    kind = next((one for one in types_of(schema) if one != "null"), "string")
    if kind == "object":
        return fill_object(schema, root, source, depth)
    if kind == "array":
        items = schema.get("items")
        count = max(int(schema.get("minItems", 0)), 0)
        return [
            fill(items if isinstance(items, dict) else {}, root, source, name, depth=depth + 1) for _ in range(count)
        ]
    if kind in ("integer", "number"):
        return _made_up_number(schema, source)
    return kind == "boolean" and False if kind in ("boolean", "null") else _made_up_text(schema, source, name)


def _made_up_number(schema: Json, source: Source) -> int | float:
    reported = reported_number(source.results, whole="integer" in types_of(schema))
    if reported is None and (stated := re.search(r"(?<![\w.])\d{1,6}(?![\w.])", source.text)):
        reported = int(stated.group())
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1 if "exclusiveMinimum" in schema else None)
    value: int | float = 1 if reported is None else reported
    if low is not None and value < low:
        value = low
    high = schema.get("maximum")
    return high if high is not None and value > high else value


def _made_up_text(schema: Json, source: Source, name: str) -> str:
    quoted = re.search(r'"([^"]+)"|「([^」]+)」|“([^”]+)”', source.text)
    if quoted:
        text = next(one for one in quoted.groups() if one)
    elif stock := next((one for pattern, one in _STOCK if re.search(pattern, name, re.IGNORECASE)), ""):
        text = stock
    elif schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    else:
        text = _main_text(source, name)
    text = text.ljust(int(schema.get("minLength", 0)), ".")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _main_text(source: Source, name: str) -> str:
    if source.results:
        return source.says if name in SUMMARY_KEYS or not source.results[-1] else source.results[-1].strip()
    main = source.fact("main")
    return source.says or source.text.strip() or name if main is MISSING else str(main)


_STOCK = ((r"time_?zone|^tz$", "UTC"), (r"city|location|place", "Tokyo"), (r"expr|formula", "1 + 1"))
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
