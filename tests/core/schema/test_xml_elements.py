from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.schema import coerce, coerce_text
from toolgate_core.schema.xml_elements import MAX_CHILDREN, read_elements

STRING: JsonObject = {"type": "string"}
INTEGER: JsonObject = {"type": "integer"}
STRINGS: JsonObject = {"type": "array", "items": STRING}
NAMED: JsonObject = {"sku": STRING, "qty": INTEGER}
LINE: JsonObject = {"type": "object", "properties": NAMED, "required": ["sku"]}
LINES: JsonObject = {"type": "array", "items": LINE}
ORDER: JsonObject = {
    "type": "object",
    "properties": {
        "lines": LINES,
        "tags": STRINGS,
        "note": {"type": ["string", "integer"]},
        "gift": {"type": "boolean"},
    },
}


def read(text: str, schema: JsonObject) -> tuple[JsonValue, tuple[str, ...]]:
    return coerce_text(text, schema, schema)


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("<item>a</item><item>b</item>", STRINGS, ["a", "b"]),
        ("\n<item>a</item>\n", STRINGS, ["a"]),
        ("<Item>a</Item>", STRINGS, ["a"]),
        ("<0>a</0><1>b</1>", STRINGS, ["a", "b"]),
        ("<1>a</1><2>b</2>", STRINGS, ["a", "b"]),
        ("<item>1</item><item>2</item>", {"type": "array", "items": INTEGER}, [1, 2]),
        ("<n>1</n><n>2</n>", {"type": "array", "items": INTEGER}, [1, 2]),
        ("<sku>a</sku><qty>2</qty>", LINE, {"sku": "a", "qty": 2}),
        ("<sku>007</sku>", LINE, {"sku": "007"}),
        ("<sku/><qty>2</qty>", LINE, {"sku": "", "qty": 2}),
        ("<sku>a <b>bold</b> &amp; c</sku>", LINE, {"sku": "a <b>bold</b> &amp; c"}),
        ("<sku><sku>a</sku></sku>", LINE, {"sku": "<sku>a</sku>"}),
        ("<sku><sku/></sku>", LINE, {"sku": "<sku/>"}),
        ("<sku>\n  a\n  b\n</sku>", LINE, {"sku": "  a\n  b"}),
        ("<line><sku>a</sku></line><line><sku>b</sku></line>", LINES, [{"sku": "a"}, {"sku": "b"}]),
        ("<x>1</x>", {"type": "object"}, {"x": "1"}),
        ("<sku lang=\"en\">a</sku><qty unit='x' >2</qty>", LINE, {"sku": "a", "qty": 2}),
        ('<item kind="n">3</item><item kind="n"/>', STRINGS, ["3", ""]),
        ('<sku><sku at="1">a</sku></sku>', LINE, {"sku": '<sku at="1">a</sku>'}),
        ("<label>red</label><label>blue</label>", STRINGS, ["red", "blue"]),
        ("<label>red</label>", STRINGS, ["red"]),
        ("<labels><label>red</label><label>blue</label></labels>", STRINGS, ["red", "blue"]),
        ("<label><x/>words</label>", STRINGS, ["<x/>words"]),
        ("<theme><dark>true</dark></theme>", {"type": "object"}, {"theme": {"dark": "true"}}),
        ("<a><b><c>x</c><c>y</c></b></a>", {"type": "object"}, {"a": {"b": {"c": ["x", "y"]}}}),
        ("<a><item>x</item></a>", {"type": "object"}, {"a": ["x"]}),
        ("<a>[1, true]</a>", {"type": "object"}, {"a": [1, True]}),
        ("<id>1</id>", {"type": "array"}, ["1"]),
        ("<step><id>1</id></step><step><id>2</id></step>", {"type": "array"}, [{"id": "1"}, {"id": "2"}]),
        ("<item><item>1</item></item>", {"type": "array", "items": {"type": "array", "items": INTEGER}}, [[1]]),
    ],
)
def test_elements_are_read_as_the_schema_asks(text: str, schema: JsonObject, expected: JsonValue) -> None:
    assert read(text, schema) == (expected, ("elements",))


def test_a_single_element_around_an_object_is_a_list_of_it() -> None:
    assert read("<line><sku>a</sku></line>", LINES) == ([{"sku": "a"}], ("elements", "wrapper_to_array"))
    assert read("<sku>a</sku><qty>1</qty>", LINES) == ([{"sku": "a", "qty": 1}], ("elements", "scalar_to_array"))


def test_elements_nest_at_any_depth() -> None:
    text = """
    <lines><item><sku>a</sku><qty>1</qty></item><item><sku>b</sku></item></lines>
    <tags>x</tags><tags>y</tags>
    <note>5</note>
    <gift>True</gift>
    """
    assert read(text, ORDER) == (
        {"lines": [{"sku": "a", "qty": 1}, {"sku": "b"}], "tags": ["x", "y"], "note": 5, "gift": True},
        ("elements", "python_literal"),
    )


def test_elements_meet_references_and_unions() -> None:
    root: JsonObject = {
        "anyOf": [{"$ref": "#/$defs/line"}, {"type": "null"}],
        "$defs": {"line": {**LINE, "properties": {**NAMED, "next": {"$ref": "#/$defs/line"}}}},
    }
    assert coerce_text("<sku>a</sku><next><sku>b</sku><qty>2</qty></next>", root, root) == (
        {"sku": "a", "next": {"sku": "b", "qty": 2}},
        ("elements",),
    )


@pytest.mark.parametrize("schema", [STRING, {"type": ["string", "object"]}, {}, {"type": ["array", "string"]}])
def test_markup_stays_where_a_string_is_allowed(schema: JsonObject) -> None:
    assert read("<item>a</item>", schema) == ("<item>a</item>", ())


def test_markup_that_could_be_an_item_is_one() -> None:
    assert read("<p>a</p><p>b</p>", STRINGS) == (["<p>a</p><p>b</p>"], ("scalar_to_array",))


def test_elements_in_a_json_string_are_text() -> None:
    assert coerce("<sku>a</sku>", LINE, LINE) == ("<sku>a</sku>", ())


@pytest.mark.parametrize(
    "text",
    [
        "<sku>a</sku> and more",
        "words <sku>a</sku>",
        "<sku>a",
        "<sku>a</qty>",
        "<sku><sku>a</sku>",
        '<sku lang="en>a</sku>',
        "<__proto__>a</__proto__>",
        "<sku>a</sku><constructor>b</constructor>",
        "<>a</>",
        "</sku>",
        "<sku/>" * (MAX_CHILDREN + 1),
    ],
)
def test_what_is_not_only_elements_is_not_read(text: str) -> None:
    assert read(text, LINE) == (text, ())


def test_a_repeated_element_is_not_text() -> None:
    assert read("<sku>a</sku><sku>b</sku><sku>c</sku>", LINE) == ({"sku": ["a", "b", "c"]}, ("elements",))


def test_a_list_is_preferred_where_an_object_may_be_meant_only_for_items() -> None:
    assert read_elements("<item>a</item>", ("object", "array"), markup=False) == ["a"]
    assert read_elements("<n>a</n><n>b</n>", ("object", "array"), markup=False) == {"n": ["a", "b"]}


@pytest.mark.parametrize(
    ("schema", "expected", "tags"),
    [
        (STRINGS, [], ("empty_to_array",)),
        (LINE, {}, ("empty_to_object",)),
        ({"type": ["array", "null"]}, [""], ("scalar_to_array",)),
    ],
)
def test_no_text_is_an_empty_array_or_object(schema: JsonObject, expected: JsonValue, tags: tuple[str, ...]) -> None:
    assert read("", schema) == (expected, tags)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/ab01 \n"), st.sampled_from([LINE, LINES, STRINGS, ORDER]))
def test_no_markup_raises(text: str, schema: JsonObject) -> None:
    read(text, schema)


def test_deep_elements_end() -> None:
    schema: JsonObject = {"type": "object", "additionalProperties": {"$ref": "#"}}
    text = "<a>" * 2_000 + "</a>" * 2_000
    value, tags = read(text, schema)
    assert isinstance(value, dict)
    assert tags == ("elements",)
