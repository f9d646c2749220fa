"""What is known about servers: how they are recognised, what they can do, how they refuse."""

import msgspec
import pytest
from toolgate_core.jsontext import JsonObject
from toolgate_core.types.policy import Capabilities
from toolgate_formats.profiles.base import (
    VERSION_KEY,
    Profile,
    capabilities_of,
    find_profile,
    parse_version,
    phrases,
)
from toolgate_formats.profiles.table import PROFILES


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_profile_names_only_capabilities_that_exist(profile: Profile) -> None:
    for version in (None, (0, 0), (999, 0)):
        assert msgspec.convert(profile.capabilities_at(version), Capabilities)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_phrase_of_a_profile_is_an_expression(profile: Profile) -> None:
    for group in (profile.unsupported, profile.schema, profile.overflow):
        for text in group:
            assert phrases([[text]]).search("") is None


def test_names_and_owners_are_unique() -> None:
    names = [profile.name for profile in PROFILES]
    owners = [owner for profile in PROFILES for owner in profile.owners]
    assert len(set(names)) == len(names)
    assert len(set(owners)) == len(owners)


@pytest.mark.parametrize(
    ("card", "capabilities"),
    [
        ({"owned_by": "vllm"}, {"skip_special_tokens": True}),
        ({"owned_by": "vllm", VERSION_KEY: "0.23.9"}, {"skip_special_tokens": True}),
        ({"owned_by": "vllm", VERSION_KEY: "0.24.0rc1"}, {"skip_special_tokens": True, "strict": True}),
        ({"owned_by": "vllm", VERSION_KEY: "1.0"}, {"skip_special_tokens": True, "strict": True}),
        ({"owned_by": "vllm", VERSION_KEY: "main"}, {"skip_special_tokens": True}),
        ({"owned_by": "sglang"}, {}),
        # Proxies list every model as OpenAI's: the owner proves nothing.
        ({"owned_by": "openai"}, {}),
        ({"owned_by": ["vllm"]}, {}),
        ({}, {}),
    ],
)
def test_a_model_object_shows_what_its_server_can_do(card: JsonObject, capabilities: JsonObject) -> None:
    assert capabilities_of(card, PROFILES) == capabilities


def test_a_server_is_found_by_the_owner_of_its_models() -> None:
    found = find_profile({"id": "vllm", "owned_by": "llamacpp"}, PROFILES)
    assert found is not None
    assert found.name == "llama.cpp"
    assert find_profile({"id": "vllm"}, PROFILES) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [("0.24.1", (0, 24)), ("v0.9", (0, 9)), ("0.24.0+cu130", (0, 24)), ("", None), ("x1.2", None), ("1", None)],
)
def test_a_version_is_its_first_two_numbers(text: str, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version


def test_without_phrases_nothing_is_found() -> None:
    assert phrases([]).search("anything") is None
    assert phrases([[], []]).search("") is None
