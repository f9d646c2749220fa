"""Former names of policy fields stay valid."""

from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.types.policy import Policy
from toolgate_core.types.policy_names import FORMER_FIELDS, former_names, with_current_names


@pytest.mark.parametrize(
    ("former", "current"),
    [
        ({"arguments": "held"}, {"stream_arguments": "when_valid"}),
        ({"arguments": "early"}, {"stream_arguments": "immediately"}),
        ({"plain_text": "final"}, {"confirm_plain_text": False}),
        ({"plain_text": "check"}, {"confirm_plain_text": True}),
        ({"reasoning": "marked"}, {"reasoning_starts_open": False}),
        ({"reasoning": "open"}, {"reasoning_starts_open": True}),
        ({"max_choices": 3, "arguments": "held"}, {"max_choices": 3, "stream_arguments": "when_valid"}),
    ],
)
def test_a_former_field_becomes_the_current_one(former: JsonObject, current: JsonObject) -> None:
    assert with_current_names(former) == current


def test_current_names_stay_as_they_are() -> None:
    policy: JsonObject = {"stream_arguments": "immediately", "confirm_plain_text": True, "max_attempts": 2}
    assert (with_current_names(policy), former_names(policy)) == (policy, ())


@pytest.mark.parametrize("name", sorted(FORMER_FIELDS))
def test_both_names_of_a_field_are_an_error_that_names_them(name: str) -> None:
    former = FORMER_FIELDS[name]
    value = next(iter(former.values))
    with pytest.raises(ValueError, match=f"^{name} is the former name of {former.current}; set only {former.current}$"):
        with_current_names({name: value, former.current: former.values[value]})


@pytest.mark.parametrize("value", ["soon", True, None, ["held"]])
def test_an_unknown_former_value_is_an_error_that_names_the_field(value: JsonValue) -> None:
    with pytest.raises(ValueError, match=r"^arguments must be held or early; its current name is stream_arguments$"):
        with_current_names({"arguments": value})


def test_each_former_name_has_one_line_about_the_current_one() -> None:
    assert former_names({"reasoning": "open", "plain_text": "final", "arguments": "early", "dialect": "hermes"}) == (
        "arguments is now stream_arguments; write stream_arguments: immediately",
        "plain_text is now confirm_plain_text; write confirm_plain_text: false",
        "reasoning is now reasoning_starts_open; write reasoning_starts_open: true",
    )


def test_every_current_name_is_a_field_of_the_policy() -> None:
    fields = set(Policy.__struct_fields__)
    assert {former.current for former in FORMER_FIELDS.values()} <= fields
    assert fields.isdisjoint(FORMER_FIELDS)
