"""Find a call in an answer's text instead of in `tool_calls`, and the parser of vLLM that reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from toolgate_core.dialects import DIALECTS
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolDefinition

from toolgate_cli.extract import Reader

PARSERS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"<tool_call>\s*<function|<function=\w+>\s*<parameter"), "qwen3_coder"),
    (re.compile(r"<arg_key>"), "glm45"),
    (re.compile(r"<minimax:tool_call>"), "minimax_m2"),
    (re.compile(r"<tool_call>"), "hermes"),
    (re.compile(r"<\|channel\|>.*to=|<\|call\|>|<\|constrain\|>|to=functions\.\w+", re.DOTALL), "openai"),
    (re.compile(r"\[TOOL_CALLS\]"), "mistral"),
    (re.compile(r"<｜tool▁calls▁begin｜>|<｜tool▁call▁begin｜>"), "deepseek_v31"),
    (re.compile(r"<｜DSML｜"), "deepseek_v32"),
    (re.compile(r"<\|tool_calls_section_begin\|>|<\|tool_call_begin\|>"), "kimi_k2"),
    (re.compile(r"<\|python_tag\|>"), "llama3_json"),
    (re.compile(r"<TOOLCALL>"), "hf"),
    (re.compile(r"<\|tool_call>"), "gemma4"),
    (re.compile(r"^\s*\[\w+\(.*\)\]\s*$", re.DOTALL), "pythonic"),
    (re.compile(r"<function=\w+>"), "qwen3_coder"),
)
"""A model's markup → the parser of vLLM that reads it; the first that matches counts."""

_FENCE: Final = re.compile(r"```[\w-]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_NAME: Final = ("name", "function", "tool", "tool_name", "function_name", "action", "recipient_name")
_ARGUMENTS: Final = ("arguments", "parameters", "args", "input", "action_input", "tool_input", "params")
_MAX_TEXT: Final = 20_000
"""Characters of a text that are searched; a call that begins later does not answer the question."""
_MAX_STARTS: Final = 50


class Written(Struct, frozen=True):
    """How a text contains a call: `form` completes "wrote the call as …"; `parser` reads it (empty: none does)."""

    form: str
    parser: str = ""


def written_call(text: str, schemas: Mapping[str, Mapping[str, Any]]) -> Written | None:
    """Return how the text contains a call to a declared tool (or to any, as JSON); None for no call."""
    text = text[:_MAX_TEXT]
    for pattern, parser in PARSERS:
        if pattern.search(text):
            return Written("markup", parser)
    fences = _FENCE.findall(text) if "```" in text else []
    if any(_holds_call(part, schemas) for part in fences):
        return Written("fenced JSON")
    if _holds_call(text, schemas):
        return Written("bare JSON")
    return _in_a_dialect(text, schemas) or _by_name(text, schemas)


def _holds_call(text: str, names: Collection[str]) -> bool:
    return any(_is_call(value, names) for value in _values(text)) or _begins_call(text, names)


def _values(text: str) -> Iterator[Any]:
    """Yield the outermost JSON objects and arrays in a text."""
    decoder = json.JSONDecoder()
    position = starts = 0
    while starts < _MAX_STARTS and (found := re.compile(r"[\[{]").search(text, position)):
        starts += 1
        try:
            value, position = decoder.raw_decode(text, found.start())
            yield value
        except (ValueError, RecursionError):
            position = found.start() + 1


def _is_call(value: Any, names: Collection[str], depth: int = 0) -> bool:
    """Whether a JSON value is a call as models write them: a name beside arguments, whatever the keys are."""
    if depth > 3:
        return False
    if isinstance(value, list):
        return any(_is_call(item, names, depth + 1) for item in value[:8])
    if not isinstance(value, dict):
        return False
    called = next((value[key] for key in _NAME if isinstance(value.get(key), str)), None)
    if called is not None and (any(key in value for key in _ARGUMENTS) or called in names):
        return True
    nested = (value.get(key) for key in ("function", "tool_calls", "tool_call", "function_call", "calls"))
    if any(_is_call(each, names, depth + 1) for each in nested):
        return True
    return len(value) == 1 and next(iter(value)) in names


def _begins_call(text: str, names: Collection[str]) -> bool:
    """Whether a text is a JSON call that was cut or is malformed."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    found = re.search(r"[\"'](?:name|function|tool)[\"']\s*:\s*[\"'](\w+)[\"']", text)
    return found is not None and (
        found.group(1) in names or re.search(r"[\"'](?:arguments|parameters)[\"']", text) is not None
    )


def _in_a_dialect(text: str, schemas: Mapping[str, Mapping[str, Any]]) -> Written | None:
    """Look for the dialect in which the text holds a valid call."""
    toolset = Toolset.compile(tuple(ToolDefinition(name, "", dict(schema)) for name, schema in schemas.items()))
    for name in DIALECTS:
        if name in ("decision", "auto"):
            continue
        found, _ = Reader(dialect=name, finish="stop", step=None, explain=False).read(text, toolset)
        if found.calls:
            return Written(f"text in the dialect {name}")
    return None


def _by_name(text: str, names: Collection[str]) -> Written | None:
    """Find a declared name that is written like a call: `name(`, `<name>`, `Action: name`."""
    for name in names:
        word = re.escape(name)
        if re.search(rf"(?<![\w`]){word}\s*\(\s*[\w{{\"']|<{word}[>\s]|(?i:action|tool|function):\s*`?{word}\b", text):
            return Written("plain text")
    return None
