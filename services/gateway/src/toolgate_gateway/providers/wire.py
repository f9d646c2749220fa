"""OpenAI's chat wire format as upstreams really speak it: typed where it is read, lenient where servers differ."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import cast

import msgspec
from msgspec import Struct, field
from toolgate_core.jsontext import JsonObject, JsonValue, encode
from toolgate_core.messages import Usage
from toolgate_core.vocabulary import FinishReason

Content = str | list[object] | None
"""Text, or a list of content parts, which some servers send in answers too."""


class FunctionBody(Struct):
    """`function` of a call; `arguments` is an object where a server forgot to write it as text."""

    name: str | None = None
    arguments: str | dict[str, object] | None = None


class CallBody(Struct):
    """A call, or a delta of one."""

    index: int | None = None
    id: str | None = None
    function: FunctionBody | None = None


class MessageBody(Struct):
    """`delta` of a chunk and `message` of a whole answer."""

    content: Content = None
    reasoning: Content = None
    reasoning_content: Content = None
    tool_calls: list[CallBody] | None = None
    function_call: FunctionBody | None = None
    refusal: str | None = None


class LogprobsBody(Struct):
    """`logprobs` of a choice."""

    content: list[dict[str, object]] | None = None


class ChoiceBody(Struct):
    """A choice of a chunk (`delta`) or of a whole answer (`message`)."""

    index: int | None = None
    delta: MessageBody | None = None
    message: MessageBody | None = None
    finish_reason: str | None = None
    logprobs: LogprobsBody | None = None


class PromptDetails(Struct):
    """`prompt_tokens_details`."""

    cached_tokens: int | None = None


class CompletionDetails(Struct):
    """`completion_tokens_details`."""

    reasoning_tokens: int | None = None


class UsageBody(Struct):
    """`usage`."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def usage(self) -> Usage:
        """The tokens, zero where the upstream does not tell."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            self.prompt_tokens or 0,
            self.completion_tokens or 0,
            (prompt.cached_tokens or 0) if prompt else 0,
            (completion.reasoning_tokens or 0) if completion else 0,
        )


class AnswerBody(Struct):
    """A chunk or a whole answer; `error`, `detail`, `message` and `kind` (`object`) tell an error with status 200."""

    choices: list[ChoiceBody] | None = None
    usage: UsageBody | None = None
    error: object = None
    kind: str | None = field(default=None, name="object")
    message: object = None
    detail: object = None

    @property
    def is_error(self) -> bool:
        """Whether this is an error object of one of the known forms."""
        if self.error is not None:
            return True
        return not self.choices and (self.kind == "error" or self.message is not None or self.detail is not None)


_decoder = msgspec.json.Decoder(AnswerBody)
_burst_decoder = msgspec.json.Decoder(list[AnswerBody])


def decode_answer(data: bytes) -> AnswerBody | None:
    """Return the answer or chunk, None for what is not JSON or has not this form.

    A server that writes numbers as strings (or the like) takes the slow way, which converts them.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        return None
    try:
        return msgspec.convert(msgspec.json.decode(data), AnswerBody, strict=False)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None


def decode_burst(chunks: Sequence[bytes]) -> list[AnswerBody]:
    """Return the chunks of one read, decoded at once; nothing where they have to be looked at one by one."""
    try:
        answers = _burst_decoder.decode(b"[%b]" % b",".join(chunks))
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        return []
    return answers if len(answers) == len(chunks) else []


def content_text(content: Content) -> str:
    """Return the text of a content: a string as it is, parts joined, their thinking left out."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_part_text(part, "text") for part in content)


def thinking_text(content: Content) -> str:
    """Return the reasoning that stands as `thinking` parts inside a content (Mistral's form)."""
    if content is None or isinstance(content, str):
        return ""
    return "".join(_part_text(part, "thinking") for part in content)


def _part_text(part: object, key: str) -> str:
    if isinstance(part, str):
        return part if key == "text" else ""
    value = part.get(key) if isinstance(part, dict) else None
    if isinstance(value, list):
        return "".join(_part_text(inner, "text") for inner in value)
    return value if isinstance(value, str) else ""


def reasoning_text(body: MessageBody) -> str:
    """Return the reasoning under whichever name the server gives it, once."""
    return content_text(body.reasoning) or content_text(body.reasoning_content) or thinking_text(body.content)


_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "model_length": "length",  # Mistral
    "max_tokens": "length",
    "sensitive": "content_filter",  # GLM
}
_BROKEN = frozenset({"error", "network_error", "abort", "cancelled"})
"""Reasons that say the answer was not finished: Mistral's and OpenRouter's, GLM's, vLLM's."""


def finish_reason(raw: str) -> FinishReason | None:
    """Return a finish reason in OpenAI's words, None for one that says that the answer broke off."""
    return None if raw in _BROKEN else _FINISH.get(raw, "stop")


def _without_nulls(value: dict[str, JsonValue], keep: str = "") -> JsonObject:
    return {key: item for key, item in value.items() if item is not None or key == keep}


def _clean_message(message: JsonValue) -> JsonValue:
    if not isinstance(message, dict):
        return message
    cleaned = _without_nulls(message, keep="content") if None in message.values() else message
    if cleaned.get("tool_calls") == []:
        cleaned = {key: item for key, item in cleaned.items() if key != "tool_calls"}
    return cleaned


def _clean_tool(tool: JsonValue) -> JsonValue:
    function = tool.get("function") if isinstance(tool, dict) else None
    if isinstance(tool, dict) and isinstance(function, dict) and None in function.values():
        return {**tool, "function": _without_nulls(function)}
    return tool


def request_body(body: JsonObject, *, stream: bool, as_written: Container[str] = ()) -> JsonObject:
    """Return what goes upstream: no nulls, no empty `tools`, usage always asked for.

    vLLM takes `tool_choice: null` for "not auto" and then returns no calls, and refuses `tools: []`; OpenAI refuses
    `tool_calls: []`. A message's `content: null` stays: OpenAI wants it beside calls. `as_written`: fields that are
    known to hold none of that.
    """
    out = _without_nulls(body)
    messages, tools = out.get("messages"), out.get("tools")
    if "messages" not in as_written and isinstance(messages, list):
        out["messages"] = [_clean_message(message) for message in messages]
    if tools == []:
        for key in ("tools", "tool_choice", "parallel_tool_calls"):
            out.pop(key, None)
    elif "tools" not in as_written and isinstance(tools, list):
        out["tools"] = [_clean_tool(tool) for tool in tools]
    options = out.pop("stream_options", None)
    out.pop("stream", None)
    if stream:
        out["stream"] = True
        out["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return out


def request_bytes(body: JsonObject, texts: Mapping[str, bytes], *, stream: bool) -> bytes:
    """Return the JSON text of `request_body`, with `texts` for their fields; raise `JsonTextError`."""
    out = cast("dict[str, object]", request_body(body, stream=stream, as_written=texts))
    for key, text in texts.items():
        out[key] = msgspec.Raw(text)
    return encode(cast("JsonObject", out))
