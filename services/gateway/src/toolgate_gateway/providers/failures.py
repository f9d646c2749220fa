"""What an upstream's error means: every known form of error body, and the table from status and text to kinds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct
from msgspec.structs import replace
from toolgate_core.jsontext import JsonTextError, JsonValue, decode
from toolgate_core.ladder.effects import FailureKind, UpstreamFailure

MAX_MESSAGE_CHARS = 2000

UNSUPPORTED_TEXTS = (
    # vLLM, chat serving: `auto`, `required` and named choices without the parser's flags.
    r"--enable-auto-tool-choice|--tool-call-parser",
    # vLLM, protocol: `allowed_tools`, `custom`, "Currently only named tools are supported".
    r"tool_choice|tool choice|only named tools",
    # vLLM, xgrammar backend: "The provided JSON schema contains features not supported by xgrammar", "Failed to
    # transform json schema into a grammar", "Failed to convert the grammar from Lark", "Invalid grammar specification".
    r"xgrammar|guidance|outlines|lm-format-enforcer",
    r"(transform|convert|compil\w*|invalid|parse)\b.{0,40}\bgrammar|grammar (error|compil|specification)",
    r"json schema|json_schema|schema is not supported|unsupported schema",
    # vLLM, sampling parameters: `structured_outputs` and its older names; OpenAI: `response_format`.
    r"structured[_ ]output|guided[_ ](json|decoding|grammar|regex|choice)|response[_ ]format",
    # vLLM before tools were known, pydantic: "('body', 'tools'), 'msg': 'Extra inputs are not permitted'".
    r"(tools|functions|tool_calls|parallel_tool_calls)\W.{0,60}(extra inputs are not permitted|extra_forbidden)",
    r"extra_forbidden.{0,60}(tools|functions|tool_calls)",
    # Ollama, Groq, OpenRouter, DeepSeek, llama.cpp: models or servers that know no tools.
    r"not support \W?(tool|function|parallel_tool|strict)|tool(s| calls?| calling| use)? (is|are) not supported",
    r"(tool|function)[_ -]?call(s|ing)?\b.{0,40}(not supported|unsupported|not available|not enabled)",
    r"support tool use|tool_use_failed|requires --jinja|tools param requires",
)
_UNSUPPORTED = re.compile("|".join(f"(?:{text})" for text in UNSUPPORTED_TEXTS), re.IGNORECASE | re.DOTALL)

OVERFLOW_TEXTS = (
    # vLLM, OpenAI: "This model's maximum context length is 8192 tokens. However, …"; vLLM: "The decoder prompt (length
    # 9000) is longer than the maximum model length of 8192".
    r"maximum context length|context_length_exceeded|maximum model length",
    # SGLang, llama.cpp, TGI, Mistral.
    r"longer than the model's context length|exceeds? the (available|model'?s?) context|exceed_context_size",
    r"context window|`inputs` tokens \+ `max_new_tokens`|too large for model with \d+ maximum context",
)
_OVERFLOW = re.compile("|".join(f"(?:{text})" for text in OVERFLOW_TEXTS), re.IGNORECASE)
_OVERFLOW_PARAMS = frozenset({"input_tokens", "input_text"})  # vLLM's `param` of a prompt that is too long

_SECRETS = re.compile(r"\b(?:sk|key|gsk|hf|xai)[-_][\w*-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_ADDRESSES = re.compile(r"\b(?:https?|wss?|tcp)://[^\s\"'<>]+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", re.IGNORECASE)

_KINDS: dict[int, FailureKind] = {
    401: "credential",
    402: "credential",
    403: "credential",
    407: "credential",
    408: "timeout",
    429: "limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_OWN_TEXTS: dict[FailureKind, str] = {
    # What these upstreams say is about the gateway's account, which is not the client's business.
    "credential": "The upstream refused the gateway's credentials.",
}
_SHOULD_RETRY = {"true": True, "false": False}
_LONGEST_WAIT_MS = 24 * 60 * 60 * 1000
_DEFAULT_TEXTS: dict[FailureKind, str] = {
    "limited": "The upstream's rate limit is reached.",
    "overloaded": "The upstream is overloaded.",
    "timeout": "The upstream did not answer in time.",
    "refused": "The upstream refused the request.",
}


class ErrorBody(Struct, frozen=True):
    """An upstream's error, normalised: empty where it does not tell."""

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
    """Makes failures of one upstream's errors. `secrets`: texts (key, host) that no message may show."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)

    def from_status(self, status: int, body: bytes, headers: Mapping[str, str]) -> UpstreamFailure:
        """Return the failure that an answer with `status` (not 200) means."""
        error = normalise(body)
        kind = _kind(status, error)
        failure = UpstreamFailure(
            kind=kind,
            message=self._message(kind, status, error),
            status=status,
            code=error.code,
            param=error.param,
            retry_after_s=retry_after(headers) if kind in ("limited", "overloaded") else None,
            retry_after_ms=_retry_after_ms(headers),
            should_retry=_SHOULD_RETRY.get(headers.get("x-should-retry", "").strip().lower()),
        )
        return _named(failure, error)

    def from_answer(self, error: JsonValue) -> UpstreamFailure:
        """Return the failure that an error object means that came with status 200, whole or inside a stream.

        Its `code` counts as a status where it is one (OpenRouter, vLLM).
        """
        body = normalise_value(error)
        status = int(body.code) if body.code and body.code.isdecimal() and len(body.code) == 3 else 500
        kind = _kind(status if status >= 400 else 500, body)
        failure = UpstreamFailure(
            kind=kind, message=self._message(kind, status, body), status=status, code=body.code, param=body.param
        )
        return _named(failure, body)

    def plain(self, kind: FailureKind, message: str, *, status: int | None = None) -> UpstreamFailure:
        """Return a failure whose message is the gateway's own."""
        return UpstreamFailure(kind=kind, message=message, status=status)

    def _message(self, kind: FailureKind, status: int, error: ErrorBody) -> str:
        if kind in _OWN_TEXTS:
            return _OWN_TEXTS[kind]
        text = self._clean(error.message)
        return text or _DEFAULT_TEXTS.get(kind) or f"The upstream failed with HTTP status {status}."

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        text = _SECRETS.sub("[hidden]", _ADDRESSES.sub("[hidden]", text)).strip()
        return text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + "…"


def _named(failure: UpstreamFailure, error: ErrorBody) -> UpstreamFailure:
    """Give the failures that OpenAI has a code for that code."""
    code, param = failure.code, failure.param
    if failure.kind == "refused" and _is_overflow(error):
        code, param = "context_length_exceeded", "messages"
    elif failure.kind == "refused" and failure.status == 404:
        code, param = "model_not_found", "model"
    elif failure.kind == "credential":
        code, param = None, None
    return replace(failure, code=code, param=param)


def _kind(status: int, error: ErrorBody) -> FailureKind:
    if status in _KINDS:
        return _KINDS[status]
    if status in (400, 422, 500, 501):
        if status < 500 and _is_overflow(error):
            return "refused"
        if _UNSUPPORTED.search(f"{error.message}\n{error.param or ''}\n{error.code or ''}") or status == 501:
            return "unsupported"
    if status == 404 and "model" not in error.message.lower() and error.code != "model_not_found":
        return "error"  # the address is wrong, which is not the client's fault
    return "refused" if 400 <= status < 500 else "error"


def _is_overflow(error: ErrorBody) -> bool:
    return error.param in _OVERFLOW_PARAMS or bool(_OVERFLOW.search(f"{error.message}\n{error.code or ''}"))


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Return `Retry-After-Ms`, which the official clients prefer; None where it is not told."""
    try:
        milliseconds = float(headers.get("retry-after-ms", ""))
    except ValueError:
        return None
    return math.ceil(milliseconds) if 0 <= milliseconds <= _LONGEST_WAIT_MS else None


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return `Retry-After` in whole seconds, at least 1, from either of its forms; None where it is not told."""
    raw = headers.get("retry-after", "").strip()
    try:
        seconds = float(raw)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(raw) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(1, math.ceil(seconds)) if math.isfinite(seconds) else None
