"""The violations of a schema, in words that a model can act on.

A retry quotes them to the model, so that each message names the place, the rule and the value that was written. The
common keywords have fixed wordings; a library's own text stays for the others. Everything quoted is cut, since values
and enums can be very long.
"""

from __future__ import annotations

from typing import cast

import jsonschema_rs
from msgspec import Struct

from toolgate_core.jsontext import JsonValue, encode_str

# Characters of a quoted value, and of a validator's own message: a model needs the start to find its mistake.
_SHOWN = 80
_MESSAGE = 200
_ARTICLES = {"integer": "an", "array": "an", "object": "an"}


class Violation(Struct, frozen=True):
    """One rule that a value violates.

    Attributes:
        path: the place in the value (`items[0].sku`); empty for the arguments as a whole.
        keyword: the JSON Schema keyword.
        message: a clause that names the path.
    """

    path: str
    keyword: str
    message: str


def violation(error: jsonschema_rs.ValidationError) -> Violation:
    """Return a validator's error as a violation; rare keywords keep the validator's own words."""
    path = _path(error.instance_path)
    keyword = error.kind.name
    where = path or "the arguments"
    rule = error.kind
    match rule:
        case jsonschema_rs.ValidationErrorKind.Type():
            text = f"{where} must be {_types(rule.types)}, got {shown(error.instance)}"
        # The missing name joins the path, so that the message names the place to fill.
        case jsonschema_rs.ValidationErrorKind.Required():
            text = f"{_joined(path, rule.property)} is required and missing"
        case jsonschema_rs.ValidationErrorKind.Enum():
            text = f"{where} must be one of {_bounded(str(rule.options))}, got {shown(error.instance)}"
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties():
            # Five names show the mistake; an object can have thousands of them.
            text = f"{where} must not have {', '.join(repr(name) for name in rule.unexpected[:5])}"
        case _:
            text = f"{where}: {error.message[:_MESSAGE]}"
    return Violation(path, keyword, text)


def shown(value: object) -> str:
    """Return the JSON text of `value`, cut after `_SHOWN` characters."""
    return _bounded(encode_str(cast("JsonValue", value)))


def _bounded(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _types(types: list[str]) -> str:
    named = [f"{_ARTICLES.get(name, 'a')} {name}" for name in types if name != "null"]
    return " or ".join([*named, "null"] if "null" in types else named)


def _path(steps: list[str | int]) -> str:
    path = ""
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else _joined(path, step)
    return path


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
