"""Calls in disguise: native text that is JSON in the form of a call, without a marker and without a tool to settle it.

Small models write a call to a tool that does not exist, a call and its invented result, or a call in the markup of
results. Such text is raw JSON, which no user can read, and the next strategy does better. It counts only where the
text is nothing but such JSON (in a stream: from its start), because an answer in words may well show an example.

Text that may become such JSON is held, up to `MAX_SCREENED` characters. The first character that rules it out lets all
of it pass: `may_begin` is asked for each chunk until then, on a few hundred characters at most.
"""

from __future__ import annotations

import re

from toolgate_core.dialects.catalog.generic import ARGUMENT_KEYS, NAME_KEYS, WRAPPERS
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode
from toolgate_core.limits import MAX_SCREENED
from toolgate_core.schema import Toolset
from toolgate_core.schema.relaxed import relax
from toolgate_core.types.faults import Fault
from toolgate_core.types.vocabulary import AttemptOutcome

# The tags that small models wrap calls in when no dialect of theirs has them; `_TAG` is the same set, complete.
_TAGS = ("<tool_response>", "<tool_responses>", "<tool_call>", "<tools>", "<function_call>", "<function_response>")
_TAG = re.compile(r"\s*</?(?:tool_responses?|tool_calls?|tools?|function_calls?|function_response)>\s*")
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[A-Za-z_]{0,16}[ \t]*(?:\n\s*|(?=[\[{]))")
_CLOSE = re.compile(r"\s*(?:`{3,}|~{3,})\s*")
_OBJECT = re.compile(r"\s*(?:\[\s*)?\{\s*")
# The keys of a call, in any quotes: models write JSON and Python's dicts.
_KEY = re.compile(rf"""["']?(?:{"|".join((*NAME_KEYS, *ARGUMENT_KEYS, *WRAPPERS, "type", "id"))})["']?\s*:""")
# A key, a list or a fence that has only begun: more text decides.
_KEY_HEAD = re.compile(r"""["']?[a-z_]{0,20}["']?\s*\Z""")
_HEAD = re.compile(r"\s*(?:\[\s*)?\Z")
_FENCE_HEAD = re.compile(r"\s*(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[A-Za-z_]{0,16}[ \t]*)\Z")
# Bounds on the work for what a model may write: a list of calls is shorter, and calls are not nested deeper.
_MAX_VALUES = 16
_MAX_LEVELS = 4


class Screen:
    """Holds the start of a native answer as long as it may be a call in disguise.

    `holds` False: nothing needs to be held here, since the text waits elsewhere; everything passes.
    """

    __slots__ = ("_held", "_passing")

    def __init__(self, *, holds: bool = True) -> None:
        self._held = ""
        self._passing = not holds

    def feed(self, text: str) -> str:
        """Return the text that passes."""
        if self._passing:
            return text
        self._held += text
        if len(self._held) <= MAX_SCREENED and may_begin(self._held):
            return ""
        return self.open()

    def open(self) -> str:
        """Let everything pass from now on; return the text that was held."""
        held, self._held, self._passing = self._held, "", True
        return held


def may_begin(text: str) -> bool:
    """Return whether `text` is, or may become, the beginning of a call in disguise."""
    start = _TAG.match(text)
    if start is not None:
        return True
    fence = _FENCE.match(text)
    rest = text[fence.end() :] if fence is not None else text
    brace = _OBJECT.match(rest)
    if brace is not None:
        # The longest key is far shorter than 64 characters; this bounds the work for each chunk.
        key = rest[brace.end() : brace.end() + 64]
        return _KEY.match(key) is not None or _KEY_HEAD.match(key) is not None
    # No brace yet: white space, a part of a fence, or a part of a tag may still lead to one.
    word = rest.strip()
    return (
        _HEAD.match(rest) is not None
        or (fence is None and _FENCE_HEAD.match(rest) is not None)
        or any(tag.startswith(word) for tag in _TAGS)
    )


def disguised(text: str, toolset: Toolset) -> Fault | None:
    """Return the fault of a text that begins with a call in JSON, or is an invented result; None for any other text.

    Text after a fenced call explains an example, so only JSON may be there.
    """
    if len(text) > MAX_SCREENED:
        return None  # a stream has let it pass by then, and whole answers follow the same rule
    values, rest = _values(text)
    tagged = _TAG.match(text) is not None
    # Words after bare JSON do not make it an answer; after a fence or a tag they explain an example.
    if not values or (rest and (tagged or _FENCE.match(text) is not None)):
        return None
    calls = _calls(values[0], _MAX_LEVELS)
    # The tool's name is the better fault: a retry that quotes it names the tools that exist.
    unknown = next((name for name in calls if toolset.resolve(name)[0] is None), None)
    if unknown is not None:
        names = ", ".join(toolset.names[:20])
        detail = f'There is no tool named "{unknown[:80]}". The tools are: {names}.'
        return Fault(AttemptOutcome.UNKNOWN_TOOL, detail, text)
    if calls:
        return Fault(AttemptOutcome.PARSE_ERROR, "A tool call was written as the text of the answer.", text)
    return Fault(AttemptOutcome.PARSE_ERROR, "The result of a tool was made up.", text) if tagged else None


def last_paragraph(text: str) -> str:
    """Return the JSON without a fence that ends a text in words; empty where none does."""
    at = max(text.rfind("\n{"), text.rfind("\n["), text.rfind("\n<tool_response>"))
    tail = text[at + 1 :] if at >= 0 else ""
    return tail if not _values(tail)[1] else ""


def _values(text: str) -> tuple[list[JsonValue], str]:
    """Return the JSON values that `text` begins with, fences and tags aside, and what is after them."""
    values: list[JsonValue] = []
    at = 0
    while len(values) < _MAX_VALUES:
        skipped = _TAG.match(text, at) or _FENCE.match(text, at) or _CLOSE.match(text, at)
        if skipped is not None:
            at = skipped.end()
            continue
        end = _end_of_value(text, at)
        value = None if end is None else _read(text[at:end])
        if end is None or value is None:
            break
        values.append(value)
        at = end
    return values, text[at:].strip()


def _end_of_value(text: str, at: int) -> int | None:
    """Return where the object or array ends that begins at `at`; None where none begins or ends there."""
    depth = 0
    quoted = False
    for match in _STRUCTURE.finditer(text, at):
        char = match[0][-1]
        # Only the structure is read here: strings, brackets, and nothing outside of them.
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
        # A bare word or a scalar comes before any bracket, so that no container begins here.
        if depth == 0 and not quoted:
            return None
    return None


_STRUCTURE = re.compile(r'\\.|["{}\[\]]|[^\s"{}\[\]\\]+', re.DOTALL)


def _read(text: str) -> JsonValue:
    try:
        return decode(text)
    except JsonTextError:
        relaxed = relax(text)
        return relaxed[0] if relaxed is not None else None


def _calls(value: JsonValue, levels: int) -> list[str]:
    """Return the names that a value calls; empty unless all of it is calls."""
    if isinstance(value, list) and value and levels:
        found = [_calls(item, levels - 1) for item in value[:_MAX_VALUES]]
        return [name for names in found for name in names] if all(found) else []
    if not isinstance(value, dict) or not levels:
        return []
    # OpenAI's own form has two levels: `tool_calls`, then `function`.
    wrapped = next((value[key] for key in (*WRAPPERS, "function") if isinstance(value.get(key), dict | list)), None)
    if wrapped is not None:
        return _calls(wrapped, levels - 1)
    return _name(value) if _has_arguments(value) else []


def _name(value: JsonObject) -> list[str]:
    return [name for name in (value.get(key) for key in NAME_KEYS) if isinstance(name, str)][:1]


def _has_arguments(value: JsonObject) -> bool:
    """Whether an object has the arguments of a call, and is not the definition of a tool."""
    key = next((key for key in ARGUMENT_KEYS if key in value), "")
    given = value.get(key)
    # A model that is asked what it can do lists its tools.
    if "description" in value or (key == "parameters" and isinstance(given, dict) and "properties" in given):
        return False
    return isinstance(given, dict) or (isinstance(given, str) and isinstance(_read(given), dict))
