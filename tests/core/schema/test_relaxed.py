from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema import relax


@pytest.mark.parametrize(
    ("text", "value", "tags"),
    [
        ('{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}, ()),
        ("{}", {}, ()),
        ("[]", [], ()),
        ('{"a": 1,}', {"a": 1}, ("trailing_comma",)),
        ("[1,]", [1], ("trailing_comma",)),
        ("{'a': 'b'}", {"a": "b"}, ("single_quotes",)),
        ("{'a': \"it's\"}", {"a": "it's"}, ("single_quotes",)),
        ("{a: 1, $b-c: 2}", {"a": 1, "$b-c": 2}, ("unquoted_key",)),
        ('{"a": True, "b": None, "c": False}', {"a": True, "b": None, "c": False}, ("python_literal",)),
        ('{"a": (1, 2)}', {"a": [1, 2]}, ("python_literal",)),
        ('{"a": "x\ny\tz"}', {"a": "x\ny\tz"}, ("unescaped_newline",)),
        (r'{"a": "\$HOME \d \'q\'"}', {"a": r"\$HOME \d 'q'"}, ("invalid_escape",)),
        (r'{"a": "\"\\\/\b\f\n\r\t"}', {"a": '"\\/\b\f\n\r\t'}, ()),
        (r'"\ud83d\ude00 \u00e9"', "😀 é", ()),
        (r'"\ud83d x"', "\ufffd x", ("invalid_escape",)),
        (r'"\ud83d\u0041"', "\ufffdA", ("invalid_escape",)),
        (r'"\ud83d\uzz"', "\ufffd\\uzz", ("invalid_escape",)),
        (r'"\u12"', "\\u12", ("invalid_escape",)),
        ('{"a": 1 /* one */, // two\n "b": 2 # three\n}', {"a": 1, "b": 2}, ("comment",)),
        ('// first\n{"a": 1}', {"a": 1}, ("comment",)),
        ('```json\n{"a": 1}\n```', {"a": 1}, ("code_fence",)),
        ('json {"a": 1}', {"a": 1}, ("stray_text",)),
        ('{"a": 1}}', {"a": 1}, ("stray_text",)),
        ('{"a": 1}<|call|>', {"a": 1}, ("stray_text",)),
        ('{"a": 1, "a": 2}', {"a": 2}, ("duplicate_key",)),
        ('{"a": 007, "b": +1, "c": .5, "d": 1.}', {"a": 7, "b": 1, "c": 0.5, "d": 1.0}, ("number_form",)),
        ('{"a": 12345678901234567890123}', {"a": 12345678901234567890123}, ()),
        ("5", 5, ()),
        ("\ufeff[1]", [1], ()),
        (r"{'a': '\x41\xe9\d\xz'}", {"a": r"Aé\d\xz"}, ("single_quotes", "python_literal", "invalid_escape")),
        (r'{"a": "\x41"}', {"a": r"\x41"}, ("invalid_escape",)),
        ("{'a': {1, 2}}", {"a": [1, 2]}, ("python_literal",)),
        ("[1, True, true, None, 'a']", [1, True, True, None, "a"], ("python_literal", "single_quotes")),
    ],
)
def test_nearly_json_is_read(text: str, value: JsonValue, tags: tuple[str, ...]) -> None:
    assert relax(text) == (value, tags)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "he said "hi""}', 'he said "hi"'),
        ('{"a": "he said "hi" twice", "b": 1}', 'he said "hi" twice'),
        ('{"a": ""quoted" text", "b": [1]}', '"quoted" text'),
        ('{"a": "<a href="x">y</a>"}', '<a href="x">y</a>'),
        ('{"a": "one "two" three ("four")", "b": "c"}', 'one "two" three ("four")'),
        ('{"a": "5" pipe"}', '5" pipe'),
        ('{"a": "x "y") z", "b": ("c")}', 'x "y") z'),
        ("{'a': 'it's', 'b': 'that's'}", "it's"),
        ("{'a': 'say 'hi' to it's owner', 'b': 'c'}", "say 'hi' to it's owner"),
        ('{"a": "x "y" z" /* note */ , "b": 1}', 'x "y" z'),
        ('{"a": "x "y" z" /* note */ , // more\r "b" /* key */ : 1}', 'x "y" z'),
        ('{"a": "he said "hi", ok"}', 'he said "hi", ok'),
        ('{"a": "see "#1" ok"}', 'see "#1" ok'),
        ('{"a": "cut -d"," -f2 data.csv"}', 'cut -d"," -f2 data.csv'),
        ('{"a": "cut -d" " -f2", "b": 1}', 'cut -d" " -f2'),
        ('{"a": "awk -F"," "{print $1}" x.csv", "b": 1}', 'awk -F"," "{print $1}" x.csv'),
        ('{"a": "close it with "}" please"}', 'close it with "}" please'),
        ('{"a": "close it with "}, {" please", "b": [1]}', 'close it with "}, {" please'),
        ('{"a": "f("x"), g("y")", "b": 1}', 'f("x"), g("y")'),
        ('{"a": "x.split(" ")", "b": 1}', 'x.split(" ")'),
        ('{"a": "say "yes", then go", "b": ["c"]}', 'say "yes", then go'),
        ('{"a": "x = [""]", "b": 1}', 'x = [""]'),
    ],
)
def test_a_quote_that_can_not_end_a_string_is_part_of_it(text: str, value: str) -> None:
    read = relax(text)
    assert read is not None
    assert isinstance(read[0], dict)
    assert read[0]["a"] == value
    assert "unescaped_quote" in read[1]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "say "yes", "b": "no""}',
        '{"a": "x "y", "b": "z" w"}',
        '{"a": "5" pipe", "b": "c"}',
        '["x" "y"]',
        '["x""y"]',
        '["x ""y"]',
        '["x" 5, "y"]',
        '["x" ["y"]]',
        '["x"5,"y"]',
        '{"a": "x" "b": "y"}',
        '{"a": "x" b: "y"}',
        '{"a": "x "y " z", "b": 1}',
        '{"a "b" c": 1}',
        '"a "b" c"',
        '{"a": "he said "hi',
        '{"a": "x"}"}',
        '{"a": "x", // "b"}',
        '{"a": "x", "y"}',
        '["x", "y" z "w"]',
    ],
)
def test_a_quote_that_can_end_a_string_is_not_repaired(text: str) -> None:
    assert relax(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        '{"a": bare}',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": Infinity}',
        '{"a" 1}',
        '{"a": 1 "b": 2}',
        "{,}",
        "{1: 2}",
        '{"a": "b',
        '{"a": "b\\',
        '{"a": 1} and more',
        '{"a": 1',
        "[1, 2",
        "[" * 200 + "]" * 200,
        "9" * 5000,
        "12abc",
        "x" * 100 + "{}",
    ],
)
def test_what_needs_a_guess_is_not_read(text: str) -> None:
    assert relax(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [true, "x"', {"a": [True, "x"]}),
        ('{"a": {"b": null', {"a": {"b": None}}),
        ('{"a": [1, ', {"a": [1]}),
        ("{", {}),
    ],
)
def test_missing_brackets_are_closed_only_when_asked(text: str, value: JsonValue) -> None:
    assert relax(text) is None
    closed = relax(text, close=True)
    assert closed is not None
    assert closed[0] == value
    assert "unclosed" in closed[1]


@pytest.mark.parametrize("text", ['{"a": "b', '{"a": 12', '{"a', '{"a":', '{"a"', "[tru", '{"a": "b\\'])
def test_a_string_or_a_number_is_never_closed(text: str) -> None:
    assert relax(text, close=True) is None


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_every_json_text_keeps_its_value(value: JsonValue) -> None:
    assert relax(json.dumps(value)) == (value, ())


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="{}[]()\"'\\,:a1tTn /*#`<|>\n"))
def test_no_text_raises(text: str) -> None:
    relax(text)
    relax(text, close=True)
