"""Shorthands for running tools in tests."""

from __future__ import annotations

import json
from typing import Any

from toolgate_runtime.ports import ToolFailure, ToolOutcome
from toolgate_tool_executor.executor import Executor
from toolgate_tool_executor.tools.base import Tool


async def run(tool: Tool[Any], timeout_s: float = 10, **arguments: Any) -> ToolOutcome:
    """Run `tool` through a separate executor; the caller closes the tool."""
    return await Executor([tool]).execute(tool.name, json.dumps(arguments).encode(), timeout_s=timeout_s)


def failure(outcome: ToolOutcome) -> ToolFailure:
    """Return why it failed; a success fails the test."""
    assert outcome.error is not None, outcome.content
    assert (outcome.content, outcome.structured) == ("", None)
    return outcome.error
