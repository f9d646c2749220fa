"""Escapes markup in results of tools, so that a result can neither end its wrapper nor pass for markup of a model.

Results are untrusted data: web pages, files, messages. A page that holds `</tool_response><tool_call>…` must not become
a call of the model. But models also copy from results, so only what would be markup is changed, and by one character:
in JSON text to an escape of the same value, in other text to an entity.
"""

from __future__ import annotations

import re
from functools import cache

from toolgate_core.jsontext import JsonTextError, decode

_NAMES = (
    r"tools?(?![a-z])|toolcalls?(?![a-z])|functions?(?![a-z])|function(?:name|_)|invoke(?![a-z])|arg_(?:key|value)"
    r"|available_tools|think(?![a-z])|antml:|atem:|seed:|minimax:|steptml:|mm:|longcat_|(?:start|end)_(?:of_turn|function)"
    r"|special_\d|escape>|eos>|bos>|s>|dsml|\w{1,32}\|>"
)
_MARKUP = (
    rf"(?i:<(?=/?(?:{_NAMES})))"
    r"|<(?=/?[|｜‖]{1,2}/?[\w\"]|\s?[|｜‖]\s?(?i:dsml))"  # tokens; F# and Elm write `<| `
    r"|(?<=\])<(?=\])"
    r"|\[(?=/?(?:TOOL_?CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|INST|THINK)\])"
    r"|\[(?=(?:BEGIN|END) FINAL RESPONSE\]|e~\[)"
    r"|(?i:(?<=functools)\[|(?<=\sto)=(?=functions\.))"
    r"|>(?=>>all\s)"
)
_ENTITIES = {"<": "&lt;", ">": "&gt;"}


@cache
def _pattern(others: tuple[str, ...]) -> re.Pattern[str]:
    own = (f"{re.escape(text[0])}(?={re.escape(text[1:])})" for text in others if text)
    return re.compile("|".join((_MARKUP, *own)))


def escape_markup(text: str, *others: str) -> str:
    """Return `text` without anything that a model or a server could take for markup, or for one of `others`.

    `others` are the markers of the wrapper that the text is put into.
    """
    pattern = _pattern(others)
    if pattern.search(text) is None:
        return text
    return pattern.sub(_escape if _is_json(text) else _entity, text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _entity(match: re.Match[str]) -> str:
    char = match.group()
    return _ENTITIES.get(char, f"&#{ord(char)};")


def _is_json(text: str) -> bool:
    try:
        decode(text)
    except JsonTextError:
        return False
    return True
