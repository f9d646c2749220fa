from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonValue
from toolgate_core.schema.pyliteral import MAX_BASED, MAX_DEPTH, read_literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("{1, 2}", [1, 2]),
        ("{'a'}", ["a"]),
        ("{1,}", [1]),
        ("()", []),
        ("(1, [2, {3}],)", [1, [2, [3]]]),
        ("{'a': {1, 2}, \"b\": None,}", {"a": [1, 2], "b": None}),
        ("[True, False, None]", [True, False, None]),
        (
            "[1_000, 0x1F, 0o17, 0b11, -0xff, +5, 1.5, .5, 1., 1e3, 0]",
            [1000, 31, 15, 3, -255, 5, 1.5, 0.5, 1.0, 1000.0, 0],
        ),
        ("[123456789012345678901234567890]", [123456789012345678901234567890]),
        (r"['\x41\u00e9\101\n\'\d\\', r'\d', u'x']", ["Aé" + "A\n'\\d\\", r"\d", "x"]),
        (r"['\ud83d\ude00', '\U0001f600']", ["😀", "😀"]),
        ('["""a\n"b" c""", \'\'\'it\'s\'\'\']', ['a\n"b" c', "it's"]),
        ("['a\\\nb']", ["ab"]),
        ("[ # first\n 1,\n # second\n 2 ]", [1, 2]),
        ("[\"\", '']", ["", ""]),
    ],
)
def test_a_literal_is_read_as_python_does(text: str, value: JsonValue) -> None:
    assert read_literal(text) == (value, ("python_literal",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "'a'",
        "words",
        "[1, 2",
        "[1 2]",
        "[1] 2",
        "[,]",
        "[1,,]",
        "{1: 2}",
        "{'a': 1, 2: 3}",
        "{'a': 1, 'a': 2}",
        "{'a': 1, 'b'}",
        "{'a': 1 'b': 2}",
        "{'a' 1}",
        "['a' 'b']",
        "[007]",
        "[1j]",
        "[true]",
        "[nan]",
        "[1e999]",
        "[f'x']",
        "[b'x']",
        "[set()]",
        "['a\nb']",
        "['a]",
        "['\\",
        r"['\/']",
        r"['\x4']",
        r"['\N{DASH}']",
        r"['\ud83d']",
        r"['\U00110000']",
        "[0x" + "f" * (MAX_BASED + 1) + "]",
        "[" + "9" * 5_000 + "]",
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "{" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1),
        "__import__('os')",
        "[__import__('os')]",
    ],
)
def test_what_is_not_a_literal_is_not_read(text: str) -> None:
    assert read_literal(text) is None


literals = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(literals)
def test_python_literals_keep_their_values(value: JsonValue) -> None:
    assert read_literal(repr([value])) == ([value], ("python_literal",))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}[](),:'\"\\x1_.0Te#\n "))
def test_no_text_raises_and_none_is_read_that_python_refuses(text: str) -> None:
    read = read_literal(text)
    if read is not None and not any(part in text for part in ("\\", "{", "(")):
        assert ast.literal_eval(text.strip()) == read[0]
