"""Model families: the markup of their calls and reasoning, and the parsers of vLLM that read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        names: what their names look like.
        dialect: the form in which they write calls, a name of the table of forms.
        tool_parsers: the parsers that read it.
        reasoning_parsers: the parsers that split their thoughts off; empty: they do not think aloud.
        idle_parsers: reasoning parsers of the same vendor, which leave an answer without reasoning unchanged.
    """

    names: re.Pattern[str]
    dialect: str
    tool_parsers: frozenset[str]
    reasoning_parsers: frozenset[str] = frozenset()
    idle_parsers: frozenset[str] = frozenset()


def _family(names: str, dialect: str, tool_parsers: str, reasoning_parsers: str = "", idle_parsers: str = "") -> Family:
    pattern = re.compile(names, re.IGNORECASE)
    parsers = (frozenset(words.split()) for words in (tool_parsers, reasoning_parsers, idle_parsers))
    return Family(pattern, dialect, *parsers)


FAMILIES: Final = (
    _family(r"xlam", "array", "xlam"),
    _family(r"longcat", "hermes", "longcat"),
    _family(r"lfm-?2", "pythonic", "lfm2"),
    _family(r"step-?3\.", "qwen3_coder", "step3p5", "step3p5"),
    _family(r"seed-?oss", "qwen3_coder", "seed_oss", "seed_oss"),
    _family(r"mimo", "qwen3_coder", "mimo", "mimo"),
    _family(r"hunyuan", "tool_calls", "hunyuan_a13b", "hunyuan_a13b"),
    _family(r"ernie", "hermes", "ernie45", "ernie45"),
    _family(r"olmo", "pythonic", "olmo3", "", "olmo3"),
    _family(r"apertus", "array", "apertus"),
    _family(r"phi-?4", "functools", "phi4_mini_json"),
    _family(r"muse", "hermes", "muse_glimmer", "muse_glimmer"),
    _family(r"command-?a", "array", "cohere_command3 cohere_command4", "", "cohere_command3 cohere_command4"),
    _family(r"gigachat", "bare", "gigachat3"),
    _family(r"jamba", "tool_calls", "jamba"),
    _family(r"internlm", "bare", "internlm"),
    _family(r"gpt-oss", "harmony", "openai", "openai_gptoss"),
    _family(r"qwen3-?coder|qwen3\.[5-9]", "qwen3_coder", "qwen3_coder qwen3_xml", "qwen3"),
    _family(r"qwen3.*(thinking)|qwq", "hermes", "hermes qwen3_json", "qwen3 deepseek_r1 deepseek_v3"),
    _family(r"qwen|hermes", "hermes", "hermes qwen3_json", "", "qwen3"),
    _family(r"glm", "glm", "glm45 glm47", "glm45 glm47"),
    _family(r"minimax", "minimax_m2", "minimax_m2", "minimax_m2 minimax_m2_append_think"),
    _family(
        r"deepseek",
        "deepseek_v31",
        "deepseek_v3 deepseek_v31 deepseek_v32 deepseek_v4 deepseek_v41",
        "",
        "deepseek_v3 deepseek_v4 deepseek_v41",
    ),
    _family(r"mistral|devstral|magistral|ministral", "mistral", "mistral", "", "mistral"),
    _family(r"llama-?4", "pythonic", "llama4_pythonic pythonic llama4_json"),
    _family(r"llama", "pythonic", "llama3_json pythonic"),
    _family(r"nemotron", "nemotron", "llama3_json hermes", "", "nemotron_v3"),
    _family(r"kimi", "hermes", "kimi_k2 kimi_k3", "", "kimi_k2 kimi_k3"),
    _family(r"granite", "hermes", "granite granite4 granite-20b-fc hermes", "", "granite granite_thinking_parser"),
    _family(r"gemma", "pythonic", "gemma4 functiongemma pythonic", "", "gemma4"),
)
"""The first whose names match counts."""
OTHER: Final = _family(r"", "hermes", "hermes hf")


def family_of(model: str) -> Family:
    """Return a model's family."""
    return next((family for family in FAMILIES if family.names.search(model)), OTHER)
