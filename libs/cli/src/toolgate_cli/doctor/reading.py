"""Turn the bytes of an HTTP answer into an observation. Pure; nothing raises, whatever a server sends.

Servers that doctors are called to are broken: every field is taken for what it is, and never for what it should be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, structs

from toolgate_cli.doctor.seen import Call, Odd, Seen

_SHOWN: Final = 200
"""Characters of a server's text that are shown."""
_DONE: Final = "[DONE]"
_HTML: Final = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<body)", re.IGNORECASE)
_NUL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_REASONING: Final = ("reasoning", "reasoning_content")
_MAX_CALLS: Final = 64


class Raw(Struct, frozen=True, kw_only=True):
    """An answer as it came over the wire. `cut`: the connection ended before the body did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    @property
    def media_type(self) -> str:
        """Return the content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def shown(text: object) -> str:
    """Return a server's text as one short line without control characters."""
    line = " ".join(_NUL.sub(" ", str(text)).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def read_answer(raw: Raw, *, stream: bool) -> Seen:
    """Return the observation of a chat answer; `stream`: a stream was requested."""
    seen = _read(raw, stream=stream)
    return structs.replace(seen, priority=shown(raw.headers.get("x-toolgate-priority", "")))


def _read(raw: Raw, *, stream: bool) -> Seen:
    if 300 <= raw.status < 400:
        return Seen(status=raw.status, odd="redirect", detail=shown(raw.headers.get("location", "")))
    if raw.status >= 400:
        return read_error(raw)
    if _HTML.match(raw.body) or raw.media_type == "text/html":
        return Seen(status=raw.status, odd="html", detail=shown(_title(raw.body)))
    events = raw.media_type == "text/event-stream" or raw.body.lstrip().startswith((b"data:", b"event:", b": "))
    if events:
        return _with_oddity(_read_events(raw), _media_oddity(raw, "text/event-stream") if stream else "streamed", raw)
    seen = read_whole(raw)
    return _with_oddity(seen, "not_streamed" if stream else _media_oddity(raw, "application/json"), raw)


def _media_oddity(raw: Raw, wanted: str) -> Odd:
    return "" if raw.media_type == wanted or raw.media_type.endswith("+json") else "media_type"


def _with_oddity(seen: Seen, odd: Odd, raw: Raw) -> Seen:
    """Return `seen` with a minor fault, unless it has a worse one."""
    if not odd or seen.odd or seen.code or seen.message:
        return seen
    return structs.replace(seen, odd=odd, detail=shown(raw.media_type or "none"))


def read_error(raw: Raw) -> Seen:
    """Return the observation of an answer with an error status, in any known form."""
    value = _json(raw.body)
    code, message = _error_of(value)
    if not message and _HTML.match(raw.body):
        message = f"a web page: {_title(raw.body)}"
    return Seen(status=raw.status, code=code, message=message or shown(raw.body[:1000].decode("utf-8", "replace")))


def _error_of(value: Any) -> tuple[str, str]:
    """Return code and message of an error object as servers write them; empty where it is none."""
    if not isinstance(value, dict):
        return "", ""
    error = value.get("error")
    if isinstance(error, str):
        return "", shown(error)
    if isinstance(error, dict) and error:
        code = error.get("code") or error.get("type") or ""
        return shown(code), shown(error.get("message") or error.get("detail") or json.dumps(error))
    return _error_without_object(value)


def _error_without_object(value: dict[str, Any]) -> tuple[str, str]:
    """Return code and message as old versions of vLLM, FastAPI and others write them."""
    if value.get("object") == "error" or "detail" in value or ("message" in value and "choices" not in value):
        found = value.get("message") or value.get("detail")
        return shown(value.get("code") or ""), shown(found if isinstance(found, str) else json.dumps(found))
    return "", ""


def read_whole(raw: Raw) -> Seen:
    """Return the observation of a whole JSON answer."""
    if not raw.body.strip():
        return Seen(status=raw.status, odd="cut" if raw.cut else "empty")
    value = _json(raw.body)
    if value is _NO_JSON:
        text = raw.body.decode("utf-8", "replace")
        begun = text.lstrip()[:1] in ("{", "[") and text.rstrip()[-1:] not in ("}", "]")
        return Seen(
            status=raw.status, odd="cut_json" if begun else "cut" if raw.cut else "not_json", detail=shown(text)
        )
    code, message = _error_of(value)
    if code or message:
        return Seen(status=raw.status, odd="error_event", code=code, message=message)
    choice = _first_choice(value)
    if choice is None:
        return Seen(status=raw.status, odd="no_choices", detail=shown(json.dumps(value, ensure_ascii=False)))
    message_of = choice.get("message")
    if not isinstance(message_of, dict):
        return Seen(status=raw.status, odd="no_message", detail=shown(json.dumps(choice, ensure_ascii=False)))
    return Seen(
        status=raw.status,
        content=_text(message_of.get("content")),
        reasoning=_reasoning(message_of),
        calls=tuple(_calls(message_of)),
        finish=_word(choice.get("finish_reason")),
    )


_NO_JSON: Final = object()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NO_JSON


def _first_choice(value: Any) -> dict[str, Any] | None:
    choices = value.get("choices") if isinstance(value, dict) else None
    found = choices[0] if isinstance(choices, list) and choices else None
    return found if isinstance(found, dict) else None


def _text(value: Any) -> str:
    """Return a message's text; some servers send a list of parts."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _word(value: Any) -> str:
    return shown(value) if isinstance(value, str) else ""


def _reasoning(message: Mapping[str, Any]) -> str:
    return next((text for key in _REASONING if (text := _text(message.get(key)))), "")


def _calls(message: Mapping[str, Any]) -> Iterator[Call]:
    found = message.get("tool_calls")
    if found is not None and not isinstance(found, list):
        yield Call("", "", "`tool_calls` is not a list")
        return
    for item in (found or [])[:_MAX_CALLS]:
        function = item.get("function") if isinstance(item, dict) else None
        yield _call(function, missing_id=isinstance(item, dict) and not item.get("id"))
    if not found and isinstance(message.get("function_call"), dict):
        yield _call(message["function_call"], problem="it comes as `function_call`, which newer clients do not read")


def _call(function: Any, *, missing_id: bool = False, problem: str = "") -> Call:
    if not isinstance(function, dict):
        return Call("", "", "a call has no `function`")
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or not name:
        return Call("", "", "a call has no name")
    if isinstance(arguments, dict | list):
        return Call(name, json.dumps(arguments), "its arguments are an object instead of JSON text")
    return Call(name, _text(arguments), problem or ("it has no id" if missing_id else ""))


class _Gathered:
    """The parts of a stream's first choice."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.calls: dict[object, dict[str, str]] = {}
        self.finish = ""
        self.choices = 0

    def add(self, choice: Mapping[str, Any]) -> None:
        """Add the choice of one chunk."""
        self.choices += 1
        self.finish = _word(choice.get("finish_reason")) or self.finish
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return
        self.content.append(_text(delta.get("content")))
        self.reasoning.append(_reasoning(delta))
        calls = delta.get("tool_calls")
        for item in calls if isinstance(calls, list) else ():
            if isinstance(item, dict):
                self._add_call(item)

    def _add_call(self, item: Mapping[str, Any]) -> None:
        index = item.get("index")
        key = index if isinstance(index, int) else len(self.calls) if item.get("id") else max(len(self.calls) - 1, 0)
        if key not in self.calls and len(self.calls) >= _MAX_CALLS:
            return
        call = self.calls.setdefault(key, {"id": "", "name": "", "arguments": ""})
        call["id"] = call["id"] or _word(item.get("id"))
        function = item.get("function")
        if isinstance(function, dict):
            call["name"] = call["name"] or _word(function.get("name"))
            call["arguments"] += _text(function.get("arguments"))

    def seen(self, raw: Raw, odd: Odd, detail: str = "") -> Seen:
        """Return the observation of the whole stream."""
        return Seen(
            status=raw.status,
            odd=odd,
            detail=detail,
            content="".join(self.content),
            reasoning="".join(self.reasoning),
            calls=tuple(_call(call, missing_id=not call["id"]) for call in self.calls.values()),
            finish=self.finish,
        )


def _read_events(raw: Raw) -> Seen:
    gathered = _Gathered()
    done = False
    for data in _events(raw.body.decode("utf-8", "replace"), whole=not raw.cut):
        if data == _DONE:
            done = True
            break
        value = _json(data.encode())
        if value is _NO_JSON:
            return gathered.seen(raw, "bad_event", shown(data))
        code, message = _error_of(value)
        if code or message:
            return structs.replace(gathered.seen(raw, "error_event"), code=code, message=message)
        choice = _first_choice(value)
        if choice is not None and choice.get("index") in (0, None):
            gathered.add(choice)
    if raw.cut and not done:
        return gathered.seen(raw, "cut")
    if not gathered.choices:
        return gathered.seen(raw, "no_choices", shown(raw.body[:400].decode("utf-8", "replace")))
    if not gathered.finish:
        return gathered.seen(raw, "no_finish")
    return gathered.seen(raw, "" if done else "no_done")


def _events(text: str, *, whole: bool) -> Iterator[str]:
    """Yield the data of each event; `whole`: the last one counts although no empty line ends it."""
    data: list[str] = []
    for line in (*re.split(r"\r\n|\r|\n", text), *([""] if whole else [])):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def read_models(raw: Raw) -> tuple[Seen, list[tuple[str, str]]]:
    """Return the observation of the model list, and each model's name and owner."""
    if raw.status >= 300:
        return _read(raw, stream=False), []
    if _HTML.match(raw.body) or raw.media_type == "text/html":
        return Seen(status=raw.status, odd="html", detail=shown(_title(raw.body))), []
    value = _json(raw.body)
    if value is _NO_JSON:
        return read_whole(raw), []
    code, message = _error_of(value)
    if code or message:
        return Seen(status=raw.status, odd="error_event", code=code, message=message), []
    cards = value.get("data") if isinstance(value, dict) else None
    if not isinstance(cards, list):
        return Seen(status=raw.status, odd="no_choices", detail=shown(json.dumps(value, ensure_ascii=False))), []
    return Seen(status=raw.status), list(dict(_named(cards)).items())


def _named(cards: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for card in cards:
        if isinstance(card, dict) and isinstance(card.get("id"), str) and card["id"]:
            yield card["id"], str(card.get("owned_by") or "")


def _title(body: bytes) -> str:
    found = re.search(rb"<title[^>]*>([^<]{1,500})", body[:10_000], re.IGNORECASE)
    return (found.group(1) if found else body[:200]).decode("utf-8", "replace")
