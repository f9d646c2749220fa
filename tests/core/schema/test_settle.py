from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonObject, encode_str
from toolgate_core.limits import MAX_ARGUMENTS
from toolgate_core.schema import Toolset
from toolgate_core.schema.settle import Settled, settle
from toolgate_core.types.faults import Fault
from toolgate_core.types.requests import ToolChoice, ToolDefinition
from toolgate_core.types.vocabulary import AttemptOutcome

WEATHER: JsonObject = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "free": {},
    },
    "required": ["city"],
}
TOOLS = Toolset.compile((ToolDefinition("get_weather", "", WEATHER), ToolDefinition("ping", "", {"type": "object"})))
AUTO = ToolChoice("auto")


def settled(arguments: str, name: str = "get_weather", *, close: bool = False) -> Settled | Fault:
    return settle(name, arguments, TOOLS, AUTO, close=close)


@pytest.mark.parametrize(
    "text",
    [
        '{"city":"Paris"}',
        '{ "days" : 3,  "city" : "Par\\u0069s" }',
        '{"city":"007","days":9007199254740993}',
        '{"city":"x","days":123456789012345678901234567890}',
        '{"city":"[{","tags":["}"],"free":{"b":1,"a":2}}',
    ],
)
def test_valid_arguments_are_sent_as_the_model_wrote_them(text: str) -> None:
    assert settled(f"\n{text} ") == Settled("get_weather", text)


@pytest.mark.parametrize(
    ("text", "arguments", "repairs"),
    [
        ('{"city":"a","days":"3"}', '{"city":"a","days":3}', ("string_to_integer",)),
        ('{"days":"9007199254740993","city":7}', '{"days":9007199254740993,"city":"7"}', ("string_to_integer", "number_to_string")),
        ("{'city': 'a',}", '{"city":"a"}', ("single_quotes", "trailing_comma")),
        ("{city: 7}", '{"city":"7"}', ("unquoted_key", "number_to_string")),
        ('"{\\"city\\": \\"a\\"}"', '{"city":"a"}', ("json_string_to_object",)),
        ('"{\'city\': \'a\'}"', '{"city":"a"}', ("json_string_to_object", "single_quotes")),
    ],
)  # fmt: skip
def test_what_can_be_repaired_is_repaired_and_tagged(text: str, arguments: str, repairs: tuple[str, ...]) -> None:
    assert settled(text) == Settled("get_weather", arguments, repairs)


@pytest.mark.parametrize("text", ["", "  ", "null", "{}"])
def test_a_tool_that_requires_nothing_may_be_called_with_nothing(text: str) -> None:
    assert settled(text, "ping") == Settled("ping", "{}")


def test_empty_arguments_name_what_is_missing() -> None:
    assert settled("") == Fault(AttemptOutcome.SCHEMA_INVALID, "get_weather: city is required and missing.", "{}")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("[1]", "get_weather: the arguments must be one JSON object."),
        ('"words"', "get_weather: the arguments must be one JSON object."),
        ('"{words"', "get_weather: the arguments must be one JSON object."),
        ("5", "get_weather: the arguments must be one JSON object."),
        ('{"city": "Par', "get_weather: the arguments are not valid JSON (Input data was truncated)."),
        ('{"city": "a"', "get_weather: the arguments are not valid JSON (Input data was truncated)."),
        ('{"city":"' + "x" * MAX_ARGUMENTS + '"}', "get_weather: the arguments are longer than 1048576 characters."),
        (
            '{"city":"\\"a[","free":' + "[" * 128 + "]" * 128 + "}",
            "get_weather: the arguments are nested more than 128 levels deep.",
        ),
    ],
)
def test_what_can_not_be_read_is_a_parse_error(text: str, detail: str) -> None:
    assert settled(text) == Fault(AttemptOutcome.PARSE_ERROR, detail, text[:4000])


def test_brackets_in_strings_are_no_nesting() -> None:
    text = encode_str({"city": "[" * 500 + '"\\'})
    assert settled(text) == Settled("get_weather", text)


def test_many_brackets_are_no_nesting() -> None:
    text = encode_str({"city": "x", "free": [[]] * 200})
    assert settled(text) == Settled("get_weather", text)


def test_a_string_that_holds_too_deep_an_object_is_refused() -> None:
    inner = '{"city":"x","free":' + "[" * 300 + "]" * 300 + "}"
    fault = settled(encode_str(inner))
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.detail) == (
        AttemptOutcome.PARSE_ERROR,
        "get_weather: the arguments must be one JSON object.",
    )


def test_a_schema_in_words_of_other_languages_is_settled_by_meaning() -> None:
    schema: JsonObject = {
        "type": "dict",
        "properties": {"n": {"type": "int", "nullable": True}, "x": {"type": "any"}, "l": {"type": "list[str]"}},
    }
    tools = Toolset.compile((ToolDefinition("f", "", schema),))
    text = '{"n":"5","x":{"y":1},"l":"[\'a\']"}'
    expected = Settled("f", '{"n":5,"x":{"y":1},"l":["a"]}', ("string_to_integer", "json_string_to_array"))
    assert settle("f", text, tools, AUTO) == expected
    assert settle("f", '{"n":null}', tools, AUTO) == Settled("f", '{"n":null}')
    fault = settle("f", '{"n":"five"}', tools, AUTO)
    assert isinstance(fault, Fault)
    assert fault.detail == 'f: n must be an integer or null, got "five".'


def test_quotes_inside_a_string_are_escaped_where_one_reading_exists() -> None:
    assert settled('{"city": "the "big" one"}') == Settled(
        "get_weather", '{"city":"the \\"big\\" one"}', ("unescaped_quote",)
    )
    assert settled('{"city": "the "big", one"}') == Settled(
        "get_weather", '{"city":"the \\"big\\", one"}', ("unescaped_quote",)
    )
    assert isinstance(settled('{"city": "the "big", "days": "one""}'), Fault)


def test_objects_in_strings_can_not_add_up_to_a_deeper_one() -> None:
    inner = "[" * 100 + "]" * 100
    tools = Toolset.compile((ToolDefinition("f", "", {"properties": {"a": {"items": {"items": {"type": "array"}}}}}),))
    shallow = settle("f", encode_str({"a": [[inner]]}), tools, AUTO)
    assert isinstance(shallow, Settled)
    deep = settle("f", encode_str({"a": [["[" * 126 + "]" * 126]]}), tools, AUTO)
    assert isinstance(deep, Fault)
    assert deep.detail == "f: the arguments are nested more than 128 levels deep."
    too_deep = settle("f", encode_str({"a": [["[" * 300 + "]" * 300]]}), tools, AUTO)
    assert isinstance(too_deep, Settled)
    assert too_deep.repairs == ("scalar_to_array",)


def test_missing_brackets_are_closed_only_when_the_model_ended_by_itself() -> None:
    text = '{"city":"a","tags":["b"'
    assert isinstance(settled(text), Fault)
    assert settled(text, close=True) == Settled("get_weather", '{"city":"a","tags":["b"]}', ("unclosed",))


def test_a_fault_quotes_path_and_rule() -> None:
    text = '{"city":"a","days":"three","tags":[null]}'
    assert settled(text) == Fault(
        AttemptOutcome.SCHEMA_INVALID,
        'get_weather: days must be an integer, got "three"; tags[0] must be a string, got null.',
        text,
    )


def test_an_unknown_tool_is_a_fault_that_lists_the_tools() -> None:
    assert settled("{}", "search") == Fault(
        AttemptOutcome.UNKNOWN_TOOL, 'There is no tool named "search". The tools are: get_weather, ping.', "{}"
    )


def test_a_long_list_of_tools_is_cut() -> None:
    many = Toolset.compile(tuple(ToolDefinition(f"f{i}", "", {"type": "object"}) for i in range(25)))
    fault = settle("x", "{}", many, AUTO)
    assert isinstance(fault, Fault)
    assert fault.detail.endswith("f19, ….")


@pytest.mark.parametrize(
    "choice", [ToolChoice("none"), ToolChoice("named", name="ping"), ToolChoice("auto", allowed=frozenset({"ping"}))]
)
def test_a_tool_that_the_client_did_not_permit_is_not_a_call(choice: ToolChoice) -> None:
    assert settle("get_weather", '{"city":"a"}', TOOLS, choice) == Fault(
        AttemptOutcome.NO_TOOL_CALL, "get_weather must not be called in this turn.", '{"city":"a"}'
    )


def test_the_cleaning_of_a_name_is_tagged_first() -> None:
    assert settled('{"city":7}', "functions.get_weather:0") == Settled(
        "get_weather", '{"city":"7"}', ("name_prefix", "name_suffix", "number_to_string")
    )
