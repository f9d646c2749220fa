"""Callers are identified by their keys, without containing them."""

from toolgate_gateway.caller import ANONYMOUS, caller_of


def test_a_caller_is_the_same_in_every_process() -> None:
    assert caller_of(b"sk-alpha").id == "key-2179e632e892"


def test_different_keys_are_different_callers() -> None:
    assert len({caller_of(b"sk-alpha"), caller_of(b"sk-beta"), ANONYMOUS}) == 3


def test_an_id_does_not_contain_the_key() -> None:
    assert "alpha" not in caller_of(b"alpha").id
