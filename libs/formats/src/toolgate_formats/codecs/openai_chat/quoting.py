"""The message proper of an upstream's error: what the server says, without what it quotes of the request.

Servers quote freely. vLLM answers a request that pydantic refuses with the Python text of a list of errors, each with
the whole request as its `input`; others put a message's content between quotes. A text that is searched for what a
server can do must not hold any of that, since the client wrote it.
"""

from __future__ import annotations

import re

MAX_SEARCHED = 4_000
"""Characters of a message that are looked at."""

_PYDANTIC_LIST = re.compile(r"\s*\[\s*\{\s*['\"](?:type|loc|msg)['\"]\s*:")
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<open>[\[{(])|(?P<close>[\]})])|(?P<other>\S)""",
    re.DOTALL,
)
_INPUT = re.compile(r"\binput(?:_value)?\s*=.*?(?=,\s*input_type=[\w.]{1,60}\]?\s*$|$)", re.MULTILINE)
_PREFIX = re.compile(r"^(?:Value|Assertion) error,\s*", re.IGNORECASE)
_FIELD = re.compile(r"[\w.\-\[\]]{1,40}|(?:tool|function|json|structured) \w{1,12}")
_QUOTED = re.compile(r"""(?<![\w])(?P<quote>['"`]|[“‘«])(?P<said>.*?)(?:(?P=quote)|[”’»])(?!\w)""", re.DOTALL)
_OPENS = re.compile(r"""(?<![\w])['"`“‘«](?=\S).*\Z""", re.DOTALL)
_BRACES = re.compile(r"[{\[].*\Z", re.DOTALL)


def proper_message(message: str) -> str:
    """Return what of `message` (its first `MAX_SEARCHED` characters) is the server's own; fields' names may stand."""
    if _PYDANTIC_LIST.match(message):
        return _of_errors(message[: MAX_SEARCHED * 8])
    text = _INPUT.sub("", message[:MAX_SEARCHED])
    text = _QUOTED.sub(_named_field, text)
    text = _OPENS.sub("", text)
    return _without_objects(text)


def _named_field(match: re.Match[str]) -> str:
    """Keep one word between quotes: a field's name, or a value of a closed set."""
    said = match["said"].strip()
    return said if _FIELD.fullmatch(said) else ""


def _without_objects(text: str) -> str:
    """Cut a quoted JSON or Python object, which mostly stands at the end; short lists of words may stay."""
    match = _BRACES.search(text)
    if match is None or ":" not in match[0]:
        return text
    return text[: match.start()]


def _of_errors(message: str) -> str:
    """Return `where: what` for each of pydantic's errors in a Python list of them; nothing of their inputs."""
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
        elif match["text"]:
            said = match["text"][1:-1]
            if depth == 2 and expects_key:
                key = said
            elif depth == 2 and key == "msg":
                out.append(_joined(where, said))
            elif depth == 3 and key == "loc" and said != "body":
                where.append(said)
        if depth == 2 and not match["open"] and not match["close"]:
            expects_key = match[0] == ","
    return "\n".join(out)


def _joined(where: list[str], said: str) -> str:
    text = proper_message(_PREFIX.sub("", said.replace("\\'", "'").replace('\\"', '"')))
    field = ".".join(where)
    return f"{field}: {text}" if _FIELD.fullmatch(field) else text
