"""The properties of an object: which schemas each has to meet, and which name an undeclared key was meant to be."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache

import jsonschema_rs

from toolgate_core.jsontext import JsonObject, JsonValue

MAX_PATTERN = 1_000
"""Characters of a regular expression for names; what a longer one says is not looked at."""

POLLUTING = frozenset(("__proto__", "constructor", "prototype"))
"""Names that change what an object is in JavaScript; no value gets one that the model did not write."""


def member_schemas(key: str, schema: JsonObject) -> list[JsonValue]:
    """Return the schemas that a property has to meet: by its name, by patterns, else as one of all others.

    Empty where the schema allows no others.
    """
    named = schema.get("properties")
    found = [named[key]] if isinstance(named, dict) and key in named else []
    if "patternProperties" not in schema:
        return found or _others(schema)
    patterns = schema["patternProperties"]
    if isinstance(patterns, dict):
        matching = [(matches(pattern, key), member) for pattern, member in patterns.items()]
        found += [member for matched, member in matching if matched]
        if not found and any(matched is None for matched, _ in matching):
            return [True]
    return found or _others(schema)


def _others(schema: JsonObject) -> list[JsonValue]:
    others = schema.get("additionalProperties", True)
    return [] if others is False else [others]


def matches(pattern: str, key: str) -> bool | None:
    """Whether a name has what a regular expression asks for, in bounded time; None where that can't be said."""
    found = _compiled(pattern) if len(pattern) <= MAX_PATTERN else None
    try:
        return None if found is None else found.is_valid(key)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> jsonschema_rs.Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except ValueError:
        return None


def renamed(value: JsonObject, schema: JsonObject) -> dict[str, str]:
    """Return undeclared key → declared name, where only case, `_` and `-` differ and no other name or key fits.

    A key is wrong only where no others are allowed: empty for an object that is open.
    """
    named = schema.get("properties")
    if schema.get("additionalProperties", True) is not False or not isinstance(named, dict):
        return {}
    unknown = {key: _fold(key) for key in value if key not in named and key not in POLLUTING}
    if not unknown:
        return {}
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name in named.keys() - POLLUTING:
        names[_fold(name)].append(name)
    rivals = Counter(unknown.values())
    return {
        key: names[fold][0]
        for key, fold in unknown.items()
        if rivals[fold] == 1 and len(names[fold]) == 1 and names[fold][0] not in value
    }


def _fold(key: str) -> str:
    return key.replace("_", "").replace("-", "").casefold()
