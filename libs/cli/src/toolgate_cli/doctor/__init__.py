"""`toolgate doctor`: real tool calls through a gateway or a server, and in one line each what is wrong."""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import httpx
from msgspec import Struct, to_builtins
from openai import APIStatusError, OpenAIError

from toolgate_cli.doctor.asking import Server
from toolgate_cli.doctor.checks import CHECKS, UPSTREAM, Check
from toolgate_cli.doctor.diagnosis import Seen, Verdict, failed, in_health
from toolgate_cli.failure import CommandError

_AGAIN_S = 1.0


class Line(Struct, frozen=True):
    """One check of one model, and what it came to."""

    model: str
    check: str
    verdict: Verdict
    seen: Seen | None = None


def run(options: Namespace) -> int:
    """Run the command: 0 where every check is passed, 1 where one is not (with --strict: or warns)."""
    server = Server(options.url, _key(options), options.timeout)
    lines: list[Line] = []

    def tell(line: Line) -> None:
        lines.append(line)
        if not options.json:
            print(_written(line), flush=True)

    _examine(server, options, tell)
    if options.json:
        print(json.dumps([to_builtins(line) for line in lines], ensure_ascii=False, indent=2))
    bad = ("fail", "warn") if options.strict else ("fail",)
    return int(any(line.verdict.level in bad for line in lines))


def _examine(server: Server, options: Namespace, tell: Callable[[Line], None]) -> None:
    reached, models = _reach(server, time.monotonic() + options.wait)
    tell(Line("", "reach", reached))
    if server.is_gateway:
        tell(Line("", "services", in_health(server.services)))
    for model in options.model or models:
        if server.is_gateway:
            tell(_checked(server, UPSTREAM, model, "/passthrough"))
        for check in CHECKS:
            tell(_checked(server, check, model, ""))


def _reach(server: Server, deadline: float) -> tuple[Verdict, list[str]]:
    """Wait for the server and a first model."""
    while True:
        found, models = _look(server)
        if found.level == "ok" or time.monotonic() >= deadline:
            return found, models
        time.sleep(_AGAIN_S)


def _look(server: Server) -> tuple[Verdict, list[str]]:
    try:
        server.find()
        models = server.models()
    except APIStatusError as error:
        body = error.body if isinstance(error.body, dict) else {}
        seen = Seen(status=error.status_code, code=str(body.get("code") or ""), message=error.message)
        return failed(seen, "NAME") or Verdict("fail", error.message), []
    except (httpx.HTTPError, OpenAIError) as error:
        nobody = failed(Seen(status=0), "NAME")
        assert nobody is not None
        return Verdict(nobody.level, f"{nobody.text} ({str(error)[:80]})", nobody.remedy), []
    if not models:
        remedy = "kubectl get pods -l toolgate.dev/model; Pending pods: toolgate preflight; models still loading: wait"
        return Verdict("fail", "no model is served", remedy), []
    kind = "a Toolgate gateway" if server.is_gateway else "a server that speaks OpenAI's API"
    return Verdict("ok", f"{kind} with {', '.join(models)}"), models


def _checked(server: Server, check: Check, model: str, path: str) -> Line:
    seen = server.ask(check, model, path=path)
    return Line(model, check.name, check.judge(seen, model), seen)


def _written(line: Line) -> str:
    """Return a line: level, check, model, what is, how, and after an arrow what mends it."""
    verdict, seen = line.verdict, line.seen
    how = ""
    if seen is not None:
        priority = f", priority {seen.priority}" if seen.priority else ""
        how = f"{priority}, {seen.seconds:.2f} s"
    text = f"{verdict.level:<4}  {line.check:<11}  {line.model + ': ' if line.model else ''}{verdict.text}{how}"
    return f"{text}  -> {verdict.remedy}" if verdict.remedy else text


def _key(options: Namespace) -> str:
    if options.api_key_file is None:
        return os.environ.get("TOOLGATE_API_KEY", "")  # noqa: TID251 - a command's own variable
    try:
        return str(Path(options.api_key_file).read_text(encoding="utf-8").split()[0])
    except (OSError, IndexError) as error:
        raise CommandError(f"no key in {options.api_key_file}: {error}") from error
