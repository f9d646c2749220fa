"""The failure of an upstream's error: every known form of error body, and the table from status and text to kinds.

The status says most; where it does not (400, 404, 422, 500), phrases and codes that servers are known for decide
(`profiles`). Errors quote their input, so that a phrase counts only where the request itself does not contain it, and
every text is cleaned of the gateway's keys and addresses before a client sees it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace
from toolgate_core.jsontext import JsonTextError, JsonValue, decode, encode
from toolgate_core.limits import MAX_ERROR_CODE, MAX_ERROR_MESSAGE
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart

from toolgate_formats.codecs.base import upstream_failure
from toolgate_formats.codecs.openai_chat.quoting import proper_message
from toolgate_formats.profiles.base import phrases
from toolgate_formats.profiles.table import PROFILES
from toolgate_formats.redaction import Redactor

_UNSUPPORTED = phrases(profile.unsupported for profile in PROFILES)
_SCHEMA = phrases(profile.schema for profile in PROFILES)
_OVERFLOW = phrases(profile.overflow for profile in PROFILES)
_SCHEMA_CODES = frozenset(code for profile in PROFILES for code in profile.schema_codes)
_OVERFLOW_PARAMS = frozenset(param for profile in PROFILES for param in profile.overflow_params)

_CODE = re.compile(r"[\w.: /-]+")
# Quotes, escapes and white space differ between a text and its quotation; letters and digits do not.
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalnum())

# 402 and 407 are about the gateway's account and proxy, which no client can change; 529 is Anthropic's overload.
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
    """Turns the errors of one upstream into failures. `redactor` hides its key and address in their texts."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def from_status(
        self, status: int, body: bytes, headers: Mapping[str, str], sent: bytes = b"", *, now: float = 0.0
    ) -> Failure:
        """Return the failure of an HTTP response with `status` (not 200).

        `headers`: names in lower case, or a mapping without case. `sent`: the request's bytes; a phrase that occurs in
        them too is a quotation, and no statement of the server. `now`: Unix seconds, for a date in `Retry-After`.
        """
        error = normalise(body)
        failure = self._failure(*_kind(status, error, sent), status, error)
        waits = failure.kind in (FailureKind.LIMITED, FailureKind.OVERLOADED)
        return replace(
            failure,
            retry_after_s=retry_after(headers, now) if waits else None,
            # A refused request has to change before it is sent again.
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

    def from_body(self, data: bytes) -> Failure:
        """Return the failure of the JSON text of an error object that came with status 200."""
        try:
            return self.from_answer(decode(data))
        except JsonTextError:
            return upstream_failure(FailureKind.ERROR, "The upstream sent an error that cannot be read.")

    def _failure(self, kind: FailureKind, refused: RefusedPart | None, status: int, error: ErrorBody) -> Failure:
        """Return the failure with texts that a client may see, and OpenAI's code where there is one."""
        code, param = self._clean_code(error.code), self._redactor.clean(error.param or "", MAX_ERROR_CODE) or None
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
        text = self._redactor.clean(error.message, MAX_ERROR_MESSAGE)
        return text or default or f"The upstream failed with HTTP status {status}."

    def _clean_code(self, code: str | None) -> str | None:
        """Return a code that needs no cleaning; None for others, which may reveal more than a client may see."""
        clean = self._redactor.clean(code or "", MAX_ERROR_CODE)
        return code if code and clean == code and _CODE.fullmatch(code) else None


def _kind(status: int, error: ErrorBody, sent: bytes) -> tuple[FailureKind, RefusedPart | None]:
    """Return what an error means, and what of the request it refuses."""
    if status in _KINDS:
        return _KINDS[status], None
    kind = _REFUSED_KINDS.get(status, FailureKind.INVALID)
    if status == 501:
        return kind, RefusedPart.FEATURE
    # Servers refuse features and schemas under each of these; only the text says which it is.
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


def retry_after(headers: Mapping[str, str], now: float) -> int | None:
    """Return `Retry-After` in whole seconds, at least 1; None where it is missing.

    It is a number of seconds, or a date, which is compared with `now` (Unix seconds).
    """
    raw = headers.get("retry-after", "").strip()
    try:
        seconds = float(raw)
    except ValueError:
        try:
            date = parsedate_to_datetime(raw)
        except (ValueError, TypeError):
            return None
        if date.tzinfo is None:  # without a zone it could mean any
            return None
        seconds = date.timestamp() - now
    return max(1, math.ceil(seconds)) if math.isfinite(seconds) else None
