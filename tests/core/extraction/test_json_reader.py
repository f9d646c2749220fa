"""Going on from broken JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.extraction.json_reader import JsonScanner, continuation, unescape
from toolgate_core.jsontext import encode_str

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@given(st.dictionaries(TEXT, VALUES), st.data())
def test_emitted_json_can_always_be_continued(value, data):
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from((None, 1))))
    scan = JsonScanner()
    scan.read(text[: data.draw(st.integers(0, len(text)))], 0, ended=False)
    written = "".join(scan.out)
    assert not scan.bad
    rest = continuation(written, value)
    assert rest is not None
    assert json.loads(written + rest) == value


def test_json_of_another_value_cannot_be_continued():
    assert continuation('{"a":"xy', {"a": "z"}) is None
    assert continuation('{"b', {"a": "z"}) is None
    assert continuation('{"a":1', {"a": 2}) is None
    assert continuation("", {"a": 2}) == encode_str({"a": 2})


def test_an_escaped_pair_is_continued_after_its_first_half():
    assert continuation(r'{"a":"x\ud83d', {"a": "x\U0001f600y"}) == r'\ude00y"}'
    assert continuation(r'{"a":"x\\\ud83d', {"a": "x\\\U0001f600"}) == r'\ude00"}'
    assert continuation(r'{"a":"x\ud83d', {"a": "x\U0001f4a9"}) == r'\udca9"}'
    assert continuation(r'{"a":"x\ud83c', {"a": "x\U0001f600"}) is None
    assert continuation(r'{"a":"x\ud83d', {"a": "xy"}) is None


def test_a_lone_half_of_a_pair_is_replaced():
    assert unescape(r"a\ud83d\ude00\n") == "a\U0001f600\n"
    assert unescape(r"a\ud83db\ude00\\ud83d") == "a\ufffdb\ufffd\\ud83d"
