"""The command `vllm`: a chart or a unit file that starts vLLM starts the simulator with the same command line.

What vLLM has no flag for comes from the environment: `TOOLGATE_SIMULATOR_PERSONA` (how well the model does, a persona's
name; default: one that does as asked), `TOOLGATE_SIMULATOR_TOKENS_PER_SECOND`, `TOOLGATE_SIMULATOR_STARTUP_S`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from toolgate_simulator.app import VERSION
from toolgate_simulator.personas import Persona, Rule, load_personas
from toolgate_simulator.server import run
from toolgate_simulator.settings import Settings, SettingsError
from toolgate_simulator.vllm_families import Family, family_of
from toolgate_simulator.vllm_flags import adapters, vllm_parser, wrong

STRONG = "qwen-strong"
_NEEDS_PYTHON_TAG = frozenset({"llama3_json", "llama4_json"})
_NO_PYTHON_TAG = "Llama3JsonToolParser could not locate the bot token '<|python_tag|>' in the tokenizer."
_ENVIRONMENT = "TOOLGATE_SIMULATOR_"


def settings_of(given: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Return a simulator's settings; raise `SettingsError` where vLLM, or the simulator, would not start."""
    model = _checked_model(given)
    persona = _persona(given, model, environment.get(_ENVIRONMENT + "PERSONA") or STRONG)
    keys = (given.api_key, environment.get("VLLM_API_KEY"))
    return Settings(
        served=tuple((name, persona) for name in (*(given.served_model_name or [model]), *adapters(given))),
        root=model,
        tokens_per_second=_number(environment, "TOKENS_PER_SECOND"),
        startup_s=_number(environment, "STARTUP_S") or 0.0,
        host=given.host or "0.0.0.0",  # noqa: S104 - as vLLM does
        port=8000 if given.port is None else given.port,
        max_running=given.max_num_seqs or 0,
        max_waiting=given.max_num_queued_reqs,
        api_keys=tuple(key for key in keys if key),
        grace_s=given.shutdown_timeout or 0,
    )


def _checked_model(given: argparse.Namespace) -> str:
    fault = wrong(given)
    if fault:
        raise SettingsError(fault)
    model: str = given.model_tag or given.model or ""
    if not model:
        message = "a model is needed: vllm serve MODEL"
        raise SettingsError(message)
    if given.chat_template and "{" not in given.chat_template and not Path(given.chat_template).is_file():
        message = f"the chat template {given.chat_template} is neither a file nor a template"
        raise SettingsError(message)
    if given.tool_call_parser in _NEEDS_PYTHON_TAG and not re.search(r"llama-?[34]", model, re.IGNORECASE):
        raise SettingsError(_NO_PYTHON_TAG)
    return model


def _persona(given: argparse.Namespace, model: str, wanted: str) -> Persona:
    """Return who answers: the wanted persona, with the markup of the model's family and the parsers that are given."""
    personas = load_personas()
    if wanted not in personas:
        message = f"{_ENVIRONMENT}PERSONA: no such persona: {wanted} (there are {', '.join(personas)})"
        raise SettingsError(message)
    family, persona = family_of(model), personas[wanted]
    persona = replace(
        persona,
        dialect=family.dialect,
        auto_tools=bool(given.enable_auto_tool_choice and given.tool_call_parser),
        max_model_len=given.max_model_len or persona.max_model_len,
    )
    reads = given.tool_call_parser in family.tool_parsers or given.tool_parser_plugin
    if persona.auto_tools and not reads:
        # The calls are there, but as the text that the parser does not know.
        persona = replace(persona, auto_rules={**persona.auto_rules, "native": Rule(0.0, {"leaks_markup": 1.0})})
    if given.tool_call_parser == "xlam":
        persona = replace(persona, whole_only=True)
    return _with_reasoning(persona, family, _reasoning_parser(given), plugin=bool(given.reasoning_parser_plugin))


def _reasoning_parser(given: argparse.Namespace) -> str:
    return given.reasoning_parser or (given.structured_outputs_config or {}).get("reasoning_parser") or ""


def _with_reasoning(persona: Persona, family: Family, parser: str, *, plugin: bool) -> Persona:
    """Return who answers once the reasoning parser has read it: another family's takes all of it for thoughts."""
    if family.reasoning_parsers:
        persona = replace(persona, reasoning_key="reasoning", thinks_aloud=not parser)
    known = family.reasoning_parsers | family.idle_parsers
    if parser and parser not in known and not plugin:
        persona = replace(persona, reasoning_key="reasoning", swallows=True)
    return persona


def _number(environment: Mapping[str, str], name: str) -> float | None:
    text = environment.get(_ENVIRONMENT + name)
    try:
        return float(text) if text else None
    except ValueError:
        message = f"{_ENVIRONMENT}{name}: not a number: {text}"
        raise SettingsError(message) from None


def _serve(arguments: Sequence[str]) -> int:
    given = vllm_parser().parse_args(arguments)
    try:
        settings = settings_of(given, os.environ)  # noqa: TID251 - the one place of this command
        world = (given.tensor_parallel_size or 1) * (given.pipeline_parallel_size or 1)
        stopped = _stop_event() if given.headless else threading.Event()
        print(f"simulating {settings.root}: world size {world} on {given.nnodes or 1} node(s)", flush=True)
        # As long as it loads a model, vLLM listens on no port.
        stopped.wait(settings.startup_s)
        if given.headless:
            stopped.wait()
            return 0
        run(settings, lambda port: print(f"serving {settings.root} on {settings.host}:{port}", flush=True))
    except (SettingsError, OSError) as error:
        print(f"vllm serve: error: {error}", file=sys.stderr)
        return 2
    return 0


def _stop_event() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    return stopped


def main() -> int:
    """Run `vllm serve …`, or say which version is simulated."""
    match sys.argv[1:]:
        case ["--version" | "-v"]:
            print(VERSION)
            return 0
        case ["serve", *arguments]:
            return _serve(arguments)
        case _:
            print(
                "usage: vllm serve MODEL [flags]  (the Toolgate simulator: nothing else is simulated)", file=sys.stderr
            )
            return 2


if __name__ == "__main__":
    raise SystemExit(main())
