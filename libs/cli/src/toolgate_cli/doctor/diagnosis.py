"""Faults of an answer: in its calls, its text, its reasoning. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import jsonschema_rs
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.families import family_of

from toolgate_cli.doctor.place import Place, Remedy
from toolgate_cli.doctor.seen import Seen, Verdict
from toolgate_cli.doctor.symptoms import Symptom
from toolgate_cli.doctor.written import PARSERS, Written, written_call

_OTHERS: Final = ("granite", "phi4_mini_json", "olmo3", "jamba", "xlam", "llama4_pythonic", "llama4_json", "lfm2")
KNOWN_PARSERS: Final = frozenset((*(parser for _, parser in PARSERS), *_OTHERS))
"""Parsers of vLLM that can be recommended for a family of models."""

_READ_BY: Final = {"qwen25": "hermes"}
"""Dialect → the name of vLLM's parser, where they differ."""
_THOUGHTS: Final = re.compile(r"</?think>|<\|channel\|>analysis|\[THINK\]|<seed:think>")
_STOPS: Final = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<\|endoftext\|>|<\|end_of_text\|>|</s>|<end_of_turn>|<\|return\|>"
)
_REASONING: Final = Remedy(
    "the server's reasoning parser: another one, or none",
    vllm="flag --reasoning-parser: the one of this model, or none",
    chart="value models.{model}.reasoningParser: the one of this model, or none",
)
_THROUGH: Final = Remedy(
    "the tool-call parser; Toolgate in front repairs or refuses such calls: toolgate up --upstream URL",
    vllm="flag --tool-call-parser; Toolgate in front repairs or refuses such calls: toolgate up --upstream URL",
    chart="values models.{model}.toolCalling.parser, models.{model}.preset",
    gateway="the model's preset and policy",
)

TEXTS: Final = (
    Symptom(
        lambda seen: bool(_THOUGHTS.search(seen.content)),
        "the text contains reasoning: no reasoning parser separates it",
        Remedy(
            "the server's option for a reasoning parser",
            vllm="flag --reasoning-parser=NAME",
            chart="value models.{model}.reasoningParser",
        ),
        "warn",
        ends=False,
    ),
    Symptom(
        lambda seen: bool(_STOPS.search(seen.content)),
        "the text contains end-of-turn tokens: the generation config is stale",
        Remedy(
            "the model's stop tokens",
            vllm="flag --generation-config, or download the model again",
            chart="value models.{model}.generationConfig, or download the model again (revision)",
        ),
        "warn",
        ends=False,
    ),
    Symptom(
        lambda seen: seen.finish == "length" and bool(seen.reasoning.strip()) and not seen.content.strip(),
        "the token limit (--max-tokens) was reached inside `reasoning`: the model thinks long, or the"
        " reasoning parser is for another model",
        Remedy(
            "--max-tokens N; else another reasoning parser, or none",
            vllm="--max-tokens N; else flag --reasoning-parser",
            chart="--max-tokens N; else value models.{model}.reasoningParser",
        ),
        "warn",
        ends=False,
    ),
    Symptom(
        lambda seen: seen.finish == "length",
        "the answer reached the token limit (--max-tokens of this command)",
        Remedy(
            "--max-tokens N for models that think long; else the model's stop tokens",
            chart="--max-tokens N for models that think long; else value models.{model}.generationConfig",
        ),
        "warn",
        ends=False,
    ),
)
"""What an answer's text shows, with or without calls."""


def in_health(states: Mapping[str, str], place: Place) -> Verdict:
    """Return the verdict on the gateway's services (state by name); only a native call works without them."""
    away = sorted(f"{name} is {state}" for name, state in states.items() if state != "serving")
    if not states:
        return Verdict("warn", "the gateway reports no services")
    if not away:
        return Verdict("ok", ", ".join(sorted(states)))
    remedy = Remedy(
        "the services' logs; TOOLGATE_TRANSFORMER, TOOLGATE_EXTRACTOR, TOOLGATE_EXECUTOR",
        chart="kubectl get pods -l app.kubernetes.io/part-of=toolgate;"
        " values extractor, promptTransformer, toolExecutor",
    )
    return Verdict("fail", ", ".join(away), remedy.at(place, ""))


def in_text(
    seen: Seen, place: Place, model: str, schemas: Mapping[str, Mapping[str, Any]], *, called: bool = True
) -> Verdict | None:
    """Return what is wrong with an answer's text and reasoning; None for nothing.

    `called`: a call was allowed; otherwise a call in the text is one that the model was asked not to write.
    """
    written = None if seen.calls else written_call(seen.content, schemas)
    if written is not None:
        return _as_written(written, place, model) if called else _although_none(written, place)
    hidden = in_reasoning(seen, place, model, schemas)
    if hidden is not None:
        return hidden
    return next((symptom.verdict(seen, place, model) for symptom in TEXTS if symptom.shows(seen)), None)


def _as_written(written: Written, place: Place, model: str) -> Verdict:
    parser = written.parser or family_parser(model)
    name = parser or "NAME"
    in_front = "; if they are set already, Toolgate in front reads the call: toolgate up --upstream URL"
    means = f"the model wrote the call as {written.form}: wrong or missing tool-call parser"
    remedy = Remedy(
        f"the server's option for a tool-call parser{f' ({parser}, as vLLM calls it)' if parser else ''};"
        " Toolgate in front reads it: toolgate up --upstream URL",
        vllm=f"flags --enable-auto-tool-choice --tool-call-parser={name}{'' if place.gateway else in_front}",
        chart=f"value models.{{model}}.toolCalling.parser: {name}",
    )
    return Verdict("fail", means, remedy.at(place, model))


def _although_none(written: Written, place: Place) -> Verdict:
    means = f"tool_choice was none, and the model wrote a call as {written.form}"
    remedy = Remedy(
        "the server keeps the tools in its prompt; send none, or put Toolgate in front",
        vllm="flag --exclude-tools-when-tool-choice-none",
        gateway="mode emulate, or leave the tools out",
    )
    return Verdict("fail", means, remedy.at(place, ""))


def in_reasoning(seen: Seen, place: Place, model: str, schemas: Mapping[str, Mapping[str, Any]]) -> Verdict | None:
    """Return the fault of an answer that is in `reasoning` instead of the text; None otherwise."""
    if seen.calls or seen.content.strip() or not seen.reasoning.strip() or seen.finish == "length":
        return None
    written = written_call(seen.reasoning, schemas)
    what = f"the call is in `reasoning` (as {written.form})" if written else "the whole answer is in `reasoning`"
    return Verdict(
        "fail", f"{what} and its text is empty: the reasoning parser is for another model", _REASONING.at(place, model)
    )


def family_parser(model: str) -> str:
    """Return the parser of vLLM for the family of a model's name; empty for an unknown one."""
    family = family_of(model)
    found = (DIALECTS[name] for name in family.dialects) if family is not None else ()
    names = (_READ_BY.get(name, name) for dialect in found for name in (dialect.name, *dialect.aliases))
    return next((name for name in names if name in KNOWN_PARSERS), "")


def in_calls(seen: Seen, tools: Mapping[str, Mapping[str, Any]], place: Place, model: str) -> Verdict | None:
    """Return what is wrong with an answer's calls; `tools` are the schemas of their arguments by name."""
    for call in seen.calls:
        problem = call.problem if not call.name else _problem(call.name, call.arguments, tools) or call.problem
        if problem:
            return Verdict("fail", problem, _THROUGH.at(place, model))
    if seen.finish == "tool_calls" and not seen.calls:
        text = "the finish_reason is tool_calls and there is no call: the parser lost it"
        return in_reasoning(seen, place, model, tools) or Verdict("fail", text, _THROUGH.at(place, model))
    return None


def _problem(name: str, text: str, tools: Mapping[str, Mapping[str, Any]]) -> str:
    if name not in tools:
        return f"a call to {name[:80]!r}, which was not declared"
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return f"the arguments of {name} are not JSON"
    return (
        ""
        if jsonschema_rs.is_valid(dict(tools[name]), arguments)
        else f"the arguments of {name} do not match their schema"
    )
