"""A model name decides its policy, unless a preset is configured."""

import pytest
from toolgate_core.presets import PATTERNS, PRESETS, preset_name
from toolgate_core.types.vocabulary import Strategy


@pytest.mark.parametrize(
    ("model", "preset"),
    [
        ("gpt-oss-20b", "gpt-oss"),
        ("openai/gpt-oss-120b", "gpt-oss"),
        ("gpt-oss-20b-recent", "gpt-oss-recent"),
        ("gpt-4o", "openai"),
        ("o3-mini", "openai"),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "default"),
        ("Qwen/Qwen3-Coder-30B", "default"),
        ("text-only", "text-only"),
        ("someone/gpt-oss-lookalike/other", "default"),
        ("never-heard-of", "default"),
    ],
)
def test_a_name_finds_its_preset(model: str, preset: str) -> None:
    assert preset_name(model) == preset


def test_every_pattern_names_a_preset_that_exists() -> None:
    assert {preset for _, preset in PATTERNS} <= set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_begins_on_its_own_ladder_and_can_try_all_of_it(name: str) -> None:
    policy = PRESETS[name]
    assert policy.auto_start in policy.ladder
    tries = sum(1 + policy.retries.get(strategy, 0) for strategy in policy.ladder)
    assert tries <= policy.max_attempts
    assert list(policy.ladder) == sorted(policy.ladder, key=lambda strategy: Strategy(strategy).priority)
