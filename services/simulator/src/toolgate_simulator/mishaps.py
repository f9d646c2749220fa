"""Mistakes of models, each a change to the right answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from toolgate_simulator.forms import form_named
from toolgate_simulator.jsonfind import dumps
from toolgate_simulator.personas import Persona
from toolgate_simulator.values import Call, Decision


@dataclass(frozen=True)
class Draft:
    """An answer before it is cut into tokens.

    Attributes:
        text: its content; None for none.
        reasoning: its reasoning, empty for none.
        calls: its native calls.
        formed: the text has to keep a form (a schema, or a dialect), not just to be words.
        damaged: native call `i` has this text for arguments rather than its object.
        fate: what happens to the answer on its way: nothing, `http_500`, `cut_stream`, `slow`, `runs_away` (white
            space until no token is left) or `swallowed` (it is reasoning, whatever was asked for).
    """

    text: str | None
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    formed: bool = False
    damaged: tuple[str, ...] = ()
    fate: str = ""


_NEEDS_CALLS = frozenset(
    {"leaks_markup", "leaks_harmony", "leaks_name", "wrong_types", "invented_name", "fences_call", "repeats_call"}
)
_GRAMMAR_HOLDS = frozenset({"wrong_types", "invented_name", "broken_json"})
_REPEATS = 40
_INVENTED = ("browser.search", "assistant", "lookup_information", "python")
_PROSE = "Sure, let me take care of that for you.\n"


def applicable(
    fails: Mapping[str, float], *, calls: bool, forced: bool, formed: bool, held: bool = False
) -> dict[str, float]:
    """Return the failures that can befall an answer: one without calls can't name them wrongly, and so on.

    `held` says that a grammar holds the calls to their tools' schemas, which vLLM does for strict tools alone.
    """
    kept = {}
    for kind, weight in fails.items():
        possible = (
            (calls or kind not in _NEEDS_CALLS)
            and (forced or kind != "ignores_required")
            and (calls or formed or kind not in ("broken_json", "prose_before", "runs_away"))
            and not (held and kind in _GRAMMAR_HOLDS)
        )
        if possible and weight > 0:
            kept[kind] = weight
    return kept


def spoil(right: Draft, kind: str, decision: Decision, persona: Persona, variant: float) -> Draft:
    """Return the answer gone wrong in the way `kind`; `variant` in [0, 1) picks one of several ways of it."""
    if kind in ("http_500", "cut_stream", "slow"):
        return replace(right, fate=kind)
    if kind == "null_content":
        return Draft(None, right.reasoning)
    if kind in ("avoids_tools", "ignores_required"):
        return Draft(decision.text, right.reasoning)
    leaked = {"leaks_markup": persona.dialect, "leaks_harmony": "harmony", "fences_call": "fenced"}.get(kind)
    if leaked:
        calls = decision.calls[:1] if kind == "leaks_harmony" else decision.calls
        return Draft(form_named(leaked).write(calls), right.reasoning)
    if kind in ("repeats_call", "runs_away"):
        return _run_on(right, kind, decision)
    if kind == "prose_before":
        return replace(right, text=_PROSE + (right.text or ""))
    if kind == "broken_json":
        return _broken(right, variant)
    return _renamed_or_mistyped(right, kind, decision, variant)


def _run_on(right: Draft, kind: str, decision: Decision) -> Draft:
    """Return an answer that comes to no end, or forty times."""
    if kind == "runs_away":
        opened = f'{{"{next(iter(decision.calls[0].arguments), "a")}": [' if decision.calls else "{["
        if right.calls:
            return replace(right, calls=right.calls[:1], damaged=(opened,), fate=kind)
        return replace(right, text=opened, fate=kind)
    if right.calls:
        return replace(right, calls=right.calls[:1] * _REPEATS)
    return replace(right, text="\n".join([right.text or ""] * _REPEATS))


def swallowed(right: Draft, dialect: str) -> Draft:
    """Return an answer of which nothing but reasoning is left."""
    written = form_named(dialect).write(right.calls) if right.calls else right.text or ""
    return Draft(None, right.reasoning + written, fate="swallowed")


def _broken(right: Draft, variant: float) -> Draft:
    if right.calls:
        return replace(right, damaged=tuple(damage(dumps(call.arguments), variant) for call in right.calls))
    return replace(right, text=damage(right.text or "", variant))


def damage(text: str, variant: float) -> str:
    """Return JSON (or a dialect's text) damaged in one of four ways; the first two can't be repaired honestly."""
    if variant < 0.5:
        # Up to the middle of the last string, or else half of the text: what was meant is lost.
        inside = text.rfind('"', 0, max(text.rfind('"') - 1, 0))
        return text[: inside + 2] if inside > 0 and variant < 0.3 else text[: max(len(text) // 2, 1)]
    if variant < 0.75:
        return text.rstrip("}]")
    closed = text.rstrip()
    return closed[:-1] + "," + closed[-1:] if closed.endswith(("}", "]")) else closed[:-1]


def _renamed_or_mistyped(right: Draft, kind: str, decision: Decision, variant: float) -> Draft:
    changed = []
    for call in decision.calls:
        if kind == "wrong_types":
            changed.append(Call(call.name, {key: _mistyped(value) for key, value in call.arguments.items()}))
        elif kind == "leaks_name":
            changed.append(replace(call, name=f"{call.name}<|channel|>commentary"))
        else:
            changed.append(replace(call, name=_INVENTED[int(variant * len(_INVENTED))]))
    if right.calls:
        return replace(right, calls=tuple(changed))
    text = right.text or ""
    for before, after in zip(decision.calls, changed, strict=True):
        text = text.replace(dumps(before.arguments), dumps(after.arguments), 1)
        if before.name != after.name:
            text = text.replace(before.name, after.name)
    return replace(right, text=text)


def _mistyped(value: Any) -> Any:
    """Numbers and booleans become text (which says the same); text and lists become objects (which do not)."""
    if isinstance(value, (int, float)):
        return str(value).lower()
    return {"value": value}
