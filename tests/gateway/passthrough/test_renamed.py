"""Another model's name in a body: nothing else changes, however large the body and wherever the name stands."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolgate_core.types.errors import RequestError
from toolgate_gateway.passthrough.renamed import with_model

LARGE = "x" * 300_000
MORE: list[dict[str, Any]] = [{}, {"x": LARGE}]
FORMS: list[dict[str, Any]] = [
    {"model": "small"},
    {"a": 1, "model": "small"},
    {"text": 'a \\"model\\":\\"small\\" in a text', "model": "small", "z": [1.5, None, "\u00e9"]},
    {"tools": [{"model": "small"}], "model": "small"},
    {"tools": [{"model": "other"}, {"properties": {"model": {"type": "string"}}}], "model": "small"},
]


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("indent", [None, 2])
def test_only_the_top_level_name_changes(form: dict[str, Any], more: dict[str, Any], indent: int | None) -> None:
    for body in ({**form, **more}, {**more, **form}):
        changed = with_model(json.dumps(body, indent=indent).encode(), "org/real")
        assert json.loads(changed) == {**body, "model": "org/real"}


@pytest.mark.parametrize("text", ['"sm\\u0061ll"', '"small"', '"\\u0073mall"'])
def test_the_name_may_be_escaped(text: str) -> None:
    body = f'{{"x":"{LARGE}","model" : {text},"n":1.50}}'.encode()
    changed = with_model(body, "real")
    assert json.loads(changed)["model"] == "real"
    assert b'"n":1.50' in changed


def test_the_last_of_two_names_counts() -> None:
    body = f'{{"model":"a","x":"{LARGE}","model":"b"}}'.encode()
    assert json.loads(with_model(body, "real"))["model"] == "real"


def test_a_name_that_is_not_found_is_an_error() -> None:
    decoys = ",".join(['{"model":"a"}'] * 9)
    hidden = '{"x":"' + LARGE + '","mod\\u0065l":"a"}'
    for body in (hidden, f'{{"x":[{decoys}],"y":"{LARGE}","model":"a"}}'):
        with pytest.raises(RequestError) as caught:
            with_model(body.encode(), "real")
        assert caught.value.param == "model"


@given(st.text(min_size=1), st.text(min_size=1), st.booleans())
def test_any_name_becomes_any_other(old: str, new: str, escaped: bool) -> None:
    body = json.dumps({"x": LARGE, "model": old, "y": 1}, ensure_ascii=escaped)
    try:
        data = body.encode()
        new.encode()
    except UnicodeEncodeError:
        return
    assert json.loads(with_model(data, new)) == {"x": LARGE, "model": new, "y": 1}


def test_a_million_members_stay_unchanged() -> None:
    body = b'{"model":"small",' + b",".join(b'"%07d":1' % number for number in range(1_000_000)) + b"}"
    assert with_model(body, "real") == body.replace(b"small", b"real", 1)
