"""Tools that end an agent's run or hand it over: which they are, and which one a model calls next.

Frameworks have a model deliver its result by a call: `final_answer`, `final_result`, a tool named like the class of the
result. A model calls what it needs first, and then one of these.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from toolgate_simulator.fill import Source, fill_object
from toolgate_simulator.intent import read_intents
from toolgate_simulator.schema_walk import properties_of, required_of, resolve
from toolgate_simulator.values import Call, ToolSpec, Turn

_ENDS = re.compile(
    r"(?:(?:final|structured)[_-]?(?:answer|result|response|output|report)\w*"
    r"|(?:give|provide|submit|return|send|deliver)[_-]?(?:(?:the|final)[_-]?)*(?:answer|result|response|output|report)s?"
    r"|answer(?:[_-]?user)?|respond(?:[_-]?to[_-]?user)?|finish|done|attempt[_-]?completion|(?:task|job)[_-]?completed?"
    r"|complete(?:[_-]?task)?)",
    re.IGNORECASE,
)
_SAYS_IT_ENDS = re.compile(
    r"\bfinal (?:answer|response|result|output)\b|\bends? (?:this|the) (?:conversation|run|task)\b"
    r"|\bwhen (?:you are|the task is) (?:done|finished|complete)",
    re.IGNORECASE,
)
_CLASS_NAME = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)*|[A-Z][a-z]\w*")
_HANDS_OVER = re.compile(r"(?:transfer|hand[_-]?off|handover|delegate|escalate)[_-]?to[_-]?\w+", re.IGNORECASE)
# Words of every handoff, and words that say nothing about a request.
_COMMON = re.compile(
    r"transfer|handoff|delegate|escalate|agent|handle|request|user|question|help|with|that|thi|what|when|where|which"
    r"|your|have|from|about|please|would|could|should|tell|want|need|specialist|assistant"
)
_ANSWERS = frozenset({"answer", "final_answer", "result", "response", "reply", "conclusion", "summary", "final_result"})


def hands_over(name: str) -> bool:
    """Whether a tool of this name gives the conversation to another agent."""
    return _HANDS_OVER.fullmatch(name) is not None


def says_it_ends(tool: ToolSpec) -> bool:
    """Whether a tool is declared as the one that ends the run, by its name or its description."""
    return _ENDS.fullmatch(tool.name) is not None or _SAYS_IT_ENDS.search(tool.description) is not None


def ends(tool: ToolSpec, tools: Sequence[ToolSpec]) -> bool:
    """Whether a call of `tool` is the answer: it says so, is named like a class, or takes an answer."""
    if hands_over(tool.name):
        return False
    if says_it_ends(tool):
        return True
    others = [one for one in tools if one.name != tool.name]
    if _CLASS_NAME.fullmatch(tool.name) and any(not _CLASS_NAME.fullmatch(one.name) for one in others):
        return True
    schema = resolve(tool.parameters, tool.parameters)
    return bool(_ANSWERS & {name for name in required_of(schema) if name in properties_of(schema)})


def working(tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    """Return the tools that do something; all of them where every one is an answer."""
    return [tool for tool in tools if not ends(tool, tools)] or list(tools)


def ending(turn: Turn, tools: Sequence[ToolSpec], text: str, *, must: bool) -> Call | None:
    """Return the call that ends the run now that nothing else is left to do, if there is a tool for that.

    Where a model is free to answer in words (`must` is false), it calls only a tool that is declared as the end, or,
    once it has results, one whose call is an answer. A tool not called yet comes first; one that was called comes again
    only where a call is due, since then its result found fault with it.
    """
    declared_only = not (must or turn.results)
    final = [tool for tool in tools if ends(tool, tools) and (says_it_ends(tool) or not declared_only)]
    if len(final) == len(tools) and not (must and turn.results):
        return None
    chosen = _not_called(turn, final)
    if not chosen and must:
        chosen = _not_called(turn, _handovers(tools) if turn.results else []) or final
    return _call(chosen[0], turn, text) if chosen else None


def _handovers(tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    return [tool for tool in tools if hands_over(tool.name)]


def _not_called(turn: Turn, tools: Sequence[ToolSpec]) -> list[ToolSpec]:
    called = {call.name for call in turn.done}
    return [tool for tool in tools if tool.name not in called]


def handing_over(turn: Turn, tools: Sequence[ToolSpec]) -> Call | None:
    """Return the call that gives the conversation to the agent whose description shares words with the question."""
    if turn.results or turn.done:
        return None
    asked = _content_words(turn.question)
    ranked = [(len(asked & _content_words(f"{t.name} {t.description}")), t) for t in tools if hands_over(t.name)]
    shared, tool = max(ranked, key=lambda entry: entry[0], default=(0, None))
    return _call(tool, turn, "") if tool and shared else None


def _content_words(text: str) -> frozenset[str]:
    words = (word.rstrip("s") for word in re.findall(r"[^\W\d_]{4,}", text.lower()))
    return frozenset(word for word in words if not _COMMON.fullmatch(word))


def _call(tool: ToolSpec, turn: Turn, text: str) -> Call:
    schema = resolve(tool.parameters, tool.parameters)
    return Call(tool.name, fill_object(schema, tool.parameters, answering(turn, text)))


def answering(turn: Turn, text: str) -> Source:
    """Return where the values of an answer come from: the results, what would be said in words, the question."""
    intents = tuple(read_intents(turn.question, ()))
    source = Source(turn.question, intents[0] if intents else None, intents)
    return replace(source, says=text, results=turn.results)
