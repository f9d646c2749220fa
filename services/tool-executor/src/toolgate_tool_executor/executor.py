"""The executor: runs one tool under its limits. Whatever a tool or a model does wrong is an outcome, never an error.

It is the port itself: the laptop stack calls it in its own process, the gRPC service puts it behind a socket.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from toolgate_runtime.ports import ToolFailure, ToolInfo, ToolOutcome

from toolgate_tool_executor.arguments import read_arguments, schema_of
from toolgate_tool_executor.output import outcome_of
from toolgate_tool_executor.tools import TOOLS
from toolgate_tool_executor.tools.base import Tool, ToolError

_log = logging.getLogger(__name__)


class Executor:
    """Runs tools by name. `tools` defaults to one of each row of the table; close it with `aclose`."""

    def __init__(self, tools: Sequence[Tool[Any]] | None = None) -> None:
        chosen = tuple(kind() for kind in TOOLS) if tools is None else tuple(tools)
        self._tools = {tool.name: tool for tool in chosen}
        self._infos = tuple(
            ToolInfo(name=tool.name, description=tool.description, parameters=schema_of(tool.arguments))
            for tool in chosen
        )

    async def tools(self, *, timeout_s: float) -> tuple[ToolInfo, ...]:  # noqa: ARG002 - the port has it
        """Return what can be run, in the order of the table. Known from the start: `timeout_s` is never reached."""
        return self._infos

    async def execute(self, name: str, arguments_json: bytes, *, timeout_s: float) -> ToolOutcome:
        """Run the tool `name`; the shorter of the tool's limit and `timeout_s` (seconds) applies."""
        begun = time.perf_counter()
        tool = self._tools.get(name)
        if tool is None:
            return _failed(self._not_found(name), begun)
        try:
            arguments = read_arguments(tool.arguments, arguments_json)
            limit_s = min(timeout_s, tool.timeout_s)
            value = await _within(limit_s, tool, arguments)
            return outcome_of(value, tool.max_output_bytes, _elapsed_ms(begun))
        except ToolError as error:
            return _failed(error, begun)
        except Exception:  # noqa: BLE001 - the request's boundary: a bug in a tool is that tool's failure
            # the text of the error is for our log alone
            _log.exception("tool failed", extra={"tool": name})
            return _failed(ToolError("internal", f"the tool {name} failed", retryable=False), begun)

    async def aclose(self) -> None:
        """Close every tool. May be called more than once."""
        for tool in self._tools.values():
            await tool.aclose()

    def _not_found(self, name: str) -> ToolError:
        near = get_close_matches(name[:64], self._tools, n=1)
        hint = f"did you mean {near[0]}?" if near else f"available tools: {', '.join(self._tools)}"
        return ToolError("not_found", f"unknown tool {name[:64]!r}", hint=hint)


async def _within(limit_s: float, tool: Tool[Any], arguments: object) -> Any:
    if limit_s <= 0:
        # A deadline only fires where a tool waits, and the simplest ones never do.
        raise _too_late(tool, limit_s)
    deadline = asyncio.timeout(limit_s)
    try:
        async with deadline:
            return await tool.run(arguments)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise _too_late(tool, limit_s) from error


def _too_late(tool: Tool[Any], limit_s: float) -> ToolError:
    return ToolError("timeout", f"the tool {tool.name} took longer than {max(limit_s, 0):g} s")


def _failed(error: ToolError, begun: float) -> ToolOutcome:
    failure = ToolFailure(code=error.code, message=error.message, hint=error.hint, retryable=error.retryable)
    return ToolOutcome(duration_ms=_elapsed_ms(begun), error=failure)


def _elapsed_ms(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
