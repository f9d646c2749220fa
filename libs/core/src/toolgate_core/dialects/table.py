"""The table of dialects. A new one is a file in `catalog/`, a row here, and a folder of cases among the tests.

The order counts where dialects share an opener: their frames are tried in it, and each one decides by what follows the
opener whether the block is its own. So forms with a narrow condition are before those with a wide one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from toolgate_core.dialects.base import (
    AnyGrammar,
    DecisionGrammar,
    Dialect,
    EnvelopeGrammar,
    PayloadGrammar,
    Reasoning,
)
from toolgate_core.dialects.catalog.apertus import APERTUS
from toolgate_core.dialects.catalog.apriel import APRIEL
from toolgate_core.dialects.catalog.cohere import COHERE
from toolgate_core.dialects.catalog.decision import DECISION
from toolgate_core.dialects.catalog.deepseek_v3 import DEEPSEEK_V3
from toolgate_core.dialects.catalog.deepseek_v31 import DEEPSEEK_V31
from toolgate_core.dialects.catalog.dsml import DSML
from toolgate_core.dialects.catalog.ernie45 import ERNIE45
from toolgate_core.dialects.catalog.firefunction_v2 import FIREFUNCTION_V2
from toolgate_core.dialects.catalog.function_calls import FUNCTION_CALLS
from toolgate_core.dialects.catalog.functionary31 import FUNCTIONARY31
from toolgate_core.dialects.catalog.functionary32 import FUNCTIONARY32
from toolgate_core.dialects.catalog.functiongemma import FUNCTIONGEMMA
from toolgate_core.dialects.catalog.gemma3 import GEMMA3
from toolgate_core.dialects.catalog.gemma4 import GEMMA4
from toolgate_core.dialects.catalog.generic import GENERIC
from toolgate_core.dialects.catalog.gigachat3 import GIGACHAT3
from toolgate_core.dialects.catalog.glm import GLM
from toolgate_core.dialects.catalog.granite3 import GRANITE3
from toolgate_core.dialects.catalog.granite4 import GRANITE4
from toolgate_core.dialects.catalog.granite_20b_fc import GRANITE_20B_FC
from toolgate_core.dialects.catalog.harmony import HARMONY
from toolgate_core.dialects.catalog.hermes import HERMES
from toolgate_core.dialects.catalog.hunyuan_a13b import HUNYUAN_A13B
from toolgate_core.dialects.catalog.hy_v3 import HY_V3
from toolgate_core.dialects.catalog.hy_v4 import HY_V4
from toolgate_core.dialects.catalog.inkling import INKLING
from toolgate_core.dialects.catalog.internlm2 import INTERNLM2
from toolgate_core.dialects.catalog.jamba import JAMBA
from toolgate_core.dialects.catalog.kimi_k2 import KIMI_K2
from toolgate_core.dialects.catalog.kimi_k3 import KIMI_K3
from toolgate_core.dialects.catalog.lfm2 import LFM2
from toolgate_core.dialects.catalog.llama3_json import LLAMA3_JSON
from toolgate_core.dialects.catalog.llama4_pythonic import LLAMA4_PYTHONIC
from toolgate_core.dialects.catalog.longcat import LONGCAT
from toolgate_core.dialects.catalog.mimo import MIMO
from toolgate_core.dialects.catalog.minicpm5 import MINICPM5
from toolgate_core.dialects.catalog.minimax_m2 import MINIMAX_M2
from toolgate_core.dialects.catalog.minimax_m3 import MINIMAX_M3
from toolgate_core.dialects.catalog.mistral import MISTRAL
from toolgate_core.dialects.catalog.morph_xml import MORPH_XML
from toolgate_core.dialects.catalog.muse import MUSE
from toolgate_core.dialects.catalog.nemotron_v2 import NEMOTRON_V2
from toolgate_core.dialects.catalog.olmo3 import OLMO3
from toolgate_core.dialects.catalog.phi4mini import PHI4MINI
from toolgate_core.dialects.catalog.pythonic import PYTHONIC
from toolgate_core.dialects.catalog.qwen3_coder import QWEN3_CODER
from toolgate_core.dialects.catalog.qwen25 import QWEN25
from toolgate_core.dialects.catalog.react import REACT
from toolgate_core.dialects.catalog.seed_oss import SEED_OSS
from toolgate_core.dialects.catalog.solar_open2 import SOLAR_OPEN2
from toolgate_core.dialects.catalog.step3 import STEP3
from toolgate_core.dialects.catalog.xlam import XLAM
from toolgate_core.dialects.catalog.yaml_xml import YAML_XML

_BARS = frozenset("|｜")
_TEXT_DIALECTS = (
    FUNCTION_CALLS,
    HERMES,
    QWEN25,
    QWEN3_CODER,
    GLM,
    MUSE,
    HARMONY,
    DSML,
    DEEPSEEK_V3,
    DEEPSEEK_V31,
    KIMI_K2,
    KIMI_K3,
    MINIMAX_M2,
    MINIMAX_M3,
    MISTRAL,
    GEMMA4,
    FUNCTIONGEMMA,
    LLAMA3_JSON,
    PYTHONIC,
    LLAMA4_PYTHONIC,
    GEMMA3,
    LFM2,
    GRANITE3,
    GRANITE4,
    GRANITE_20B_FC,
    NEMOTRON_V2,
    COHERE,
    HY_V3,
    HY_V4,
    SEED_OSS,
    STEP3,
    MIMO,
    INTERNLM2,
    PHI4MINI,
    FIREFUNCTION_V2,
    OLMO3,
    APERTUS,
    HUNYUAN_A13B,
    JAMBA,
    XLAM,
    ERNIE45,
    LONGCAT,
    FUNCTIONARY31,
    FUNCTIONARY32,
    GIGACHAT3,
    SOLAR_OPEN2,
    MINICPM5,
    INKLING,
    APRIEL,
    MORPH_XML,
    YAML_XML,
    REACT,
    GENERIC,
)

AUTO = replace(FUNCTION_CALLS, name="auto", models="any", grammars=(), aliases=())
"""All forms that cannot be ordinary prose; written like `function_calls`."""

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (*_TEXT_DIALECTS, DECISION, AUTO)}

ENCLOSING_TAGS = (
    *("tool_calls", "tool_call", "toolcalls", "toolcall", "tool_use", "tool_uses", "tools", "tool", "calls", "call"),
    *("function_calls", "function_call", "functioncalls", "functioncall", "functions", "invocations", "invocation"),
    *("actions", "action", "longcat_tool_call", "minimax:tool_call", "seed:tool_call"),
    *("antml:function_calls", "atem:function_calls", "minimax:function_calls"),
)
"""Tags that models put around calls of another form: any of them vanishes around a call that is read."""

THINK = Reasoning(open="<think>", close="</think>")


class ActiveGrammars(Struct, frozen=True, eq=False):
    """The markers and forms that are looked for in a text.

    Attributes:
        grammars: those of the dialect that was asked for, then all that cannot be prose.
        reasoning: how reasoning is marked.
        wrappers: markers that vanish.
        ends: tokens that end a turn.
        start_patterns: patterns of what vanishes where a text begins.
        enclosing_tags: names of tags that vanish with a call that is inside them.
    """

    grammars: tuple[AnyGrammar, ...]
    reasoning: tuple[Reasoning, ...]
    wrappers: tuple[str, ...]
    ends: tuple[str, ...]
    start_patterns: tuple[str, ...] = ()
    enclosing_tags: tuple[str, ...] = ()


def dialect_names() -> tuple[str, ...]:
    """Return the names of all dialects."""
    return tuple(DIALECTS)


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


_ALIASES = {_folded(alias): dialect.name for dialect in _TEXT_DIALECTS for alias in (dialect.name, *dialect.aliases)}


def find_dialect(name: str) -> Dialect | None:
    """Return the dialect of this name; aliases, other cases and `-` or `.` for `_` are accepted."""
    return DIALECTS.get(name) or DIALECTS.get(_ALIASES.get(_folded(name), ""))


def _bare(dialect: Dialect) -> bool:
    """Whether the dialect itself reads JSON that no marker announces."""
    return any(isinstance(grammar, EnvelopeGrammar) and grammar.bare for grammar in dialect.grammars)


@cache
def active_grammars(name: str) -> ActiveGrammars:
    """Return what to look for when the dialect `name` was asked for: its own forms first, then all that can't be prose.

    A model that was asked for one dialect may fall back to the one it was trained on.
    """
    dialect = DIALECTS[name]
    forms = (form for other in _TEXT_DIALECTS for form in other.reasoning if form.auto)
    wrappers = (token for other in _TEXT_DIALECTS for token in other.wrappers if _BARS & set(token))
    ends = (token for other in _TEXT_DIALECTS for token in other.ends if _BARS & set(token))
    start_patterns = (
        pattern
        for other in _TEXT_DIALECTS
        for pattern in other.start_patterns
        if _BARS & set(pattern) and "<" in pattern
    )
    return ActiveGrammars(
        grammars=tuple(dict.fromkeys((*dialect.grammars, *_safe_grammars(dialect)))),
        reasoning=tuple(dict.fromkeys((THINK, *dialect.reasoning, *forms))),
        wrappers=tuple(dict.fromkeys((*dialect.wrappers, *wrappers))),
        ends=tuple(dict.fromkeys((*dialect.ends, *ends))),
        start_patterns=tuple(dict.fromkeys((*dialect.start_patterns, *start_patterns))),
        enclosing_tags=ENCLOSING_TAGS,
    )


def _safe_grammars(dialect: Dialect) -> Iterator[AnyGrammar]:
    """Yield the grammars that can't be prose, beside those of `dialect`."""
    ends_a_text = any(isinstance(grammar, PayloadGrammar | DecisionGrammar) for grammar in dialect.grammars)
    bare = ends_a_text or _bare(dialect)
    for other in _TEXT_DIALECTS:
        yield from (each for each in other.grammars if each.auto and not (bare and isinstance(each, PayloadGrammar)))


TEXT_ONLY = ActiveGrammars((), (THINK,), (), ())
"""Nothing but reasoning."""


def dialect_of(grammar: AnyGrammar) -> str:
    """Return the name of the first dialect in the table that has `grammar`; empty if none has."""
    return next((name for name, dialect in DIALECTS.items() if grammar in dialect.grammars), "")
