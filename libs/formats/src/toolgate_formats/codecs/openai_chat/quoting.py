"""Removes quotations of the request from an upstream's error message.

Servers quote freely. vLLM answers a request that pydantic refuses with the Python text of a list of errors, each with
the whole request as its `input`; others put a message's content between quotes. The client wrote the quoted text, so it
must be gone before the message is searched for what a server supports.
"""

from __future__ import annotations

import re

MAX_SEARCHED = 4_000
"""Characters of a message that are searched."""

_PYDANTIC_LIST = re.compile(r"\s*\[\s*\{\s*['\"](?:type|loc|msg)['\"]\s*:")
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<open>[\[{(])|(?P<close>[\]})])|(?P<other>\S)""",
    re.DOTALL,
)
_INPUT = re.compile(r"\binput(?:_value)?\s*=.*?(?=,\s*input_type=[\w.]{1,60}\]?\s*$|$)", re.MULTILINE)
_PREFIX = re.compile(r"^(?:Value|Assertion) error,\s*", re.IGNORECASE)
_FIELD = re.compile(r"[\w.\-\[\]]{1,40}|(?:tool|function|json|structured) \w{1,12}")
_QUOTED = re.compile(r"""(?<![\w])(?P<quote>['"`]|[“‘«])(?P<quoted>.*?)(?:(?P=quote)|[”’»])(?!\w)""", re.DOTALL)
_OPENS = re.compile(r"""(?<![\w])['"`“‘«](?=\S).*\Z""", re.DOTALL)
_BRACES = re.compile(r"[{\[].*\Z", re.DOTALL)


def proper_message(message: str) -> str:
    """Return the server's own words in `message` (its first `MAX_SEARCHED` characters); field names stay."""
    if _PYDANTIC_LIST.match(message):
        return _of_errors(message[: MAX_SEARCHED * 8])
    text = _INPUT.sub("", message[:MAX_SEARCHED])
    text = _QUOTED.sub(_named_field, text)
    text = _OPENS.sub("", text)
    return _without_objects(text)


def _named_field(match: re.Match[str]) -> str:
    """Keep a single quoted word: a field name, or a value of a closed set."""
    quoted = match["quoted"].strip()
    return quoted if _FIELD.fullmatch(quoted) else ""


def _without_objects(text: str) -> str:
    """Cut a quoted JSON or Python object, which is mostly at the end; short lists of words stay."""
    match = _BRACES.search(text)
    if match is None or ":" not in match[0]:
        return text
    return text[: match.start()]


def _of_errors(message: str) -> str:
    """Return `field: message` for each error in pydantic's Python list; their inputs are dropped."""
    out: list[str] = []
    depth, key, expects_key = 0, "", True
    where: list[str] = []
    for match in _TOKEN.finditer(message):
        if match["open"]:
            depth += 1
            if depth == 2:
                where, key, expects_key = [], "", True
        elif match["close"]:
            depth -= 1
        else:
            quoted = (match["text"] or "")[1:-1]
            if depth == 3 and key == "loc" and match["text"] and quoted != "body":
                where.append(quoted)
            elif depth == 2 and match["text"]:
                if expects_key:
                    key = quoted
                elif key == "msg":
                    out.append(_joined(where, quoted))
            if depth == 2:
                expects_key = match[0] == ","
    return "\n".join(out)


def _joined(where: list[str], quoted: str) -> str:
    text = proper_message(_PREFIX.sub("", quoted.replace("\\'", "'").replace('\\"', '"')))
    field = ".".join(where)
    return f"{field}: {text}" if _FIELD.fullmatch(field) else text
