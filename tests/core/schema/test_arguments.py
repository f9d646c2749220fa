"""The arguments of a call in a history: the JSON text of an object, whatever was written."""

from __future__ import annotations

import pytest
from toolgate_core.schema.arguments import object_text


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('{ "a": 1}', '{ "a": 1}'),
        ("", "{}"),
        (" null ", "{}"),
        ("{'a': 'b'", '{"a":"b"}'),
        ("[1]", '{"unreadable":"[1]"}'),
        ("no JSON", '{"unreadable":"no JSON"}'),
    ],
)
def test_arguments_of_the_history_become_an_object(written: str, sent: str) -> None:
    assert object_text(written) == sent
