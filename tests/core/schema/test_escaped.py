"""JSON whose every quote is escaped is read as the JSON that it is, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema import coerce, coerce_text
from toolgate_core.schema.escaped import exact_container, unescape

ARRAY: JsonObject = {"type": "array"}
OBJECT: JsonObject = {"type": "object"}
STRINGS: JsonObject = {"type": "array", "items": {"type": "string"}}

LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab\\"\n', max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text('k"\\', max_size=3), VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_an_escaped_list_equals_the_list_without_escapes(value: list[JsonValue]) -> None:
    text = json.dumps(json.dumps(value))[1:-1]
    assert exact_container(text) == value
    assert coerce_text(text, ARRAY, ARRAY) == (value, ("escaped_quotes",))
    assert coerce(text, ARRAY, ARRAY) == (value, ("json_string_to_array",))
    assert coerce_text(text, {}, {}) == (value, ())


@given(st.dictionaries(st.text('k"\\', max_size=3), VALUES, min_size=1, max_size=3), st.sampled_from((None, 1, "\t")))
def test_an_escaped_object_is_read_in_any_layout(value: JsonObject, indent: int | str | None) -> None:
    text = json.dumps(json.dumps(value, indent=indent))[1:-1]
    assert coerce_text(text, OBJECT, OBJECT)[0] == value
    lines = "\n".join(json.dumps(line)[1:-1] for line in json.dumps(value, indent=indent).split("\n"))
    assert coerce_text(lines, OBJECT, OBJECT)[0] == value


@pytest.mark.parametrize(
    "text", ["", "words", '[{"a": 1}]', '[{\\"a\\": "b"}]', "[1, 2]", '\\"a\\"', 'say \\"{\\"', '[{\\"a\\": \\']
)
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    found = unescape(text)
    assert found is None or json.loads(json.dumps(found)) == found
    assert text == '[{\\"a\\": \\' or found is None


def test_escapes_other_than_those_of_quotes_stay() -> None:
    assert unescape('[{\\"a\\": 1, \\"re\\": \\"\\d\\"}]') == '[{"a": 1, "re": "\\d"}]'


@pytest.mark.parametrize("text", ['[{\\"a\\": nonsense here', '[{"a" 1', '["a", b', '{"a": 1', ' [ "a'])
def test_a_broken_list_does_not_become_a_list_of_one_text(text: str) -> None:
    for schema in (ARRAY, STRINGS):
        assert coerce_text(text, schema, schema) == (text, ())
        assert coerce(text, schema, schema) == (text, ())


@pytest.mark.parametrize("text", ["[x] buy milk", "{{name}}", "[[note]]", "[link](url)", "[", "{"])
def test_a_text_that_only_looks_like_it_may_be_the_one_item(text: str) -> None:
    assert coerce(text, STRINGS, STRINGS) == ([text], ("scalar_to_array",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, true]}', {"a": [1, True]}),
        (" [1, 2]\n", [1, 2]),
        ("[]", []),
        ("5", "5"),
        ("true", "true"),
        ("null", "null"),
        ('"q"', '"q"'),
        ("{not json}", "{not json}"),
        ("[link](url)", "[link](url)"),
        ("{'a': 1}", "{'a': 1}"),
        ("<a>b</a>", "<a>b</a>"),
        ('[{\\"a\\": oops', '[{\\"a\\": oops'),
        ('{"a": oops', '{"a": oops'),
    ],
)
@pytest.mark.parametrize("schema", [{}, True, {"description": "anything"}])
def test_a_text_that_may_be_anything_is_an_object_or_a_list_but_no_scalar(
    text: str, value: JsonValue, schema: JsonValue
) -> None:
    assert coerce_text(text, schema, {})[0] == value


def test_objects_that_do_not_fit_as_a_list_are_no_list_of_their_text() -> None:
    line: JsonObject = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}
    text = '{"sku": "a"}, {"qty": "b"}'
    assert coerce(text, {"type": "array", "items": line}, {}) == (text, ())
