"""The keys of an object: the schemas that a key's value has to meet, and the declared name that a wrong key means.

A key is renamed only where the schema forbids other keys, and only to the one declared name that differs in case, `_`
and `-` alone (`userId` and `user_id`). Two keys that mean one name, or two names that look alike, are never guessed.

`patternProperties` are regular expressions of clients: each is compiled once, within bounds of length, states and
steps. Where a pattern cannot be decided within them, the key counts as allowed with any value, and the validator, which
has its own budget, decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache

import jsonschema_rs

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema.patterns import count_states

MAX_PATTERN = 1_000
"""Characters of a pattern for keys; longer ones are not decided here."""

MAX_NAME_STATES = 2_000
"""States of such a pattern, which is compiled separately from its schema and cached."""

MAX_NAME_STEPS = 200
"""Steps of backtracking for one name."""

# The answer is JSON for a client, and many clients are written in JavaScript.
POLLUTING = frozenset(("__proto__", "constructor", "prototype"))
"""Keys that change an object's prototype in JavaScript: never the result of a renaming, nor of an XML element."""


def member_schemas(key: str, schema: JsonObject) -> list[JsonValue]:
    """Return the schemas that a property has to meet: by its name, by patterns, else as one of all others.

    Empty where the schema allows no others.
    """
    named = schema.get("properties")
    found = [named[key]] if isinstance(named, dict) and key in named else []
    if "patternProperties" not in schema:
        return found or _others(schema)
    # Draft 2020-12, 10.3.2.3: `additionalProperties` holds only for keys that neither a name nor a pattern covers.
    patterns = schema["patternProperties"]
    if isinstance(patterns, dict):
        matching = [(matches(pattern, key), member) for pattern, member in patterns.items()]
        found += [member for matched, member in matching if matched]
        # An undecided pattern could allow the key; dropping it would lose a part of the value.
        if not found and any(matched is None for matched, _ in matching):
            return [True]
    return found or _others(schema)


def _others(schema: JsonObject) -> list[JsonValue]:
    others = schema.get("additionalProperties", True)
    # Absent means true: an open object takes any key, so that nothing is dropped or renamed.
    return [] if others is False else [others]


def matches(pattern: str, key: str) -> bool | None:
    """Whether a key matches a pattern; None where that cannot be decided within the bounds."""
    found = _compiled(pattern) if len(pattern) <= MAX_PATTERN and len(key) <= MAX_PATTERN else None
    if found is None:
        return None
    try:
        found.validate(key)
    except jsonschema_rs.ValidationError as error:
        # Any other kind of error is the budget of backtracking, which says nothing about the key.
        return False if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Pattern) else None
    except ValueError:
        return None
    return True


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> jsonschema_rs.Validator | None:
    if count_states(pattern) > MAX_NAME_STATES:
        return None
    # The validator's own library, so that a pattern means the same here as there; Python's `re` differs.
    engine = jsonschema_rs.FancyRegexOptions(backtrack_limit=MAX_NAME_STEPS)
    try:
        return jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=engine)
    except ValueError:
        return None


def match_undeclared_keys(value: JsonObject, schema: JsonObject) -> dict[str, str]:
    """Return undeclared key → declared name; empty where the schema allows other keys.

    Only keys that differ from one declared name in case, `_` and `-`, where no other key or name is as close.
    """
    named = schema.get("properties")
    # An open object accepts the key, so that renaming it would change a valid value.
    if schema.get("additionalProperties", True) is not False or not isinstance(named, dict):
        return {}
    # Polluting keys are neither renamed nor a target: a client's object would change its prototype.
    unknown = {key: _fold(key) for key in value if key not in named and key not in POLLUTING}
    if not unknown:
        return {}
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name in named.keys() - POLLUTING:
        names[_fold(name)].append(name)
    # `userId` beside `user-id` both mean `user_id`, and one of them would be lost.
    rivals = Counter(unknown.values())
    return {
        key: names[fold][0]
        for key, fold in unknown.items()
        if rivals[fold] == 1 and len(names[fold]) == 1 and names[fold][0] not in value
    }


def _fold(key: str) -> str:
    # Camel case, snake case and kebab case fold to one form; a space or a dot is in none of them.
    return key.replace("_", "").replace("-", "").casefold()
