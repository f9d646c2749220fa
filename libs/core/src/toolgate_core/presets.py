"""Presets: default policies for models, by name.

`PATTERNS` are tried in order against the lower-case model name (after its last `/`); the first match counts. The
gateway's file can name a preset, or override single fields. A model's dialect is not part of a preset: see
`dialects/families.py`.
"""

from __future__ import annotations

import re

from toolgate_core.limits import MAX_FAMILY_NAME
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.vocabulary import Strategy

PRESETS: dict[str, Policy] = {
    # An unknown model: try every strategy, in order.
    "default": Policy(),
    # gpt-oss after vLLM before 0.29 ignores `required`, and under `auto` answers in text where a call is due. One
    # bridge attempt in four fails: with four retries, less than one request in a thousand reaches two_pass.
    "gpt-oss": Policy(
        auto_start=Strategy.BRIDGE,
        retries={Strategy.BRIDGE: 4, Strategy.TWO_PASS: 1},
    ),
    # gpt-oss after a vLLM that constrains calls; a grammar beside tools would forbid harmony's own form.
    "gpt-oss-recent": Policy(
        ladder=(Strategy.NATIVE, Strategy.BRIDGE, Strategy.TWO_PASS),
        retries={Strategy.NATIVE: 1, Strategy.BRIDGE: 2},
    ),
    # A model whose server has no tool calling: a native attempt is wasted.
    "text-only": Policy(
        ladder=(Strategy.BRIDGE, Strategy.TWO_PASS),
        auto_start=Strategy.BRIDGE,
        retries={Strategy.BRIDGE: 2, Strategy.TWO_PASS: 1},
        capabilities=Capabilities(tools=False),
    ),
    # Hosted models of OpenAI: the upstream enforces schemas.
    "openai": Policy(capabilities=Capabilities(strict=True, format_with_tools=True)),
}

PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"gpt-oss.*recent"), "gpt-oss-recent"),
    (re.compile(r"gpt-oss"), "gpt-oss"),
    (re.compile(r"^(gpt-[345]|o[134](-|$)|chatgpt)"), "openai"),
    (re.compile(r"text-only|plain-text"), "text-only"),
)


def preset_name(model: str) -> str:
    """Return the name of the preset for a model name; `default` where no pattern matches."""
    name = model.rsplit("/", 1)[-1][:MAX_FAMILY_NAME].lower()
    return next((preset for pattern, preset in PATTERNS if pattern.search(name)), "default")
