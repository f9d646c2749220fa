"""`minimax_m3`: nested elements named after the arguments, a mark before every structural tag.

```
]<]minimax[>[<tool_call>
]<]minimax[>[<invoke name="F">]<]minimax[>[<K>V]<]minimax[>[</K>]<]minimax[>[</invoke>
]<]minimax[>[</tool_call>
```
Lists are elements named `item`. The block ends the turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect, ElementsGrammar, Reasoning, TaggedGrammar, WrittenCall
from toolgate_core.dialects.catalog.minimax_m2 import INTRO, definitions
from toolgate_core.dialects.patterns import bare_tag, close_tag, open_tag
from toolgate_core.dialects.tagging import as_text
from toolgate_core.dialects.writing import argument_items, escape_lt, result_between, standard_writer
from toolgate_core.jsontext import JsonValue

MARK = "]<]minimax[>["
GRAMMAR = ElementsGrammar(
    tokens=(f"{MARK}<tool_call>", f"{MARK}<invoke", f"{MARK} <tool_call>", f"{MARK} <invoke"),
    close_tokens=(f"{MARK}</tool_call>", f"{MARK}</invoke>", f"{MARK} </tool_call>", f"{MARK} </invoke>"),
    special=True,
    after="drop",
    tag_prefix=MARK,
    section="tool_call",
    call="invoke",
)
PLAIN = TaggedGrammar(
    tags=("tool_call", "invoke"),
    close_tags=("tool_call", "invoke"),
    auto=False,
    after="drop",
    section=bare_tag("tool_call"),
    section_close=close_tag("tool_call"),
    call=open_tag("invoke"),
    call_close=close_tag("invoke"),
    parameter="",
    parameter_close="",
    property_tags=True,
)
WRAPPED = replace(GRAMMAR, tags=("tool_call",), tokens=(), auto=False)


FORM = f"When making tool calls, write the mark {MARK} before every tag:"
NOTE = (
    "Strings stand as they are, without quotes or escapes. Objects are elements named after their keys, lists are "
    "<item> elements, or both are JSON. One block may hold several <invoke> elements. "
    "Results come back in <response> blocks, in the order of the calls."
)
_KEY = re.compile(r"[^<>/\s]{1,200}")
_TAG = re.compile(r"\]<\]|</?\s{0,4}(?:invoke|tool_call)", re.IGNORECASE)


def _is_expressible(name: str, value: JsonValue) -> bool:
    """Whether the element `name` says the value without a schema.

    That is so for texts, and for lists and objects of them that are not empty; an object must not look like a list.
    """
    if isinstance(value, dict):
        named = set(value) != {"item"} and all(map(_KEY.fullmatch, value))
        return bool(value) and named and all(_is_expressible(key, member) for key, member in value.items())
    if isinstance(value, list):
        return bool(value) and all(_is_expressible("item", item) for item in value)
    return isinstance(value, str) and not _TAG.search(value) and f"</{name}" not in value


def _text(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "".join(_element(key, _text(member)) for key, member in value.items())
    if isinstance(value, list):
        return "".join(_element("item", _text(item)) for item in value)
    return as_text(value)


def _element(key: str, text: str) -> str:
    return f"{MARK}<{key}>{text}{MARK}</{key}>"


def _call(call: WrittenCall) -> str | None:
    """Return a call as elements; none where a key or a text can't be between tags."""
    parts: list[str] = []
    for key, value in argument_items(call.arguments):
        expressible = _is_expressible(key, value)
        if not _KEY.fullmatch(key) or (isinstance(value, str) and not expressible):
            return None
        parts.append(_element(key, _text(value) if expressible else as_text(value)))
    return f'{MARK}<invoke name="{call.name}">{"".join(parts)}{MARK}</invoke>\n'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls.

    Lists and objects are elements where these say the same without a schema, otherwise JSON. Where a string holds a tag
    of the form itself, the whole section is written without marks, its arguments as JSON objects, which is read, too.
    """
    parts = [part for part in map(_call, calls) if part is not None]
    if len(parts) == len(calls):
        return f"{MARK}<tool_call>\n{''.join(parts)}{MARK}</tool_call>"
    lines = "".join(f'<invoke name="{call.name}">{escape_lt(call.arguments)}</invoke>\n' for call in calls)
    return f"<tool_call>\n{lines}</tool_call>"


MINIMAX_M3 = Dialect(
    name="minimax_m3",
    models="MiniMax M3",
    grammars=(GRAMMAR, WRAPPED, PLAIN),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definitions,
        form=FORM,
        note=NOTE,
        result=result_between("<response>", "</response>"),
    ),
    reasoning=(Reasoning(open="<mm:think>", close="</mm:think>", special=True, auto=True),),
    ends=("[e~[",),
)
