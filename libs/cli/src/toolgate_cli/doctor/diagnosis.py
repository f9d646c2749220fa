"""What an answer tells of a server's set-up: symptoms, and the flag or value that mends them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import jsonschema_rs
from msgspec import Struct

Level: TypeAlias = Literal["ok", "warn", "fail"]


class Call(Struct, frozen=True):
    """A call as it came; `arguments` is its text."""

    name: str
    arguments: str


class Seen(Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: the HTTP status; 0 where no answer came.
        code: the error's code, empty for none.
        message: the error's message.
        content: the answer's text.
        calls: its calls.
        finish: its finish reason.
        priority: the strategy that served it, as the gateway's header says; empty where it says none.
        seconds: how long it took.
    """

    status: int = 200
    code: str = ""
    message: str = ""
    content: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    priority: str = ""
    seconds: float = 0.0


class Verdict(Struct, frozen=True):
    """What a check comes to: in one line what is, or what is wrong and what mends it."""

    level: Level
    text: str
    remedy: str = ""


class Symptom(Struct, frozen=True):
    """What shows, what it means, and what mends it (`{model}`: the model's name)."""

    shows: Callable[[Seen], bool]
    means: str
    remedy: str
    level: Level = "fail"


PARSERS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"<function=|<tool_call>\s*<function"), "qwen3_coder"),
    (re.compile(r"<arg_key>"), "glm45"),
    (re.compile(r"<minimax:tool_call>"), "minimax_m2"),
    (re.compile(r"<tool_call>"), "hermes"),
    (re.compile(r"<\|channel\|>.*to=|<\|call\|>|<\|constrain\|>", re.DOTALL), "openai"),
    (re.compile(r"\[TOOL_CALLS\]"), "mistral"),
    (re.compile(r"<｜tool▁calls▁begin｜>|<｜tool▁call▁begin｜>"), "deepseek_v31"),
    (re.compile(r"<｜DSML｜"), "deepseek_v32"),
    (re.compile(r"<\|tool_calls_section_begin\|>|<\|tool_call_begin\|>"), "kimi_k2"),
    (re.compile(r"<\|python_tag\|>"), "llama3_json"),
    (re.compile(r"<TOOLCALL>"), "hf"),
    (re.compile(r"<\|tool_call>"), "gemma4"),
    (re.compile(r"^\s*\[\w+\(.*\)\]\s*$", re.DOTALL), "pythonic"),
)
"""A model's markup → the parser of vLLM that reads it; the first that matches counts."""

_THOUGHTS: Final = re.compile(r"</?think>|<\|channel\|>analysis|\[THINK\]|<seed:think>")
_STOPS: Final = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<\|endoftext\|>|<\|end_of_text\|>|</s>|<end_of_turn>|<\|return\|>"
)
_HARMONY: Final = re.compile(r"unexpected tokens remaining in message header|HarmonyError|harmony", re.IGNORECASE)


def _says(pattern: str) -> Callable[[Seen], bool]:
    found = re.compile(pattern, re.IGNORECASE)
    return lambda seen: bool(found.search(seen.message))


def _coded(*codes: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.code in codes


FAILURES: Final = (
    Symptom(
        _says(r"--enable-auto-tool-choice|--tool-call-parser"),
        "vLLM refuses tool_choice auto: its tool parser is off",
        "flags --enable-auto-tool-choice --tool-call-parser=NAME; values models.{model}.toolCalling.enabled, .parser",
    ),
    Symptom(
        lambda seen: bool(_HARMONY.search(seen.message)),
        "vLLM stumbles over a harmony header that the model wrote",
        "vLLM 0.29 or newer with --tool-call-parser=openai; value models.{model}.preset of the gpt-oss family",
    ),
    Symptom(
        lambda seen: seen.status == 401 or seen.code == "invalid_api_key",
        "the gateway asks for a key that was not sent",
        "--api-key-file or TOOLGATE_API_KEY; the Secret of value secrets.clientKeys",
    ),
    Symptom(
        _coded("upstream_credential"),
        "the upstream refuses the gateway's key",
        "the Secret of value externalModels.{model}.authSecretRef, or secrets.modelApiKey",
    ),
    Symptom(
        _coded("no_replica"),
        "no pod of the model is ready",
        "kubectl get pods -l toolgate.dev/model={model}; Pending pods: toolgate preflight",
    ),
    Symptom(
        _coded("upstream_overloaded"),
        "the upstream has no place for the request",
        "more replicas, or values models.{model}.maxQueuedRequests and .maxNumSeqs",
    ),
    Symptom(
        _coded("upstream_unreachable"),
        "the upstream can't be reached",
        "kubectl get pods -l toolgate.dev/model={model}; for one outside: externalModels.{model}.urls, networkPolicy",
    ),
    Symptom(
        _coded("service_unavailable"),
        "a service behind the gateway does not answer",
        "kubectl get pods -l app.kubernetes.io/part-of=toolgate; values extractor.replicas, promptTransformer.replicas",
    ),
    Symptom(
        _coded("model_not_found"),
        "nobody serves a model of this name",
        "names are those of value models.{model}.servedNames and of the gateway's aliases; GET /v1/models lists them",
    ),
    Symptom(
        _coded("tool_call_unavailable"),
        "no strategy brought a valid call",
        "the model's preset and policy: values models.{model}.preset, models.{model}.gateway.policy",
    ),
    Symptom(
        lambda seen: seen.code in ("timeout", "upstream_timeout") or seen.status == 504,
        "no answer in time",
        "value maxRequestSeconds; more replicas; a smaller models.{model}.maxModelLen",
    ),
    Symptom(
        lambda seen: seen.code in ("cut", "upstream_cut"),
        "the answer was cut before its end",
        "whatever stands between: Ingress and HTTPRoute time limits (value maxRequestSeconds), pods that are killed",
    ),
    Symptom(
        lambda seen: seen.status == 0,
        "nobody answers at this address",
        "the URL; kubectl get pods,endpointslices -l app.kubernetes.io/component=gateway",
    ),
)
"""What an error means; the first that shows counts."""

TEXTS: Final = (
    Symptom(
        lambda seen: bool(_THOUGHTS.search(seen.content)),
        "thoughts stand in the text: no reasoning parser splits them off",
        "flag --reasoning-parser=NAME; value models.{model}.reasoningParser",
        "warn",
    ),
    Symptom(
        lambda seen: bool(_STOPS.search(seen.content)),
        "tokens that end a turn stand in the text: the generation config is stale",
        "flag --generation-config; value models.{model}.generationConfig, or download the model anew (revision)",
        "warn",
    ),
    Symptom(
        lambda seen: seen.finish == "length",
        "the answer ran into its limit of tokens",
        "the model's stop tokens: value models.{model}.generationConfig; else models.{model}.maxModelLen",
        "warn",
    ),
)
"""What an answer's text means, whether or not there are calls."""


def failed(seen: Seen, model: str) -> Verdict | None:
    """Return what an error means; None where the answer is none."""
    if seen.status == 200 and not seen.code:
        return None
    for symptom in FAILURES:
        if symptom.shows(seen):
            return Verdict(symptom.level, symptom.means, symptom.remedy.format(model=model))
    told = f"HTTP {seen.status} {seen.code}: {seen.message[:200]}".strip()
    return Verdict("fail", told, "the gateway's log for this request")


def in_health(states: Mapping[str, str]) -> Verdict:
    """Return what the gateway says of its services (state by name); a native call needs none of them, others do."""
    away = sorted(f"{name} is {state}" for name, state in states.items() if state != "serving")
    if not away:
        return Verdict("ok", ", ".join(sorted(states)))
    remedy = "kubectl get pods -l app.kubernetes.io/part-of=toolgate; values extractor, promptTransformer, toolExecutor"
    return Verdict("fail", ", ".join(away), remedy)


def in_text(seen: Seen, model: str) -> Verdict | None:
    """Return what an answer's text tells; None for nothing wrong."""
    for pattern, parser in PARSERS:
        if not seen.calls and pattern.search(seen.content):
            means = "the call stands as markup in the text: the tool parser is missing or another model's"
            remedy = f"flag --tool-call-parser={parser}; value models.{model}.toolCalling.parser: {parser}"
            return Verdict("fail", means, remedy)
    for symptom in TEXTS:
        if symptom.shows(seen):
            return Verdict(symptom.level, symptom.means, symptom.remedy.format(model=model))
    return None


def in_calls(seen: Seen, tools: Mapping[str, Mapping[str, Any]]) -> Verdict | None:
    """Return what is wrong with an answer's calls; `tools` are the schemas of their arguments by name."""
    for call in seen.calls:
        if call.name not in tools:
            return Verdict("fail", f"a call to {call.name!r}, which was not declared", "the tool parser; the preset")
        try:
            arguments = json.loads(call.arguments)
        except ValueError:
            return Verdict(
                "fail", f"the arguments of {call.name} are not JSON", "the tool parser; go through the gateway"
            )
        if not jsonschema_rs.is_valid(dict(tools[call.name]), arguments):
            return Verdict("fail", f"the arguments of {call.name} miss their schema", "go through the gateway")
    return None
