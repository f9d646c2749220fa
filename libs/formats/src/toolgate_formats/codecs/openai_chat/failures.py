"""The failure of an upstream's error: every known form of error body, and the table from status and text to kinds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode
from toolgate_core.limits import MAX_ERROR_CODE, MAX_ERROR_MESSAGE
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart

from toolgate_formats.codecs.openai_chat.quoting import proper_message

RESET = "connection_reset"
"""The code of a connection that broke while it carried the request: the request may be the cause."""
MAX_RESETS = 2
"""Number of servers that one request may break before it fails."""

_FIELDS = (
    r"(?:tools|functions|tool_choice|parallel_tool_calls|response_format|structured_outputs|guided_\w{1,20}|strict)"
)
_NOT = (
    r"(?:(?:(?:is|are|was|were) )?(?:not|n't) (?:\w{1,12} )?(?:supported|permitted|allowed|enabled|available)"
    r"|(?:is |are )?unsupported)"
)
_UNKNOWN = r"(?:unrecognized request arguments? supplied|(?:un\w{5,9}) (?:parameter|field|argument))"
_TOOL_USE = r"(?:tools?|functions?|tool[_ ](?:use|call\w{0,3}|choice)|function[_ ]call\w{0,3})"
_CONSTRAINTS = r"(?:response[_ ]format|json[_ ]schema|json mode|structured[_ ]outputs?|guided[_ ]decoding)"

UNSUPPORTED_TEXTS = (
    # vLLM, chat serving: `auto`, `required` and named choices without the parser's flags.
    r"requires? (?:the )?(?:--enable-auto-tool-choice|--tool-call-parser)",
    # vLLM before `required` was known; before tools and constraints went together.
    r"only named tools are supported|only either use (?:structured outputs|guided decoding) or tools",
    # A server that does not know a field. Pydantic (vLLM, TGI): "tools: Extra inputs are not permitted"; OpenAI:
    # "Unrecognized request argument supplied: tools", "Unknown parameter: 'tools'", "Unsupported parameter: 'tools'".
    rf"(?:^|\n|; |\.){_FIELDS}:? ?(?:extra inputs are not permitted|extra fields not permitted|unknown field)",
    rf"{_UNKNOWN}:? {_FIELDS}\b",
    rf"\b{_FIELDS} (?:of type \w{{1,20}} |parameter |field |param )?{_NOT}",
    # Ollama, Groq, OpenRouter, DeepSeek, llama.cpp: models or servers that know no tools, or no constraints.
    rf"(?:not|n't) support (?:the |this )?(?:{_TOOL_USE}|{_CONSTRAINTS})\b",
    rf"\b(?:{_TOOL_USE}|{_CONSTRAINTS}) (?:\w{{1,12}} )?{_NOT}",
    r"endpoints found that support tool use|requires --jinja",
)
"""Phrases that refuse a field or a feature, in any request."""

SCHEMA_TEXTS = (
    # vLLM: "Grammar error: Unsatisfiable schema", "Unimplemented keys: ["contains"]", "Unknown format: colour".
    r"grammar error|unsatisfiable schema|unimplemented keys?|unknown format|regex (?:parse|syntax|compile) error",
    r"error parsing (?:the )?regex|invalid grammar specification|unsupported regex|look-?(?:ahead|behind|around)\b",
    r"failed to (?:parse|compile|convert|transform|build|create)\b.{0,40}\b(?:grammar|schema|regex|fsm|automaton)",
    r"(?:parsing|compiling|compilation|conversion) .{0,20}grammar|grammar (?:compil\w*|parsing|conversion)",
    # xgrammar, guidance, outlines, lm-format-enforcer: "The provided JSON schema contains features not supported by …".
    r"features not supported by|(?<!_)schema (?:is|contains|has|uses) .{0,60}(?:not supported|unsupported|invalid)",
    r"(?:unsupported|invalid|bad|malformed) (?:json )?schema|(?<!_)schema is too (?:complex|large|deep)",
    # OpenAI: "Invalid schema for function 'f'", "Invalid schema for response_format 'decision'".
    r"not (?:a )?valid (?:json )?schema|keywords? .{0,40}(?:not supported|not permitted|unsupported)",
)
"""Phrases about the schemas of one request, or about the grammar that was made of them."""

_SCHEMA_CODES = frozenset({"invalid_function_parameters", "invalid_json_schema", "invalid_response_format"})
_UNSUPPORTED = re.compile("|".join(f"(?:{text})" for text in UNSUPPORTED_TEXTS), re.IGNORECASE)
_SCHEMA = re.compile("|".join(f"(?:{text})" for text in SCHEMA_TEXTS), re.IGNORECASE)

OVERFLOW_TEXTS = (
    # vLLM, OpenAI: "This model's maximum context length is 8192 tokens. However, …"; vLLM: "The decoder prompt (length
    # 9000) is longer than the maximum model length of 8192".
    r"maximum context length|context_length_exceeded|maximum model length",
    # SGLang, llama.cpp, TGI, Mistral.
    r"longer than the model's context length|exceeds? the (available|model'?s?) context|exceed_context_size",
    r"context window|inputs tokens \+ max_new_tokens|too large for model with \d+ maximum context",
)
_OVERFLOW = re.compile("|".join(f"(?:{text})" for text in OVERFLOW_TEXTS), re.IGNORECASE)
_OVERFLOW_PARAMS = frozenset({"input_tokens", "input_text"})  # vLLM's `param` of a prompt that is too long

_SECRETS = re.compile(r"\b(?:sk|key|gsk|hf|xai)[-_][\w*-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_ADDRESSES = re.compile(
    r"\b(?:https?|wss?|tcp|grpc)://[^\s\"'<>]+"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-f:]{3,45}\](?::\d+)?"
    # Names that only mean something inside a network, and hosts with a port.
    r"|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:svc|local|internal|lan|localdomain)(?:\.[\w-]{1,63}){0,4}(?::\d+)?\b"
    r"|\b(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}):\d{2,5}\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"[\w.: /-]+")
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalnum())

_KINDS = MappingProxyType(
    {
        401: FailureKind.CREDENTIAL,
        402: FailureKind.CREDENTIAL,
        403: FailureKind.CREDENTIAL,
        407: FailureKind.CREDENTIAL,
        408: FailureKind.TIMEOUT,
        429: FailureKind.LIMITED,
        503: FailureKind.OVERLOADED,
        504: FailureKind.TIMEOUT,
        529: FailureKind.OVERLOADED,
    }
)
_REFUSED_KINDS = MappingProxyType(
    {
        404: FailureKind.NOT_FOUND,
        405: FailureKind.WRONG_METHOD,
        409: FailureKind.CONFLICT,
        410: FailureKind.GONE,
        413: FailureKind.TOO_LARGE,
        422: FailureKind.UNPROCESSABLE,
        451: FailureKind.GONE,
    }
)
"""What a refusal is by its status; `INVALID` for all others."""
_OWN_TEXTS = MappingProxyType(
    # The upstream's own text is about the gateway's account, which clients must not see.
    {FailureKind.CREDENTIAL: "The upstream refused the gateway's credentials."}
)
_SHOULD_RETRY = {"true": True, "false": False}
_MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000
_DEFAULT_TEXTS = MappingProxyType(
    {
        FailureKind.LIMITED: "The upstream's rate limit is reached.",
        FailureKind.OVERLOADED: "The upstream is overloaded.",
        FailureKind.TIMEOUT: "The upstream did not answer in time.",
    }
)
_REFUSED_TEXT = "The upstream refused the request."
_ORIGINS = MappingProxyType(
    {
        FailureKind.UNREACHABLE: "connect_error",
        FailureKind.TIMEOUT: "read_timeout",
        FailureKind.CUT: "reset",
    }
)
"""How metrics call a failure that came without a status; any other by its kind."""


class ErrorBody(Struct, frozen=True):
    """An upstream's error, normalised; empty where the body has none."""

    message: str = ""
    code: str | None = None
    param: str | None = None


def normalise(body: bytes) -> ErrorBody:
    """Return the error of a body in any known form; empty for HTML and for anything else that is not JSON."""
    try:
        return normalise_value(decode(body))
    except JsonTextError:
        return ErrorBody()


def normalise_value(value: JsonValue) -> ErrorBody:
    """Return the error of a decoded body.

    Forms: OpenAI's `{"error":{…}}`; `{"error":"text"}`; FastAPI's `{"detail":"text"|[{"loc","msg"}]}`; the flat
    `{"object":"error","message",…}` of Mistral and old vLLM; Gemini's list of one; `{"errors":[…]}`.
    """
    if isinstance(value, list):
        return normalise_value(value[0]) if value else ErrorBody()
    if isinstance(value, str):
        return ErrorBody(value)
    if not isinstance(value, dict):
        return ErrorBody()
    for key in ("error", "errors"):
        if value.get(key):
            return normalise_value(value[key])
    if value.get("detail"):
        return _from_detail(value["detail"])
    message = value.get("message")
    if isinstance(message, dict | list):  # Mistral wraps FastAPI's form: {"message": {"detail": […]}}
        return normalise_value(message)
    code = value.get("code")
    param = value.get("param")
    return ErrorBody(
        message if isinstance(message, str) else "",
        None if code is None or isinstance(code, dict | list | bool) else str(code),
        param if isinstance(param, str) else None,
    )


def _from_detail(detail: JsonValue) -> ErrorBody:
    if not isinstance(detail, list):
        return normalise_value(detail)
    texts: list[str] = []
    param: str | None = None
    for item in detail:
        if isinstance(item, dict):
            location = item.get("loc")
            where = ".".join(str(step) for step in location if step != "body") if isinstance(location, list) else ""
            param = param or where or None
            texts.append(f"{where}: {item.get('msg')}" if where else str(item.get("msg")))
    return ErrorBody("; ".join(texts), None, param)


class FailureTable:
    """Turns the errors of one upstream into failures. `secrets`: texts (key, host) that no message may contain."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        forms = [form for secret in secrets if secret for form in (secret, quote(secret, safe=""))]
        self._secrets = re.compile("|".join(map(re.escape, forms)) or r"(?!)", re.IGNORECASE)

    def from_status(self, status: int, body: bytes, headers: Mapping[str, str], sent: bytes = b"") -> Failure:
        """Return the failure of an HTTP response with `status` (not 200).

        `sent`: the request's bytes. A phrase that occurs in them too is a quotation, and no statement of the server.
        """
        error = normalise(body)
        failure = self._failure(*_kind(status, error, sent), status, error)
        waits = failure.kind in (FailureKind.LIMITED, FailureKind.OVERLOADED)
        return replace(
            failure,
            retry_after_s=retry_after(headers) if waits else None,
            retry_after_ms=None if failure.refused else _retry_after_ms(headers),
            should_retry=_SHOULD_RETRY.get(headers.get("x-should-retry", "").strip().lower()),
        )

    def from_answer(self, error: JsonValue) -> Failure:
        """Return the failure of an error object that came with status 200, whole or inside a stream.

        Its `code` counts as a status where it is one (OpenRouter, vLLM). It concerns one generation, so it proves
        nothing about the upstream's capabilities.
        """
        body = normalise_value(error)
        status = int(body.code) if body.code and body.code.isdecimal() and len(body.code) == 3 else 500
        kind, refused = _kind(status if status >= 400 else 500, body, b"")
        if refused in (RefusedPart.FEATURE, RefusedPart.SCHEMA):
            refused = RefusedPart.SCHEMA if status < 500 else None
            kind = kind if refused else FailureKind.ERROR
        return self._failure(kind, refused, status, body)

    def plain(self, kind: FailureKind, message: str, *, code: str | None = None) -> Failure:
        """Return a failure with a message of the gateway."""
        return Failure(kind=kind, message=message, code=code, origin=_ORIGINS.get(kind, kind.value))

    def _failure(self, kind: FailureKind, refused: RefusedPart | None, status: int, error: ErrorBody) -> Failure:
        """Return the failure with texts that a client may see, and OpenAI's code where there is one."""
        code, param = self._clean_code(error.code), self._clean(error.param or "", MAX_ERROR_CODE) or None
        if refused is RefusedPart.REQUEST and _is_overflow(error):
            code, param = "context_length_exceeded", "messages"
        elif refused is RefusedPart.REQUEST and kind is FailureKind.NOT_FOUND:
            code, param = "model_not_found", "model"
        elif kind is FailureKind.CREDENTIAL:
            code, param = None, None
        message = self._message(kind, refused, status, error)
        return Failure(kind=kind, message=message, refused=refused, origin=str(status), code=code, param=param)

    def _message(self, kind: FailureKind, refused: RefusedPart | None, status: int, error: ErrorBody) -> str:
        if kind in _OWN_TEXTS:
            return _OWN_TEXTS[kind]
        default = _REFUSED_TEXT if refused is RefusedPart.REQUEST else _DEFAULT_TEXTS.get(kind)
        text = self._clean(error.message, MAX_ERROR_MESSAGE)
        return text or default or f"The upstream failed with HTTP status {status}."

    def _clean_code(self, code: str | None) -> str | None:
        """Return a code that needs no cleaning; None for others, which may reveal more than a client may see."""
        clean = self._clean(code or "", MAX_ERROR_CODE)
        return code if code and clean == code and _CODE.fullmatch(code) else None

    def _clean(self, text: str, limit: int) -> str:
        text = text[: limit * 4]
        text = self._secrets.sub("[hidden]", text)
        text = _SECRETS.sub("[hidden]", _ADDRESSES.sub("[hidden]", text)).strip()
        return text if len(text) <= limit else text[:limit] + "…"


def _kind(status: int, error: ErrorBody, sent: bytes) -> tuple[FailureKind, RefusedPart | None]:
    """Return what an error means, and what of the request it refuses."""
    if status in _KINDS:
        return _KINDS[status], None
    kind = _REFUSED_KINDS.get(status, FailureKind.INVALID)
    if status == 501:
        return kind, RefusedPart.FEATURE
    if status in (400, 404, 422, 500):
        if status < 500 and _is_overflow(error):
            return kind, RefusedPart.REQUEST
        text = proper_message(error.message)
        if _mentions(_SCHEMA, text, sent) or error.code in _SCHEMA_CODES:
            return kind, RefusedPart.SCHEMA
        if _mentions(_UNSUPPORTED, text, sent):
            return kind, RefusedPart.FEATURE
    if status == 404 and "model" not in error.message.lower() and error.code != "model_not_found":
        return FailureKind.NO_ENDPOINT, None  # the address is wrong, which is not the client's fault
    return (kind, RefusedPart.REQUEST) if 400 <= status < 500 else (FailureKind.ERROR, None)


def _mentions(phrases: re.Pattern[str], text: str, sent: bytes) -> bool:
    """Whether a text has one of the phrases, other than as a quotation of the request."""
    found = {_letters(match[0].encode()) for match in phrases.finditer(text)}
    if not found:
        return False
    quoted = _letters(_unescaped(sent))
    return any(phrase not in quoted for phrase in found)


def _unescaped(sent: bytes) -> bytes:
    r"""Return a JSON body without `\\u` escapes; any other text unchanged."""
    if b"\\u" not in sent:
        return sent
    try:
        return encode(decode(sent))
    except JsonTextError:
        return sent


def _letters(text: bytes) -> bytes:
    """Return the letters and digits in lower case: a text and its quotation become equal."""
    return text.lower().translate(None, _NO_LETTERS)


def _is_overflow(error: ErrorBody) -> bool:
    if error.param in _OVERFLOW_PARAMS or error.code == "context_length_exceeded":
        return True
    return bool(_OVERFLOW.search(f"{proper_message(error.message)}\n{error.code or ''}"))


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Return `Retry-After-Ms`, which the official clients prefer; None where it is missing or not a number."""
    try:
        milliseconds = float(headers.get("retry-after-ms", ""))
    except ValueError:
        return None
    return math.ceil(milliseconds) if 0 <= milliseconds <= _MAX_RETRY_AFTER_MS else None


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return `Retry-After` in whole seconds, at least 1, from either of its forms; None where it is missing."""
    raw = headers.get("retry-after", "").strip()
    try:
        seconds = float(raw)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(raw) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(1, math.ceil(seconds)) if math.isfinite(seconds) else None
