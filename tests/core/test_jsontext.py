"""JSON text to values and back."""

import pytest
from toolgate_core.jsontext import JsonTextError, decode, encode, encode_str


@pytest.mark.parametrize(
    "text", ['{"b":9007199254740993,"a":123456789012345678901234567890}', '["\\u2028","é"]', "null"]
)
def test_what_is_read_is_written_exactly(text: str) -> None:
    assert decode(encode(decode(text))) == decode(text)
    assert list(decode('{"b":1,"a":2}')) == ["b", "a"]  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff", '"\\ud800"', "NaN", "1" * 5000, '{"a":1}x'])
def test_what_is_not_json_is_one_error(text: str | bytes) -> None:
    with pytest.raises(JsonTextError):
        decode(text)


def test_what_cannot_be_written_is_the_same_error() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(JsonTextError):
        encode(deep)  # type: ignore[arg-type]
    with pytest.raises(JsonTextError):
        encode_str("\ud800")
