"""`toolgate doctor`: check a gateway or a server with real tool calls, and suggest fixes."""

from __future__ import annotations

import asyncio
import json
import os
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct, structs, to_builtins

from toolgate_cli.doctor.asking import Server
from toolgate_cli.doctor.checks import CHECKS, PLAIN, UPSTREAM, Check
from toolgate_cli.doctor.diagnosis import in_health
from toolgate_cli.doctor.place import Place, Remedy
from toolgate_cli.doctor.reading import shown
from toolgate_cli.doctor.seen import Seen, Verdict
from toolgate_cli.doctor.symptoms import failed
from toolgate_cli.failure import CommandError
from toolgate_cli.keys import read_key

_AGAIN_S: Final = 1.0
_MAX_MODELS: Final = 8
"""Models that are checked where none is named: a hosted server lists a hundred, and each question costs."""
_CLUSTER: Final = ".svc"
_IN_A_POD: Final = "KUBERNETES_SERVICE_HOST"
_NOWHERE: Final = ("address", "refused", "tls", "certificate", "not_http")
"""Faults of the address, and so of every model."""
_NO_MODELS: Final = Remedy(
    "the server's log: is a model still loading?",
    chart="kubectl get pods -l toolgate.dev/model; Pending pods: toolgate preflight; models still loading: wait",
    gateway="an upstream that answers: `upstreams` in GET /health; models still loading: wait",
)


class Line(Struct, frozen=True):
    """One check of one model and its verdict; `same_as` names an earlier check with the same verdict."""

    model: str
    check: str
    verdict: Verdict
    seen: Seen | None = None
    same_as: str = ""


def run(options: Namespace) -> int:
    """Run the command: 0 where every check passes, 1 where one fails (with --strict: or warns)."""
    server = Server(options.url, _key(options), options.timeout)
    lines: list[Line] = []
    asyncio.run(_Examination(server, options, lines.append).run())
    if options.json:
        print(json.dumps([to_builtins(line) for line in lines], ensure_ascii=False, indent=2))
    bad = ("fail", "warn") if options.strict else ("fail",)
    return int(any(line.verdict.level in bad for line in lines))


class _Examination:
    """All checks of one server. `note` receives each line; a model's lines are printed together."""

    def __init__(self, server: Server, options: Namespace, note: Callable[[Line], None]) -> None:
        self._server = server
        self._options = options
        self._note = note
        self._deadline = time.monotonic() + options.total
        # A field that a server refuses is left out of all further questions.
        self._settings: dict[str, Any] = {"temperature": 0, "max_tokens": options.max_tokens}

    async def run(self) -> None:
        """Find the server and its models, and ask each one."""
        reached, owners = await self._reach()
        self._tell([Line("", "reach", reached)])
        place = self._place("")
        if self._server.is_gateway:
            self._tell([Line("", "services", in_health(self._server.services, place))])
        if reached.level == "fail" and (reached.ends or not self._options.model):
            return
        chosen = self._options.model or list(owners)[:_MAX_MODELS]
        for model in chosen:
            if time.monotonic() >= self._deadline:
                text = f"not checked: this command ends after {self._options.total} s (--total)"
                self._tell([Line(model, "answers", Verdict("warn", text))])
                continue
            lines = await self._examine(model, self._place(owners.get(model, "")))
            self._tell(_merged(lines))
            if any(line.seen is not None and line.seen.odd in _NOWHERE for line in lines):
                return
        if len(owners) > len(chosen) and not self._options.model:
            text = f"only the first {len(chosen)} of {len(owners)} models were checked"
            self._tell([Line("", "models", Verdict("ok", text, "--model NAME checks another"))])

    def _place(self, owner: str) -> Place:
        host = urlsplit(self._server.base).hostname or ""
        in_cluster = host.endswith(_CLUSTER) or f"{_CLUSTER}." in host
        # The environment of the command, not a setting.
        in_pod = self._server.is_gateway and _IN_A_POD in os.environ  # noqa: TID251
        vllm = bool(self._server.vllm) or owner == "vllm"
        return Place(chart=self._options.chart or in_cluster or in_pod, gateway=self._server.is_gateway, vllm=vllm)

    async def _examine(self, model: str, place: Place) -> list[Line]:
        """Run all checks of one model, until a verdict makes the rest useless."""
        lines: list[Line] = []
        questions = [(PLAIN, ""), *([(UPSTREAM, "/passthrough")] if self._server.is_gateway else [])]
        for check, path in [*questions, *((check, "") for check in CHECKS)]:
            seen = await self._ask(check, model, path)
            verdict = check.judge(seen, place, model)
            lines.append(Line(model, check.name, verdict, seen))
            if verdict.ends or time.monotonic() >= self._deadline:
                break
        return lines

    async def _ask(self, check: Check, model: str, path: str) -> Seen:
        """Ask; if the server refuses an optional field (temperature, max_tokens), ask again without it."""
        while True:
            fields = {"model": model, **self._settings, **check.fields}
            seen = await self._server.ask(fields, stream=check.stream, path=path)
            other = _without_refused(self._settings, seen)
            if other is None:
                return seen
            self._settings = other

    async def _reach(self) -> tuple[Verdict, dict[str, str]]:
        """Wait for the server and a first model; return its models with their owners."""
        deadline = time.monotonic() + self._options.wait
        while True:
            found, owners = await self._look()
            if found.level == "ok" or time.monotonic() >= deadline:
                return found, owners
            await asyncio.sleep(_AGAIN_S)

    async def _look(self) -> tuple[Verdict, dict[str, str]]:
        server = self._server
        seen, models = await server.models()
        if not seen.odd and seen.status:
            await server.find()
        place = self._place("")
        wrong = failed(seen, place, "NAME", tools=False)
        if wrong is not None:
            text = wrong.text if seen.odd in _NOWHERE else f"the models cannot be listed: {wrong.text}"
            return Verdict(wrong.level, text, wrong.remedy, ends=seen.odd in _NOWHERE), {}
        if not models:
            return Verdict("fail", "no model is served", _NO_MODELS.at(place, "")), {}
        kind = "a Toolgate gateway" if server.is_gateway else "a server that speaks OpenAI's API"
        kind = f"vLLM {server.vllm}" if server.vllm and not server.is_gateway else kind
        names = ", ".join(shown(name) for name, _ in models[:_MAX_MODELS])
        more = f" and {len(models) - _MAX_MODELS} more" if len(models) > _MAX_MODELS else ""
        return Verdict("ok", f"{kind} with {names}{more}"), dict(models)

    def _tell(self, lines: list[Line]) -> None:
        for line in lines:
            self._note(line)
        if self._options.json:
            return
        for line in lines:
            if not line.same_as:
                also = [other.check for other in lines if other.same_as == line.check]
                print(_written(line, also), flush=True)


def _merged(lines: list[Line]) -> list[Line]:
    """Return the lines; each that repeats an earlier one of the model names that one."""
    first: dict[Verdict, str] = {}
    merged = []
    for line in lines:
        said = line.verdict.level != "ok" and first.setdefault(line.verdict, line.check)
        merged.append(structs.replace(line, same_as=said) if said and said != line.check else line)
    return merged


def _without_refused(settings: Mapping[str, Any], seen: Seen) -> dict[str, Any] | None:
    """Return the settings without the field that an answer refuses; None where it refuses none."""
    if seen.status not in (400, 422):
        return None
    message = seen.message.lower()
    if "max_tokens" in settings and "max_completion_tokens" in message:
        rest = {name: value for name, value in settings.items() if name != "max_tokens"}
        return {**rest, "max_completion_tokens": settings["max_tokens"]}
    for name in settings:
        if name in message and "context" not in message:
            return {other: value for other, value in settings.items() if other != name}
    return None


def _written(line: Line, also: list[str]) -> str:
    """Return a line: level, check, model, finding, strategy and time, and after an arrow the fix."""
    verdict, seen = line.verdict, line.seen
    how = ""
    if seen is not None:
        priority = f", priority {seen.priority}" if seen.priority.isdecimal() else ""
        how = f"{priority}, {seen.seconds:.2f} s"
    same = f" (also: {', '.join(also)})" if also else ""
    model = f"{shown(line.model)}: " if line.model else ""
    text = f"{verdict.level:<4}  {line.check:<11}  {model}{verdict.text}{how}{same}"
    return f"{text}  -> {verdict.remedy}" if verdict.remedy else text


def _key(options: Namespace) -> str:
    if options.api_key_file is not None:
        return read_key(options.api_key_file)
    key = os.environ.get("TOOLGATE_API_KEY", "").strip()  # noqa: TID251 - a command's own variable
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CommandError("TOOLGATE_API_KEY: a key has no white space and only ASCII characters")
    return key
