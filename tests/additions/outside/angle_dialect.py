"""A dialect: `angle`, a JSON envelope in `<angle_call>` tags."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from toolgate_core.dialects.base import EnvelopeGrammar, Writer, WrittenCall
from toolgate_core.dialects.catalog.hermes import HERMES, render_result, render_tools
from toolgate_core.dialects.writing import json_call
from toolgate_core.types.requests import ToolChoice, ToolDefinition


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call."""
    return "\n".join(f"<angle_call>\n{json_call(call)}\n</angle_call>" for call in calls)


def tools(tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
    """Return the system block."""
    return render_tools(tools, choice, parallel).replace("tool_call>", "angle_call>")


ANGLE = replace(
    HERMES,
    name="angle",
    models="none",
    grammars=(EnvelopeGrammar(tags=("angle_call",), close_tags=("angle_call",)),),
    writer=Writer(tools, render_calls, render_result),
    aliases=(),
)
