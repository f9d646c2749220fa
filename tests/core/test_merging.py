"""Unknown fields of a stream's deltas become one message's."""

from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.merging import FieldMerger


def merged(*deltas: JsonObject) -> JsonObject:
    merger = FieldMerger()
    for delta in deltas:
        merger.add(delta)
    return merger.take()


def test_text_and_lists_are_continued_objects_merged_and_the_rest_replaced() -> None:
    assert merged(
        {"audio": {"id": "a", "data": "QU"}, "details": [{"index": 0}], "score": 1, "kind": "x"},
        {"audio": {"data": "JD", "expires_at": 9, "no": None}, "details": [{"index": 1}], "score": 2, "kind": None},
        {"tail": {"of": []}},
    ) == {
        "audio": {"id": "a", "data": "QUJD", "expires_at": 9},
        "details": [{"index": 0}, {"index": 1}],
        "score": 2,
        "kind": "x",
        "tail": {"of": []},
    }
    assert merged({"details": [1]}, {"details": "all"}) == {"details": "all"}


def test_objects_far_inside_are_replaced() -> None:
    deep: JsonObject = {}
    for _ in range(900):
        deep = {"a": deep}
    assert merged(deep, deep) == deep


def test_the_deltas_themselves_stay_as_they_are() -> None:
    first: JsonObject = {"a": {"b": ["c"]}}
    merged(first, {"a": {"b": ["d"]}})
    assert first == {"a": {"b": ["c"]}}


def test_what_was_taken_is_forgotten() -> None:
    merger = FieldMerger()
    assert not merger
    merger.add({"a": "b"})
    assert merger
    assert (merger.take(), merger.take(), bool(merger)) == ({"a": "b"}, {}, False)


values: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=1), inner, max_size=3)),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=1), values, max_size=3)


@given(st.lists(objects, max_size=4))
def test_a_delta_without_news_changes_nothing(deltas: list[JsonObject]) -> None:
    assert merged(*deltas, {}) == merged(*deltas)
    assert None not in merged(*deltas).values()


@given(objects)
def test_one_delta_is_unchanged_except_for_its_nulls(delta: JsonObject) -> None:
    found = merged(delta)
    assert found == _without_nulls(delta)


def _without_nulls(fields: JsonObject) -> JsonObject:
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value is not None
    }
