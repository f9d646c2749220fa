from __future__ import annotations

import re
from typing import Any

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue, encode
from toolgate_core.schema import EMPTY, Toolset, Violation, cached_toolset, compiled, parse_tools
from toolgate_core.schema.definitions import NO_PARAMETERS, check_names
from toolgate_core.types.errors import RequestError
from toolgate_core.types.failures import FailureKind
from toolgate_core.types.requests import ToolDefinition


def tool(name: str = "f", parameters: JsonValue = None, **more: JsonValue) -> JsonValue:
    function: JsonObject = {"name": name, **more}
    if parameters is not None:
        function["parameters"] = parameters
    return {"type": "function", "function": function}


def toolset(parameters: JsonObject, *, strict: bool = False) -> Toolset:
    return Toolset.compile((ToolDefinition("f", "", parameters, strict),))


def named(*names: str) -> Toolset:
    return Toolset.compile(tuple(ToolDefinition(name, "", NO_PARAMETERS) for name in names))


def obj(properties: JsonValue, **more: Any) -> JsonObject:
    return {"type": "object", "properties": properties, **more}


def test_definitions_are_read_from_the_tools_of_a_request() -> None:
    text = encode([tool("a", obj({}), description="does", strict=False), tool("b.c"), tool("d", {}, description=None)])
    assert parse_tools(text) == (
        ToolDefinition("a", "does", obj({}), strict=False),
        ToolDefinition("b.c", "", NO_PARAMETERS),
        ToolDefinition("d", "", NO_PARAMETERS),
    )
    assert parse_tools(b"") == ()


@pytest.mark.parametrize(
    ("tools", "param", "code"),
    [
        ("x", "tools", None),
        ([tool(f"f{i}") for i in range(129)], "tools", "array_above_max_length"),
        (["x"], "tools[0]", None),
        ([{"function": {}}], "tools[0].type", None),
        ([{"type": "custom", "custom": {"name": "x"}}], "tools[0].type", None),
        ([{"type": "function"}], "tools[0].function", None),
        ([{"type": "function", "function": {}}], "tools[0].function.name", None),
        ([tool("")], "tools[0].function.name", "invalid_value"),
        ([tool(), tool()], "tools[1].function.name", "invalid_value"),
        ([tool(description=5)], "tools[0].function.description", None),
        ([tool(strict="yes")], "tools[0].function.strict", None),
        ([tool(parameters=[])], "tools[0].function.parameters", "invalid_function_parameters"),
    ],
)
def test_a_bad_tool_is_named(tools: JsonValue, param: str, code: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        parse_tools(encode(tools))
    assert (caught.value.param, caught.value.code, caught.value.failure.kind) == (param, code, FailureKind.INVALID)


def test_tools_that_are_not_json_are_refused() -> None:
    with pytest.raises(RequestError, match="not valid JSON"):
        parse_tools(b"[")


def test_128_tools_are_accepted() -> None:
    assert len(compiled(encode([tool(f"f{i}") for i in range(128)])).names) == 128


@pytest.mark.parametrize("name", ["a b", "a" * 65, "weather.v2", "é", "a\n"])
def test_a_client_is_held_to_the_rule_for_names(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_names(("ok", name))
    assert caught.value.param == "tools[1].function.name"
    check_names(("a-Z_9", "a" * 64))


def bomb(depth: int) -> JsonObject:
    defs: JsonObject = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(depth)}
    return obj({"x": {"$ref": "#/$defs/d0"}}, **{"$defs": {**defs, f"d{depth}": {"type": "object"}}})


def nested(depth: int) -> JsonObject:
    schema: JsonObject = obj({})
    for _ in range(depth):
        schema = obj({"a": schema})
    return schema


def chain(length: int) -> JsonObject:
    links: JsonObject = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(length)}
    return obj({"x": {"$ref": "#/$defs/d0"}}, **{"$defs": {**links, f"d{length}": {}}})


DEEP: JsonValue = []
for _ in range(300):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"type": "array"}, "must have type 'object'"),
        ({"type": "objekt"}, "must have type 'object'"),
        (obj({"a": {"type": "strin"}}), "not a valid JSON Schema at 'properties/a/type'"),
        (obj({"a": {"pattern": "("}}), "not a valid JSON Schema at"),
        (obj({"a": {"$ref": "http://example.com/schema"}}), "is not a place in this schema"),
        (obj({"a": {"$ref": "file:///etc/passwd"}}), "is not a place in this schema"),
        (obj({"a": {"$ref": 5}}), "is not a place in this schema"),
        (obj({"a": {"$ref": "#/$defs/none"}}), "leads to no schema"),
        (obj({"a": {"$dynamicRef": "#x"}}), "$dynamicRef is not supported"),
        (obj({}, **{"$ref": "#"}), "refers to itself"),
        (obj({"a": {"anyOf": [{"$ref": "#/properties/a"}, {}]}}), "refers to itself"),
        (bomb(40), "apply to one value"),
        (nested(101), "nested more than"),
        (chain(150), "chain of more than"),
        (obj({"a": {"enum": [DEEP]}}), "can't be compiled"),
    ],
)
def test_a_schema_that_can_not_be_used_is_refused(parameters: JsonObject, message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        toolset(parameters)
    assert caught.value.param == "tools[0].function.parameters"
    assert caught.value.code == "invalid_function_parameters"


@pytest.mark.parametrize(
    "parameters",
    [
        {"properties": {"a": {"type": "integer"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": obj({})}},
        obj({"a": {"items": [{"type": "integer"}], "$ref": "#/x"}}, **{"$schema": "http://json-schema.org/draft-07/schema#", "x": {}}),
        obj({"a": {"dependentSchemas": {"x": {"not": {}}}, "if": True, "prefixItems": [{}]}}),
        obj({"children": {"type": "array", "items": {"$ref": "#"}}}),
        bomb(8),
        nested(40),
    ],
)  # fmt: skip
def test_unusual_but_sound_schemas_are_accepted(parameters: JsonObject) -> None:
    assert toolset(parameters).names == ("f",)


CLOSED: JsonObject = {"additionalProperties": False}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"anyOf": [obj({})], **obj({})}, "not an 'anyOf'"),
        (obj({}), "'additionalProperties' must be supplied"),
        (obj({"a": {}}, **CLOSED), "missing 'a'"),
        (obj({"a": {"not": {}}}, required=["a"], **CLOSED), "'not' is not permitted at 'a'"),
        (obj({"a": {"items": obj({})}}, required=["a"], **CLOSED), "and be false at 'a'"),
        (obj({"a": {"anyOf": [{"allOf": []}]}}, required=["a"], **CLOSED), "'allOf' is not permitted at 'a'"),
        (obj({}, **CLOSED, **{"$defs": {"x": {"if": {}}}}), "'if' is not permitted in 'x'"),
        (obj({"a": {"enum": list(range(1001))}}, required=["a"], **CLOSED), "at most 1000 enum values"),
        (obj({"a": {"enum": [f"{i:0100}" for i in range(251)]}}, required=["a"], **CLOSED), "more than 250 values"),
        (obj({"a": {"const": "x" * 120_001}}, required=["a"], **CLOSED), "characters in names"),
    ],
)
def test_a_strict_schema_is_held_to_openais_rules(parameters: JsonObject, message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        toolset(parameters, strict=True)
    assert caught.value.code == "invalid_function_parameters"


def strictly_nested(depth: int) -> JsonObject:
    schema: JsonObject = obj({}, **CLOSED)
    for _ in range(depth):
        schema = obj({"a": schema}, required=["a"], **CLOSED)
    return schema


def test_a_strict_schema_has_ten_levels() -> None:
    assert toolset(strictly_nested(9), strict=True).names == ("f",)
    with pytest.raises(RequestError, match="at most 10 levels"):
        toolset(strictly_nested(10), strict=True)


def test_a_strict_schema_deeper_than_any_is_refused() -> None:
    deep: JsonObject = {}
    for _ in range(120):
        deep = {"items": deep}
    with pytest.raises(RequestError, match="nested more than"):
        toolset(obj({"a": deep}, required=["a"], **CLOSED), strict=True)


@pytest.mark.parametrize(
    ("raw", "name", "tags"),
    [
        ("get_weather", "get_weather", ()),
        ("get_weather<|channel|>commentary", "get_weather", ("name_special",)),
        (" get_weather\n", "get_weather", ("name_space",)),
        ("functions.get_weather", "get_weather", ("name_prefix",)),
        ("functions.get_weather:12", "get_weather", ("name_prefix", "name_suffix")),
        ("getWeather", "get_weather", ("name_case",)),
        (" functions.Get-Weather:0", "get_weather", ("name_space", "name_prefix", "name_suffix", "name_case")),
        ("fs.read", "fs.read", ()),
    ],
)
def test_a_name_is_matched_to_the_tool_that_was_meant(raw: str, name: str, tags: tuple[str, ...]) -> None:
    found, done = named("get_weather", "fs.read", "x", "a_b", "ab").resolve(raw)
    assert found is not None
    assert (found.definition.name, done) == (name, tags)


@pytest.mark.parametrize("raw", ["", "weather", "<|call|>", "A-B", "___", "get_weather2"])
def test_a_name_is_never_guessed(raw: str) -> None:
    assert named("get_weather", "a_b", "ab", "_", "__").resolve(raw) == (None, ())


def test_a_number_at_the_end_of_a_name_is_removed_as_the_last_resort():
    toolset = named("get_weather", "step_2")
    for raw in ("get_weather_0", "functions_get_weather_12", "functions.get_weather_0"):
        found, tags = toolset.resolve(raw)
        assert (found and found.definition.name, tags[-1]) == ("get_weather", "name_suffix")
    assert toolset.resolve("step_2")[1] == ()
    assert toolset.resolve("step_3") == (None, ())


def test_a_violation_says_what_a_model_can_fix() -> None:
    tools = toolset(
        obj(
            {
                "days": {"type": "integer"},
                "unit": {"enum": ["c", "f"]},
                "items": {"type": "array", "items": obj({"sku": {"type": ["string", "null"]}}, required=["sku"])},
                "n": {"minimum": 3},
            },
            required=["city"],
            **CLOSED,
        )
    )
    found = tools.get("f")
    assert found is not None
    assert found.violations({"city": "x"})[0].keyword == "additionalProperties"
    value: JsonObject = {"days": "x" * 200, "unit": "k", "items": [{"sku": 1}, {}], "n": 1}
    by_path = {one.path: one for one in found.violations(value)}
    assert by_path["days"].message == f'days must be an integer, got "{"x" * 79}…'
    assert by_path["unit"].message == "unit must be one of ['c', 'f'], got \"k\""
    assert by_path["items[0].sku"] == Violation("items[0].sku", "type", "items[0].sku must be a string or null, got 1")
    assert by_path["items[1]"].message == "items[1].sku is required and missing"
    assert by_path["n"].message == "n: 1 is less than the minimum of 3"
    assert found.violations([]) == [Violation("", "type", "the arguments must be a JSON object")]
    assert [one.path for one in found.violations({"q": 1})] == ["", ""]


def test_the_message_for_a_property_that_is_not_allowed_names_it() -> None:
    found = toolset(obj({}, **CLOSED)).get("f")
    assert found is not None
    assert found.violations({"q": 1}) == [Violation("", "additionalProperties", "the arguments must not have 'q'")]
    assert found.violations({}) == []


@pytest.mark.parametrize(("value", "schema"), [(DEEP, {"type": "integer"}), ("\ud800", {"enum": ["a"]})])
def test_a_value_that_can_not_be_checked_is_not_valid(value: JsonValue, schema: JsonObject) -> None:
    found = toolset(obj({"a": schema})).get("f")
    assert found is not None
    message = "the arguments are nested too deeply or hold text that is not Unicode"
    assert found.violations({"a": value}) == [Violation("", "type", message)]


def test_integers_of_any_size_are_validated_exactly() -> None:
    found = toolset(obj({"a": {"type": "integer", "maximum": 2**64}, "b": {"const": 2**53 + 1}})).get("f")
    assert found is not None
    assert found.valid({"a": 2**64, "b": 2**53 + 1})
    assert not found.valid({"a": 2**64 + 1})
    assert not found.valid({"b": 2**53})


def test_the_empty_toolset_knows_no_tool() -> None:
    assert (EMPTY.names, EMPTY.definitions, EMPTY.resolve("x"), EMPTY.get("x")) == ((), (), (None, ()), None)
    assert compiled(b"").names == ()


def test_a_tool_says_what_it_requires() -> None:
    found = toolset(obj({"a": {}}, required=["a"])).get("f")
    assert found is not None
    assert (found.required, found.parameters["type"]) == (("a",), "object")


def test_a_violation_that_takes_long_to_explain_is_reported_briefly() -> None:
    node: JsonObject = obj({"a": {"$ref": "#/$defs/E"}}, required=["a"])
    either: JsonObject = {"anyOf": [node, {**node, "minProperties": 1}, {"type": "integer"}]}
    found = toolset(obj({"x": {"$ref": "#/$defs/E"}}, **{"$defs": {"E": either}})).get("f")
    assert found is not None
    value: JsonValue = "bad"
    for _ in range(40):
        value = {"a": value}
    message = "the arguments do not match the schema of the parameters"
    assert found.violations({"x": value}) == [Violation("", "combinator", message)]
    assert found.violations({"x": {"a": "bad"}})[0].path == "x"


def test_every_wrong_item_is_reported() -> None:
    schema: JsonObject = {"items": {"type": "integer"}, "prefixItems": [{"type": "string"}], "contains": True}
    found = toolset(obj({"a": schema}, patternProperties={"^a": {"type": "array"}, "^b": {"type": "null"}})).get("f")
    assert found is not None
    assert sorted(one.path for one in found.violations({"a": [1, "x"], "b": 5})) == ["a[0]", "a[1]", "b"]


def test_a_toolset_is_remembered_once_it_was_compiled() -> None:
    text = encode([tool("only_here", obj({}))])
    assert cached_toolset(text) is None
    made = compiled(text)
    assert cached_toolset(text) is made
