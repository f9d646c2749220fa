"""Choose the declared tool that serves an intent, and its arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_simulator.fill import Source, fill_object
from toolgate_simulator.intent import read_intents
from toolgate_simulator.schema_walk import properties_of, resolve
from toolgate_simulator.values import Call, Intent, Kind, ToolSpec

_NAME_WORDS: dict[Kind, frozenset[str]] = {
    "weather": frozenset({"weather", "forecast", "temperature", "climate", "meteo", "날씨", "天気"}),
    "time": frozenset({"time", "clock", "timezone", "now", "시간", "時刻"}),
    "arithmetic": frozenset(
        {"calc", "calculator", "calculate", "math", "arithmetic", "compute", "evaluate", "eval", "계산", "計算"}
    ),
    "system": frozenset(
        {"system", "sysinfo", "cpu", "memory", "disk", "host", "machine", "resources", "server", "health", "status"}
    ),
}
_ABOUT: dict[Kind, re.Pattern[str]] = {
    "weather": re.compile(r"weather|forecast|날씨|天気", re.IGNORECASE),
    "time": re.compile(
        r"(?:current|local|present|exact) (?:date and )?time|what time|time in|time zone|time of day|clock"
        r"|현재 시|現在時刻|現在の時",
        re.IGNORECASE,
    ),
    "arithmetic": re.compile(
        r"arithmetic|calculat|math|numeric expression|evaluates? an expression|계산|計算", re.IGNORECASE
    ),
    "system": re.compile(
        r"\bcpu\b|memory (?:and|usage)|disk|system (?:state|status|info)|machine'?s? (?:state|load)|시스템|システム",
        re.IGNORECASE,
    ),
}
_PARAMETERS: dict[Kind, re.Pattern[str]] = {
    "weather": re.compile(r"city|location|forecast", re.IGNORECASE),
    "time": re.compile(r"time_?zone|^tz$", re.IGNORECASE),
    "arithmetic": re.compile(r"expr|formula|equation", re.IGNORECASE),
    "system": re.compile(r"^cpu$|sections?", re.IGNORECASE),
}
# Tools that change something do not answer a question.
_CHANGES = frozenset(
    {"set", "create", "delete", "send", "update", "save", "remove", "add", "write", "book", "schedule", "store"}
)
_OPERATIONS = {
    "add": frozenset({"add", "sum", "addition", "plus"}),
    "subtract": frozenset({"subtract", "subtraction", "minus", "difference"}),
    "multiply": frozenset({"multiply", "multiplication", "product", "times"}),
    "divide": frozenset({"divide", "division", "quotient"}),
    "power": frozenset({"power", "pow", "exponent"}),
    "sqrt": frozenset({"sqrt", "root"}),
}
_ENOUGH = 2


def words_of(name: str) -> list[str]:
    """Return the words that a tool's name is made of, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+", name)]


def choose_calls(text: str, tools: Sequence[ToolSpec]) -> list[Call]:
    """Return the calls that a question wants, in its order; empty when no tool fits."""
    intents = read_intents(text, tools)
    calls: list[Call] = []
    for intent in intents:
        tool = best_tool(intent, tools)
        if tool is None:
            continue
        together = tuple(one for one in intents if one.kind == intent.kind)
        call = make_call(tool, text, intent, together)
        if call not in calls:
            calls.append(call)
    return calls


def force_call(text: str, tools: Sequence[ToolSpec]) -> Call:
    """Return the best call where there must be one although nothing of the question asks for it."""
    words = set(re.findall(r"\w{3,}", text.lower()))

    def kinship(tool: ToolSpec) -> int:
        own = {*words_of(tool.name), *re.findall(r"\w{3,}", tool.description.lower())}
        return len(words & own)

    tool = max(tools, key=kinship)
    intents = [one for one in read_intents(text, ()) if best_tool(one, [tool])]
    return make_call(tool, text, intents[0] if intents else None, tuple(intents))


def best_tool(intent: Intent, tools: Sequence[ToolSpec]) -> ToolSpec | None:
    """Return the tool that serves an intent best; None when none does."""
    if intent.kind == "named":
        return next((tool for tool in tools if tool.name == intent.slots["tool"]), None)
    ranked = [(suitability(intent, tool), -place, tool) for place, tool in enumerate(tools)]
    best = max(ranked, key=lambda entry: entry[:2], default=None)
    return best[2] if best and best[0] >= _ENOUGH else None


def suitability(intent: Intent, tool: ToolSpec) -> int:
    """Return how well a tool serves an intent; below 2 it does not."""
    words = words_of(tool.name)
    if intent.kind == "arithmetic" and (operation := _operation_of(words)):
        simple = len(intent.slots["operands"]) == (1 if operation == "sqrt" else 2)
        return 6 if simple and intent.slots["operation"] == operation else 0
    if words and words[0] in _CHANGES:
        return 0
    score = 3 if _NAME_WORDS[intent.kind] & set(words) else 0
    score += 2 if _ABOUT[intent.kind].search(tool.description) else 0
    if any(_PARAMETERS[intent.kind].search(name) for name in properties_of(resolve(tool.parameters, tool.parameters))):
        score += 1
    return score


def _operation_of(words: list[str]) -> str | None:
    return next((name for name, synonyms in _OPERATIONS.items() if synonyms & set(words)), None)


def make_call(tool: ToolSpec, text: str, intent: Intent | None, together: tuple[Intent, ...] = ()) -> Call:
    """Return a call of `tool` with arguments out of the question."""
    schema = resolve(tool.parameters, tool.parameters)
    return Call(tool.name, fill_object(schema, tool.parameters, Source(text, intent, together)))
