"""Refusals of some chat templates, tokenizers and front ends."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from toolgate_simulator.faults import RefusedError
from toolgate_simulator.values import Json

QUIRKS = (
    "system_in_the_middle",  # the template of Qwen 3.5: a system message only as the first
    "long_ids",  # Mistral's tokenizer: nine letters and digits
    "missing_content",  # a typed front end: content has to be there, null beside calls
    "missing_parameters",  # the same: a tool has parameters
    "quotes_input",  # vLLM before 0.32: an error of validation holds the whole request
)
_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")


def check_quirks(body: Json, quirks: Collection[str]) -> None:
    """Raise `RefusedError` for what a server with these quirks refuses."""
    messages = [message for message in body["messages"] if isinstance(message, dict)]
    if "system_in_the_middle" in quirks and any(one.get("role") == "system" for one in messages[1:]):
        raise RefusedError("System message must be at the beginning.")
    if "long_ids" in quirks:
        _check_ids(messages)
    if "missing_content" in quirks:
        for place, message in enumerate(messages):
            if "content" not in message:
                raise _undeserialized(f"messages[{place}]: missing field `content`")
    if "missing_parameters" in quirks:
        for place, tool in enumerate(body.get("tools") or []):
            if "parameters" not in tool["function"]:
                raise _undeserialized(f"tools[{place}].function: missing field `parameters`")


def _check_ids(messages: list[Json]) -> None:
    for message in messages:
        calls: list[Any] = message.get("tool_calls") or []
        ids = [call.get("id") for call in calls if isinstance(call, dict)]
        if message.get("role") == "tool":
            ids.append(message.get("tool_call_id"))
        for one in ids:
            if not _SHORT_ID.fullmatch(str(one)):
                raise RefusedError(f"Tool call id was {one} but must be a-z, A-Z, 0-9, with a length of 9.")


def _undeserialized(what: str) -> RefusedError:
    return RefusedError(f"Failed to deserialize the JSON body into the target type: {what}")
