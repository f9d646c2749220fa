"""No key and no internal address stays in a text that leaves the gateway."""

import pytest
from toolgate_formats.redaction import HIDDEN, Redactor

KEY = "s3cret+key/="


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"wrong key {KEY}", f"wrong key {HIDDEN}"),
        (f"wrong key {KEY.upper()}", f"wrong key {HIDDEN}"),
        ("?key=s3cret%2Bkey%2F%3D", f"?key={HIDDEN}"),
        ("Authorization: Bearer abc.def", f"Authorization: {HIDDEN}"),
        ("sk-proj-123456 is wrong", f"{HIDDEN} is wrong"),
        ("at http://10.0.0.7:8000/v1", f"at {HIDDEN}"),
        ("at 10.0.0.7:8000", f"at {HIDDEN}"),
        ("at vllm-0.vllm.svc.cluster.local", f"at {HIDDEN}"),
        ("at gpu7.example.org:8443", f"at {HIDDEN}"),
        ("The model `m` does not exist.", "The model `m` does not exist."),
    ],
)
def test_keys_and_addresses_are_hidden(text: str, clean: str) -> None:
    assert Redactor((KEY,)).clean(text, 1000) == clean


def test_a_secret_that_begins_with_another_is_hidden_whole() -> None:
    assert Redactor(("abcdefgh", "abcdefgh-and-more")).clean("abcdefgh-and-more", 100) == HIDDEN


def test_without_secrets_texts_stay() -> None:
    assert Redactor(("", "")).clean(" Hello. ", 100) == "Hello."


def test_a_long_text_is_cut_after_it_was_cleaned() -> None:
    assert Redactor((KEY,)).clean("x" * 20 + KEY, 10) == "xxxxxxxxxx…"
    assert Redactor((KEY,)).clean("y " + KEY + "z" * 100, 10) == f"y {HIDDEN}"[:10] + "…"


def test_the_repr_shows_no_secret() -> None:
    assert KEY not in repr(Redactor((KEY,)))
