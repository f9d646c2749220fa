"""The conversation as a model reads it: the question, the calls for it, and their results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

from toolgate_simulator.endings import hands_over
from toolgate_simulator.forms import read_calls
from toolgate_simulator.intent import language_of
from toolgate_simulator.jsonfind import find_json
from toolgate_simulator.tool_finder import find_tools
from toolgate_simulator.values import Call, Json, Turn

_RESULT_TAGS = re.compile(
    r"</(tool_response|tool_results?|function_results?|observation|tool_output|results?)>|\[/TOOL_RESULTS\]"
    r"|^(?:Observation|Tool (?:result|output|response)|Results? (?:of|from)|## Return of)",
    re.MULTILINE | re.IGNORECASE,
)
_RESULTS = re.compile(
    r"<(tool_response|tool_results?|function_results?|observation|tool_output|results?)\b[^>]*>(.*?)</\1>"
    r"|\[TOOL_RESULTS\](.*?)\[/TOOL_RESULTS\]"
    r"|^(?:Observation|Tool (?:result|output|response)[^:\n]*|Results? (?:of|from)[^:\n]*|## Return of[^\n]*)[:\n]"
    r"(.*?)(?=^(?:Observation|Tool (?:result|output|response)|Results? (?:of|from)|## Return of)|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_RESULT_KEYS = ("results", "tool_results", "result", "tool_result", "observation", "tool_response")
_INNER = re.compile(r"<(result|stdout|output|content)\b[^>]*>(.*?)</\1>", re.DOTALL)
_LABELS = re.compile(r"<(name|tool_name|id|call_id|tool_call_id)>.*?</\1>", re.DOTALL)
# An instruction about the form of an answer is not a new question.
_NUDGE = re.compile(
    r"\b(?:your|the) (?:last|previous|earlier|above|first) (?:answer|reply|response|output|call|attempt|message|turn)"
    r"|\b(?:was|is) not (?:a )?valid\b|\bcould not be (?:read|used|parsed)\b|\btry again\b|\banswer again\b"
    r"|^(?:now|please)?,?\s*(?:decide|convert|turn|write|give|put|state|reply|respond|answer)\b[^?]{0,200}"
    r"\b(?:json|schema|decision|form|format|notes?|draft|plan)\b",
    re.IGNORECASE,
)
_FOCUS = 1_500
DRAFT = re.compile(r"I should call |I can answer (?:this )?without a tool")


def text_of(content: Any) -> str:
    """Return the text of a message's content, whether it is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text", "") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def read_conversation(messages: Sequence[Json]) -> Turn:
    """Return what the conversation has come to."""
    reader = _Reader()
    for message in messages:
        role = message.get("role")
        text = text_of(message.get("content"))
        if role in ("system", "developer"):
            reader.instructions.append(text)
        elif role == "assistant":
            reader.assistant(message, text)
        elif role in ("tool", "function", "ipython"):
            reader.results.append(text)
        else:
            reader.user(text)
    return reader.turn()


class _Reader:
    def __init__(self) -> None:
        self.instructions: list[str] = []
        self.results: list[str] = []
        self.done: list[Call] = []
        self.draft = ""
        self.question = ""

    def assistant(self, message: Json, text: str) -> None:
        for call in message.get("tool_calls") or []:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                self.done.append(Call(str(function.get("name")), _object(function.get("arguments"))))
        self.done += read_calls(text)
        if DRAFT.search(text):
            self.draft = text

    def user(self, text: str) -> None:
        results, rest = split_results(question_in(text))
        self.results += results
        if DRAFT.search(rest):
            self.draft = rest
        question = focus(without_nudges(rest))
        if question:
            # Results of an earlier question say nothing about a new one.
            self.results = [] if self.question else results
            self.question, self.done, self.draft = question, [], ""
        # A caller that finds fault with an answer takes that answer's calls back.
        self.done = self.done[: len(self.results)]

    def turn(self) -> Turn:
        instructions = "\n\n".join(self.instructions)
        done, results = self._work()
        if not self.draft and DRAFT.search(instructions):
            self.draft = instructions
        return Turn(self.question, language_of(self.question), results, done, self.draft, instructions)

    def _work(self) -> tuple[tuple[Call, ...], tuple[str, ...]]:
        """Return the calls and their results, without those by which one agent gave way to another."""
        done = self.done[: len(self.results)]
        moved = {place for place, call in enumerate(done) if hands_over(call.name)}
        kept = tuple(call for place, call in enumerate(done) if place not in moved)
        return kept, tuple(text for place, text in enumerate(self.results) if place not in moved)


def _object(arguments: Any) -> Json:
    if isinstance(arguments, dict):
        return arguments
    for _, _, value in find_json(str(arguments)):
        return value if isinstance(value, dict) else {}
    return {}


def split_results(text: str) -> tuple[list[str], str]:
    """Return the tools' results that a user message carries in a prompt's markup, and what else it says."""
    plain = text.strip()
    if plain.startswith("{"):
        for start, end, value in find_json(plain):
            if start == 0 and isinstance(value, dict) and any(key in value for key in _RESULT_KEYS):
                return [plain[:end]], plain[end:].strip()
            break
    if not _RESULT_TAGS.search(text):
        return [], plain
    found = []
    for match in _RESULTS.finditer(text):
        body = next((one for one in match.groups()[1:] if one is not None), "")
        body = without_nudges(body, "\n") if match.group(4) is not None else body
        found += [_plain(_LABELS.sub("", one).strip()) for one in _unwrapped(body)]
    return found, _RESULTS.sub("", text).strip()


def _unwrapped(body: str) -> list[str]:
    inner = [one for _, one in _INNER.findall(body)]
    return [deeper for one in inner for deeper in _unwrapped(one)] or [body]


def _plain(body: str) -> str:
    """Return what a result says: the `content` of a JSON envelope, or markup with its entities decoded."""
    if body.startswith("{"):
        for start, end, value in find_json(body):
            if start == 0 and end == len(body) and isinstance(value, dict) and isinstance(value.get("content"), str):
                return str(value["content"])
            return body
    return unescape(body)


def focus(text: str) -> str:
    """Return the beginning and the end of a long text: a question is before or after what was pasted."""
    return text if len(text) <= 2 * _FOCUS else f"{text[:_FOCUS]}\n{text[-_FOCUS:]}"


def without_nudges(text: str, between: str = "\n\n") -> str:
    """Return a user's text up to the first paragraph in which a caller comments on the form of an answer."""
    kept = []
    for paragraph in text.split(between):
        if _NUDGE.search(paragraph):
            break
        kept.append(paragraph)
    return between.join(kept).strip()


def question_in(text: str) -> str:
    """Return the question of a user message that may also hold tools and instructions."""
    if "{" not in text or len(text) < 120:
        return text.strip()
    tools, rest = find_tools(text)
    if not tools:
        return text.strip()
    labelled = re.search(r"(?:Question|User|Query|Request|Task)\s*:\s*(.+)\Z", rest, re.DOTALL)
    paragraphs = [part for part in rest.strip().split("\n\n") if part.strip()]
    return (labelled.group(1) if labelled else paragraphs[-1] if paragraphs else "").strip()
