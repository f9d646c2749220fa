"""The chart's catalogue of models, compared with the gateway and vLLM. Needs no helm."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from toolgate_core.dialects.families import family_of
from toolgate_gateway.settings import ModelEntry
from toolgate_simulator.vllm_families import FAMILIES
from toolgate_simulator.vllm_families import family_of as simulated_family
from toolgate_simulator.vllm_flags import REASONING_PARSERS, TOOL_PARSERS, vllm_parser

CHART = Path(__file__).parents[2] / "charts" / "toolgate"
PRESETS: dict[str, dict[str, Any]] = yaml.safe_load((CHART / "models.yaml").read_text("utf-8"))["presets"]
VLLM: dict[str, Any] = yaml.safe_load((CHART / "vllm.yaml").read_text("utf-8"))
each = pytest.mark.parametrize("name", PRESETS)


@each
def test_its_parsers_are_vllms(name: str) -> None:
    preset = PRESETS[name]
    assert preset["parser"] in TOOL_PARSERS
    assert preset.get("reasoningParser", "qwen3") in REASONING_PARSERS


@each
def test_its_policy_is_one_that_the_gateway_takes(name: str) -> None:
    ModelEntry.model_validate(PRESETS[name]["gateway"])


@each
def test_its_dialect_is_its_familys(name: str) -> None:
    native = PRESETS[name]["gateway"].get("policy", {}).get("native_dialect")
    family = family_of(PRESETS[name]["repo"])
    assert family is not None
    assert native is None or native in family.dialects


@each
def test_its_flags_are_vllms_and_its_numbers_make_sense(name: str) -> None:
    preset = PRESETS[name]
    vllm_parser().parse_args([preset["repo"], *preset.get("args", [])])
    assert preset["maxModelLen"] >= 32_768
    assert all(gpus in (1, 2, 4, 8, 16) for gpus in preset["tp"].values())
    assert preset["tp"].keys() <= {"L40S-48GB", "A100-80GB", "H100-80GB", "H200-141GB"}
    assert "chatTemplate" not in preset or (CHART / "chat-templates" / preset["chatTemplate"]).is_file()


@each
def test_the_simulator_reads_its_calls_with_its_parser(name: str) -> None:
    family = simulated_family(PRESETS[name]["repo"])
    assert PRESETS[name]["parser"] in family.tool_parsers


def test_the_charts_list_of_parsers_is_vllms() -> None:
    assert set(VLLM["toolParsers"]) == set(TOOL_PARSERS)
    assert set(VLLM["reasoningParsers"]) == set(REASONING_PARSERS)


def test_the_models_that_people_serve_are_there() -> None:
    wanted = ["gpt-oss-20b", "gpt-oss-120b", "qwen3-", "qwen3-coder", "qwen2.5", "llama-3", "llama-4", "glm-4.5", "glm-4.7", "deepseek-v3.1", "deepseek-v3.2", "kimi-k2", "mistral", "devstral", "minimax-m2", "granite-4", "gemma", "hermes"]  # fmt: skip
    assert [name for name in wanted if not any(preset.startswith(name) for preset in PRESETS)] == []
    assert FAMILIES
