"""Model families: which dialects a model writes, by its name, and what is known about its chat template.

`FAMILIES` are tried in order against the lower-case name of the model (the part after the last `/`); the first match
counts. Fine-tunes are named after their base model but write another dialect, so they are before it. A dialect in the
model's policy always comes first.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from toolgate_core.dialects.base import Dialect, WrittenCall
from toolgate_core.dialects.table import DIALECTS
from toolgate_core.limits import MAX_FAMILY_NAME

ReasoningStyle: TypeAlias = Literal["none", "think", "own", "channel"]
"""How a family writes reasoning: not at all, in `<think>`, between markers of its dialect, or in separate messages."""

PROMPTED_DIALECTS = frozenset({"function_calls", "decision", "auto", "generic", "morph_xml", "yaml_xml", "react"})
"""Dialects that no family was trained on: models write them only when a prompt asks for them."""

FALLBACK_DIALECT = "function_calls"
"""The dialect that a prompt asks for if the model's own is unknown, or its markers do not reach us."""


class ModelFamily(Struct, frozen=True):
    """Models that write calls and reasoning in the same way.

    Attributes:
        pattern: matches the name of a model, in lower case.
        dialects: the dialects that it writes, the likeliest first.
        reasoning: how it writes reasoning.
        reasoning_open: its chat template opens the reasoning (perhaps only with thinking on), so that answers hold only
            its end.
        server_parses: servers always parse its markers themselves, so that none are left in the text.
    """

    pattern: re.Pattern[str]
    dialects: tuple[str, ...]
    reasoning: ReasoningStyle = "none"
    reasoning_open: bool = False
    server_parses: bool = False


FAMILIES: tuple[ModelFamily, ...] = (
    # Fine-tunes and models that carry another family's name.
    ModelFamily(re.compile(r"gpt-?oss"), ("harmony",), "channel", server_parses=True),
    ModelFamily(re.compile(r"hermes"), ("hermes",), "think"),
    ModelFamily(re.compile(r"xlam"), ("xlam",)),
    ModelFamily(re.compile(r"toolace"), ("pythonic",)),
    ModelFamily(re.compile(r"functionary.*3[._-]?1"), ("functionary31",)),
    ModelFamily(re.compile(r"functionary"), ("functionary32",)),
    ModelFamily(re.compile(r"firefunction"), ("firefunction_v2",)),
    ModelFamily(re.compile(r"apriel"), ("apriel",), "own", reasoning_open=True),
    ModelFamily(re.compile(r"nemotron-?3(?![\d.])"), ("qwen3_coder",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"llama.*nemotron-70b"), ("llama3_json",)),
    ModelFamily(re.compile(r"nemotron"), ("nemotron_v2",), "think", reasoning_open=True),
    # DeepSeek: V3.2-Exp still speaks as V3.1 did, distilled models keep the template of R1.
    ModelFamily(re.compile(r"deepseek-?v4|deepseek-?v3[.p]2(?!-?exp)"), ("dsml",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"deepseek-?v3[.p][12]"), ("deepseek_v31",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"deepseek-?r1"), ("deepseek_v3",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"deepseek-?v(2[.p]5|3)"), ("deepseek_v3", "deepseek_v31")),
    ModelFamily(re.compile(r"^deepseek-(chat|reasoner)"), ("dsml", "deepseek_v31"), "think"),
    # Qwen, and models that write the same forms.
    ModelFamily(re.compile(r"qwen-?3.*coder"), ("qwen3_coder",)),
    ModelFamily(re.compile(r"qwen-?3[.p]\d"), ("qwen3_coder", "hermes"), "think", reasoning_open=True),
    ModelFamily(re.compile(r"qwen.*thinking|qwq"), ("hermes",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"qwen-?2[._p]?5"), ("qwen25", "qwen3_coder")),
    ModelFamily(re.compile(r"qwen"), ("hermes", "qwen3_coder"), "think"),
    ModelFamily(re.compile(r"ui-?tars"), ("qwen3_coder",)),
    ModelFamily(re.compile(r"k-exaone-?2(?!\d)"), ("qwen3_coder",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"exaone"), ("hermes",), "think"),
    ModelFamily(re.compile(r"mimo-?v2"), ("mimo", "qwen3_coder"), "think", reasoning_open=True),
    ModelFamily(re.compile(r"mimo"), ("hermes", "mimo"), "think"),
    ModelFamily(re.compile(r"step-?3[.p]\d"), ("qwen3_coder",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"step-?3"), ("step3",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"trinity"), ("hermes",), "think"),
    ModelFamily(re.compile(r"longcat"), ("longcat",), "own", reasoning_open=True),
    ModelFamily(re.compile(r"seed-?oss"), ("seed_oss",), "own"),
    # Vendors with one form each.
    ModelFamily(re.compile(r"glm-?(4[.p]?[5-9]|[5-9])(?![\db])|laguna"), ("glm",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"kimi-?k3"), ("kimi_k3",), "own", reasoning_open=True),
    ModelFamily(re.compile(r"kimi"), ("kimi_k2",), "think"),
    ModelFamily(re.compile(r"minimax-?m3"), ("minimax_m3",), "own", reasoning_open=True),
    ModelFamily(re.compile(r"minimax-?m2"), ("minimax_m2",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"mistral|mixtral|ministral|magistral|devstral|codestral|pixtral"), ("mistral",), "own"),
    ModelFamily(re.compile(r"functiongemma"), ("functiongemma",)),
    ModelFamily(re.compile(r"gemma-?4"), ("gemma4",), "channel"),
    ModelFamily(re.compile(r"gemma-?3"), ("gemma3", "pythonic")),
    ModelFamily(re.compile(r"llama-?4"), ("llama4_pythonic", "llama3_json")),
    ModelFamily(re.compile(r"llama-?v?3[._p]2"), ("llama3_json", "pythonic")),
    ModelFamily(re.compile(r"llama-?v?3[._p][13]"), ("llama3_json", "functionary31")),
    ModelFamily(re.compile(r"granite-20b-func"), ("granite_20b_fc",)),
    ModelFamily(re.compile(r"granite-?4(?![\db])"), ("granite4",)),
    ModelFamily(re.compile(r"granite-?3(?![\db])"), ("granite3",), "think"),
    ModelFamily(re.compile(r"command-?(r|a|4)|^north"), ("cohere",), "own"),
    ModelFamily(re.compile(r"lfm-?2"), ("lfm2",), "think"),
    ModelFamily(re.compile(r"^hy-?4|hunyuan-?4(?![\d.]*b)"), ("hy_v4",), "own", reasoning_open=True),
    ModelFamily(re.compile(r"^hy-?3|hunyuan-?3(?![\d.]*b)"), ("hy_v3",), "own", reasoning_open=True),
    ModelFamily(re.compile(r"hunyuan"), ("hunyuan_a13b",), "think"),
    ModelFamily(re.compile(r"intern-?s1"), ("internlm2",), "think"),
    ModelFamily(re.compile(r"internlm-?[23]"), ("internlm2",)),
    ModelFamily(re.compile(r"phi-?4-mini"), ("phi4mini",)),
    ModelFamily(re.compile(r"olmo-?3.*think"), ("olmo3",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"olmo-?3"), ("olmo3",)),
    ModelFamily(re.compile(r"apertus"), ("apertus",), "own"),
    ModelFamily(re.compile(r"jamba"), ("jamba",)),
    ModelFamily(re.compile(r"ernie-?4[.p]5"), ("ernie45",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"gigachat-?3"), ("gigachat3",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"solar-?(open-?2|pro-?4)"), ("solar_open2",), "own"),
    ModelFamily(re.compile(r"minicpm-?5"), ("minicpm5",), "think", reasoning_open=True),
    ModelFamily(re.compile(r"inkling"), ("inkling",), "channel"),
    ModelFamily(re.compile(r"^muse|glimmer"), ("muse",), "channel"),
)


def family_of(model: str) -> ModelFamily | None:
    """Return the family of a model, by its name; none if no family matches.

    The patterns may be quadratic in a name, so that only its start is looked at where it is long.
    """
    name = model.rstrip("/").rsplit("/", 1)[-1][:MAX_FAMILY_NAME].lower()
    return next((family for family in FAMILIES if family.pattern.search(name)), None)


def dialect_to_prompt(family: ModelFamily | None, *, special: bool) -> str:
    """Return the dialect that a prompt asks a model of `family` for: its own, if what it writes can be seen.

    `special`: the upstream keeps special tokens in the text.
    """
    if family is None or family.server_parses:
        return FALLBACK_DIALECT
    name = family.dialects[0]
    return name if special or not _special(DIALECTS[name]) else FALLBACK_DIALECT


def _special(dialect: Dialect) -> bool:
    """Whether calls are written with special tokens."""
    written = dialect.render_calls([WrittenCall("f", "{}", "f")])
    markers = (token for grammar in dialect.grammars if grammar.special for token in (*grammar.tokens, *grammar.tags))
    return any(marker in written for marker in markers)
