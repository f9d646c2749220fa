"""The table of tools: one file here, one row there."""

from __future__ import annotations

from typing import Any

from toolgate_tool_executor.tools.base import Tool
from toolgate_tool_executor.tools.calculator import Calculator
from toolgate_tool_executor.tools.system_info import SystemInfo
from toolgate_tool_executor.tools.time_now import TimeNow

TOOLS: tuple[type[Tool[Any]], ...] = (
    Calculator,
    TimeNow,
    SystemInfo,
)
