"""Asking over the wire, with the official SDK, and what came."""

from __future__ import annotations

import time
from typing import Any, Final

import httpx
import openai
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAI

from toolgate_cli.doctor.checks import Check
from toolgate_cli.doctor.diagnosis import Call, Seen

GATEWAY: Final = "toolgate-gateway"
_PROBE_S: Final = 5.0


class Server:
    """A gateway, or a server that speaks OpenAI's API, at a URL with or without `/v1`."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.base = url.rstrip("/").removesuffix("/v1")
        self._key = key
        self._timeout_s = timeout_s
        self.is_gateway = False
        self.services: dict[str, str] = {}

    def find(self) -> None:
        """Find out which of the two it is; raises httpx's errors where nobody answers."""
        answer = httpx.get(f"{self.base}/health", timeout=_PROBE_S, trust_env=False)
        try:
            told = answer.json()
        except ValueError:
            told = None
        self.is_gateway = isinstance(told, dict) and told.get("service") == GATEWAY
        self.services = told["services"] if self.is_gateway else {}

    def models(self) -> list[str]:
        """Return the models that are served; raise openai's errors."""
        with self._client("") as client:
            return [model.id for model in client.models.list()]

    def ask(self, check: Check, model: str, *, path: str = "") -> Seen:
        """Ask one question; an error is an answer, too. `path` chooses one of the gateway's modes."""
        began = time.monotonic()
        with self._client(path) as client:
            try:
                answer = (self._streamed if check.stream else self._whole)(client, {"model": model, **check.fields})
            except APIStatusError as error:
                answer = _from_status(error)
            except APITimeoutError:
                answer = Seen(status=504, code="timeout")
            except APIConnectionError as error:
                answer = Seen(status=0, message=str(error.__cause__ or error))
            except (APIError, httpx.HTTPError) as error:
                answer = Seen(code=str(getattr(error, "code", None) or "cut"), message=str(error))
        seconds = round(time.monotonic() - began, 2)
        return Seen(**{name: getattr(answer, name) for name in Seen.__struct_fields__} | {"seconds": seconds})

    def _client(self, path: str) -> OpenAI:
        base = f"{self.base}{path}/v1"
        return OpenAI(base_url=base, api_key=self._key or "none", timeout=self._timeout_s, max_retries=0)

    def _whole(self, client: OpenAI, fields: dict[str, Any]) -> Seen:
        raw = client.chat.completions.with_raw_response.create(**fields)
        choice = raw.parse().choices[0]
        return _answer(choice.message, choice.finish_reason, raw.headers.get("x-toolgate-priority") or "")

    def _streamed(self, client: OpenAI, fields: dict[str, Any]) -> Seen:
        with client.chat.completions.stream(**fields) as stream:
            choice = stream.get_final_completion().choices[0]
        return _answer(choice.message, choice.finish_reason, "")


def _answer(message: Any, finish: str | None, priority: str) -> Seen:
    calls = tuple(Call(call.function.name, call.function.arguments) for call in message.tool_calls or [])
    return Seen(content=message.content or "", calls=calls, finish=finish or "", priority=priority)


def _from_status(error: openai.APIStatusError) -> Seen:
    body = error.body if isinstance(error.body, dict) else {}
    return Seen(
        status=error.status_code,
        code=str(body.get("code") or ""),
        message=str(body.get("message") or error.message),
    )
