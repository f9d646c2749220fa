"""Former names of policy fields, which configuration files may still use.

Renamed were the fields whose values did not say what they do: `arguments: held|early`, `plain_text: final|check` and
`reasoning: marked|open`. A file written for an earlier version keeps working and gets one warning per name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from toolgate_core.jsontext import JsonObject, JsonValue


class FormerField(NamedTuple):
    """A former field: the current name, and former value → current value."""

    current: str
    values: Mapping[str, JsonValue]


FORMER_FIELDS: Final[Mapping[str, FormerField]] = {
    "arguments": FormerField("stream_arguments", {"held": "when_valid", "early": "immediately"}),
    "plain_text": FormerField("confirm_plain_text", {"final": False, "check": True}),
    "reasoning": FormerField("reasoning_starts_open", {"marked": False, "open": True}),
}


def with_current_names(policy: JsonObject) -> JsonObject:
    """Return the overrides of a policy with every former field under its current name.

    Raises `ValueError`, naming the field, where both names of one field are set or a former value is unknown.
    """
    renamed: JsonObject = {}
    for name, value in policy.items():
        former = FORMER_FIELDS.get(name)
        if former is None:
            renamed[name] = value
            continue
        if former.current in policy:
            raise ValueError(f"{name} is the former name of {former.current}; set only {former.current}")
        if not isinstance(value, str) or value not in former.values:
            known = " or ".join(former.values)
            raise ValueError(f"{name} must be {known}; its current name is {former.current}")
        renamed[former.current] = former.values[value]
    return renamed


def former_names(policy: Mapping[str, object]) -> tuple[str, ...]:
    """Return a clause for each former field that is set: what to write instead."""
    return tuple(
        f"{name} is now {former.current}; write {former.current}: {_as_yaml(former.values[str(policy[name])])}"
        for name, former in FORMER_FIELDS.items()
        if policy.get(name) in former.values
    )


def _as_yaml(value: JsonValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
