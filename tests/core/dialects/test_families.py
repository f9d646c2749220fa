"""Which dialect a model speaks, by its name."""

from __future__ import annotations

import pytest
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.families import FAMILIES, PROMPTED_DIALECTS, dialect_to_prompt, family_of
from toolgate_core.limits import MAX_FAMILY_NAME
from toolgate_core.presets import PRESETS, preset_name

NAMES = {
    "openai/gpt-oss-120b": "harmony",
    "gpt-oss-20b-recent": "harmony",
    "NousResearch/Hermes-3-Llama-3.1-8B": "hermes",
    "NousResearch/Hermes-4-70B": "hermes",
    "teknium/OpenHermes-2.5-Mistral-7B": "hermes",
    "Qwen/Qwen2.5-72B-Instruct": "qwen25",
    "Qwen/Qwen2.5-Coder-32B-Instruct": "qwen25",
    "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF": "qwen25",
    "qwen2.5-coder:7b": "qwen25",
    "accounts/fireworks/models/qwen2p5-coder-32b-instruct": "qwen25",
    "qwen25-vl": "qwen25",
    "Qwen/Qwen2-57B-A14B-Instruct": "hermes",
    "Qwen/Qwen3-8B": "hermes",
    "qwen3:30b-a3b": "hermes",
    "Qwen/Qwen3-235B-A22B-Thinking-2507": "hermes",
    "Qwen/Qwen3-Next-80B-A3B-Instruct": "hermes",
    "Qwen/QwQ-32B": "hermes",
    "arcee-ai/Trinity-Mini": "hermes",
    "LGAI-EXAONE/EXAONE-4.0-32B": "hermes",
    "LGAI-EXAONE/K-EXAONE-236B-A23B": "hermes",
    "XiaomiMiMo/MiMo-7B-RL": "hermes",
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": "qwen3_coder",
    "Qwen/Qwen3-Coder-Next": "qwen3_coder",
    "Qwen/Qwen3.5-397B-A17B": "qwen3_coder",
    "Qwen/Qwen3.6-27B": "qwen3_coder",
    "accounts/fireworks/models/qwen3p8-plus": "qwen3_coder",
    "LGAI-EXAONE/K-EXAONE-2-Instruct": "qwen3_coder",
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": "qwen3_coder",
    "stepfun-ai/Step-3.5-Flash": "qwen3_coder",
    "ByteDance-Seed/UI-TARS-1.5-7B": "qwen3_coder",
    "XiaomiMiMo/MiMo-V2-Flash": "mimo",
    "zai-org/GLM-4.5-Air": "glm",
    "zai-org/GLM-4.6V-Flash": "glm",
    "zai-org/GLM-4.7": "glm",
    "zai-org/GLM-5.2": "glm",
    "poolside/Laguna-M.1": "glm",
    "deepseek-ai/DeepSeek-V4.1-Pro": "dsml",
    "deepseek-v4-flash": "dsml",
    "deepseek-chat": "dsml",
    "deepseek-ai/DeepSeek-V3.2": "dsml",
    "deepseek-ai/DeepSeek-V3.2-Exp": "deepseek_v31",
    "deepseek-ai/DeepSeek-V3.1": "deepseek_v31",
    "deepseek-ai/DeepSeek-V3.1-Terminus": "deepseek_v31",
    "deepseek-ai/DeepSeek-V3-0324": "deepseek_v3",
    "deepseek-ai/DeepSeek-R1-0528": "deepseek_v3",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": "deepseek_v3",
    "moonshotai/Kimi-K2-Instruct": "kimi_k2",
    "moonshotai/Kimi-K2.5": "kimi_k2",
    "moonshotai/Kimi-K3": "kimi_k3",
    "MiniMaxAI/MiniMax-M2.5": "minimax_m2",
    "MiniMaxAI/MiniMax-M3": "minimax_m3",
    "mistralai/Devstral-Small-2507": "mistral",
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506": "mistral",
    "mistralai/Magistral-Small-2509": "mistral",
    "mistralai/Mixtral-8x22B-Instruct-v0.1": "mistral",
    "google/gemma-4-31b-it": "gemma4",
    "google/gemma-3-27b-it": "gemma3",
    "google/functiongemma-270m-it": "functiongemma",
    "meta-llama/Llama-3.1-8B-Instruct": "llama3_json",
    "meta-llama/Llama-3.2-3B-Instruct": "llama3_json",
    "meta-llama/Llama-3.3-70B-Instruct": "llama3_json",
    "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF": "llama3_json",
    "accounts/fireworks/models/llama-v3p1-405b-instruct": "llama3_json",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": "llama4_pythonic",
    "Team-ACE/ToolACE-2-Llama-3.1-8B": "pythonic",
    "Salesforce/Llama-xLAM-2-8b-fc-r": "xlam",
    "meetkai/functionary-small-v3.1": "functionary31",
    "meetkai/functionary-medium-v3.2": "functionary32",
    "fireworks-ai/firefunction-v2": "firefunction_v2",
    "LiquidAI/LFM2.5-8B-A1B": "lfm2",
    "ibm-granite/granite-4.0-h-small": "granite4",
    "ibm-granite/granite-3.3-8b-instruct": "granite3",
    "ibm-granite/granite-20b-functioncalling": "granite_20b_fc",
    "nvidia/NVIDIA-Nemotron-Nano-9B-v2": "nemotron_v2",
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5": "nemotron_v2",
    "CohereLabs/c4ai-command-r7b-12-2024": "cohere",
    "CohereLabs/command-a-reasoning-08-2025": "cohere",
    "tencent/Hy3-preview": "hy_v3",
    "tencent/Hy4-preview": "hy_v4",
    "tencent/Hunyuan-A13B-Instruct": "hunyuan_a13b",
    "tencent/Hunyuan-4B-Instruct": "hunyuan_a13b",
    "ByteDance-Seed/Seed-OSS-36B-Instruct": "seed_oss",
    "stepfun-ai/step3": "step3",
    "internlm/internlm3-8b-instruct": "internlm2",
    "internlm/Intern-S1": "internlm2",
    "microsoft/Phi-4-mini-instruct": "phi4mini",
    "allenai/Olmo-3.1-32B-Instruct": "olmo3",
    "allenai/Olmo-3-7B-Think": "olmo3",
    "swiss-ai/Apertus-70B-Instruct-2509": "apertus",
    "ServiceNow-AI/Apriel-1.6-15b-Thinker": "apriel",
    "ai21labs/AI21-Jamba-Large-1.7": "jamba",
    "baidu/ERNIE-4.5-21B-A3B-Thinking": "ernie45",
    "meituan-longcat/LongCat-Flash-Chat": "longcat",
    "ai-sage/GigaChat3-10B-A1.8B": "gigachat3",
    "upstage/Solar-Open2-100B": "solar_open2",
    "openbmb/MiniCPM5-1B": "minicpm5",
    "thinkingmachines/Inkling": "inkling",
    "meta/muse-glimmer": "muse",
}

UNKNOWN = (
    "gpt-4o",
    "claude-sonnet-5",
    "meta-llama/Meta-Llama-3-8B-Instruct",
    "zai-org/glm-4-9b-chat",
    "ibm-granite/granite-3b-code-instruct",
    "ibm-granite/granite-34b-code-instruct",
    "MiniMaxAI/MiniMax-M1-80k",
    "someone/qwen/other",
    "never-heard-of",
    "",
)


@pytest.mark.parametrize(("model", "dialect"), NAMES.items())
def test_dialect_is_found_by_the_name_of_the_model(model: str, dialect: str) -> None:
    family = family_of(model)
    assert family is not None
    assert family.dialects[0] == dialect


@pytest.mark.parametrize("model", UNKNOWN)
def test_an_unknown_model_has_no_family(model: str) -> None:
    assert family_of(model) is None


def test_a_model_may_speak_more_than_one_dialect() -> None:
    family = family_of("meta-llama/Llama-3.2-3B-Instruct/")
    assert family is not None
    assert family.dialects == ("llama3_json", "pythonic")


def test_every_dialect_has_a_family_or_is_only_prompted_for() -> None:
    spoken = {dialect for family in FAMILIES for dialect in family.dialects}
    assert spoken.isdisjoint(PROMPTED_DIALECTS)
    assert spoken | PROMPTED_DIALECTS == set(DIALECTS)


def test_every_family_is_found_by_some_name() -> None:
    found = {family_of(name) for name in NAMES}
    assert [family.pattern.pattern for family in FAMILIES if family not in found] == []


@pytest.mark.parametrize(
    ("model", "special", "dialect"),
    [
        ("Qwen/Qwen3-8B", False, "hermes"),
        ("moonshotai/Kimi-K2-Instruct", True, "kimi_k2"),
        ("moonshotai/Kimi-K2-Instruct", False, "function_calls"),
        ("meta-llama/Llama-3.3-70B-Instruct", False, "llama3_json"),
        ("openai/gpt-oss-120b", True, "function_calls"),
        ("never-heard-of", True, "function_calls"),
    ],
)
def test_prompt_asks_for_the_own_dialect_if_its_markers_are_visible(model: str, special: bool, dialect: str) -> None:
    assert dialect_to_prompt(family_of(model), special=special) == dialect


@pytest.mark.parametrize(
    "part", ["qwen", "qwen-3", "llama", "functionary", "olmo-3", "gpt-oss", "a/", "/", "deepseek-"]
)
def test_an_endless_name_is_looked_up_at_once(part: str) -> None:
    name = part * 300_000
    assert family_of(name) == family_of(name.rstrip("/").rsplit("/", 1)[-1][:MAX_FAMILY_NAME])
    assert preset_name(name) in PRESETS
