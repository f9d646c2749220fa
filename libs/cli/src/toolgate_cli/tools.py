"""`toolgate tools`: list or run the tools that Toolgate executes, in this process or at a gateway."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import cast
from urllib.parse import quote

import httpx
import msgspec
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode, encode
from toolgate_tool_executor.executor import Executor

from toolgate_cli.failure import CommandError

TIMEOUT_S = 60.0


def run(options: Namespace) -> int:
    """Run the command."""
    return _list(options) if options.action == "list" else _run(options)


def _list(options: Namespace) -> int:
    tools = asyncio.run(_local_list()) if options.gateway is None else _remote_list(options.gateway)
    if options.json:
        _print_json(tools)
        return 0
    width = max((len(str(tool["name"])) for tool in tools), default=0)
    for tool in tools:
        print(f"{tool['name']:<{width}}  {str(tool['description']).splitlines()[0]}")
    return 0


def _run(options: Namespace) -> int:
    try:
        arguments = decode(options.arguments)
    except JsonTextError as error:
        raise CommandError(f"the arguments are not JSON: {error}") from error
    body = encode(arguments)
    outcome = asyncio.run(_local_run(options.name, body)) if options.gateway is None else _remote_run(options, body)
    if options.json:
        _print_json(outcome)
    failure = outcome.get("error")
    if not isinstance(failure, dict):
        if not options.json:
            print(outcome["content"])
        return 0
    if not options.json:
        hint = failure.get("hint")
        print(f"{failure['code']}: {failure['message']}{f' ({hint})' if hint else ''}", file=sys.stderr)
    return 1


async def _local_list() -> list[JsonObject]:
    executor = Executor()
    try:
        tools = await executor.tools(timeout_s=TIMEOUT_S)
    finally:
        await executor.aclose()
    return cast("list[JsonObject]", msgspec.to_builtins(tools))


async def _local_run(name: str, arguments: bytes) -> JsonObject:
    executor = Executor()
    try:
        outcome = await executor.execute(name, arguments, timeout_s=TIMEOUT_S)
    finally:
        await executor.aclose()
    return cast("JsonObject", msgspec.to_builtins(outcome))


def _remote_list(gateway: str) -> list[JsonObject]:
    listed = cast("list[JsonObject]", _ask(gateway)["data"])
    return [cast("JsonObject", tool["function"]) for tool in listed]


def _remote_run(options: Namespace, arguments: bytes) -> JsonObject:
    return _ask(options.gateway, options.name, arguments)


def _ask(gateway: str, name: str | None = None, arguments: bytes | None = None) -> JsonObject:
    """Request a gateway's tools, or run one; raise `CommandError` for any other answer."""
    url = f"{gateway.rstrip('/').removesuffix('/v1')}/tools" + (f"/{quote(name, safe='')}" if name is not None else "")
    method = "GET" if name is None else "POST"
    try:
        answer = httpx.request(method, url, content=arguments, headers=_JSON, timeout=TIMEOUT_S)
        value = decode(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, JsonTextError) as error:
        raise CommandError(f"{url}: {str(error) or type(error).__name__}") from error
    if not isinstance(value, dict) or ("data" if name is None else "content") not in value:
        raise CommandError(f"{url}: status {answer.status_code}: {_message(value)}")
    return value


def _message(value: JsonValue) -> str:
    error = value.get("error") if isinstance(value, dict) else None
    return str(error.get("message")) if isinstance(error, dict) else "not an answer of a Toolgate gateway"


_JSON = {"content-type": "application/json"}


def _print_json(value: JsonValue | list[JsonObject]) -> None:
    sys.stdout.write(msgspec.json.format(encode(cast("JsonValue", value)), indent=2).decode() + "\n")
