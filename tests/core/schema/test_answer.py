"""An answer held against the schema of the response format."""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject, encode, encode_str
from toolgate_core.schema.answer import answer_check

PAIR: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def misfit(schema: JsonObject, text: str) -> str:
    return answer_check(encode(schema)).schema_error(text)


def test_an_answer_fits_or_the_place_is_named() -> None:
    assert misfit(PAIR, '{"a": 1}') == ""
    assert misfit(PAIR, '{"a": "x"}') == "The answer does not match the schema of the response format at 'a'."
    assert misfit(PAIR, "{}") == "The answer does not match the schema of the response format at ''."
    assert misfit(PAIR, "nothing").startswith("The answer must be JSON")


def test_a_dear_answer_is_not_explained() -> None:
    many: JsonObject = {"items": {"anyOf": [{"const": place} for place in range(200)]}}
    said = misfit(many, encode_str([[0]] * 30_000))
    assert said == "The answer is too large to be checked against the schema of the response format."
    assert misfit({"items": {"type": "string"}}, encode_str([1] * 5_000)).endswith("at ''.")


def test_a_check_is_remembered() -> None:
    assert answer_check(encode(PAIR)) is answer_check(encode(PAIR))
    assert answer_check(encode(PAIR)).object_only
    assert answer_check(encode(PAIR)).kept_bytes > 0


def test_a_value_that_is_nested_too_deeply_for_the_validator_has_no_place() -> None:
    assert misfit({"items": {"type": "string"}}, "[" * 400 + "]" * 400).endswith("at ''.")
