"""OpenAI's chat wire format as upstreams speak it: typed structs, decoded by msgspec.

A body with a field that is not listed here is refused by the typed decoder; `lenient` reads it into subclasses that
keep unknown fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

import msgspec
from msgspec import Struct, field
from toolgate_core.jsontext import DECODE_ERRORS

NO_FIELDS: Mapping[str, object] = MappingProxyType({})
CARRIED_BY_MESSAGES = ("annotations", "audio")
CARRIED_BY_CHOICES = ("stop_reason", "token_ids")
CARRIED_BY_ANSWERS = (
    "service_tier",
    "system_fingerprint",
    "prompt_logprobs",
    "prompt_token_ids",
    "kv_transfer_params",
)
"""Fields that OpenAI or vLLM write into every answer, null or not. They are listed so that the fast path reads them."""
# Codes that report nothing: some servers write an error object with one of them beside every answer.
_NO_CODES = (None, "", 0, "0", 200, "200")

Content = str | list[object] | None
"""Text, or a list of content parts, which some servers send in answers too."""


class FunctionBody(Struct, forbid_unknown_fields=True):
    """`function` of a call; `arguments` is an object where a server does not encode it as text."""

    name: str | None = None
    arguments: str | dict[str, object] | None = None


class CallBody(Struct, forbid_unknown_fields=True):
    """A call, or a delta of one. `fields`: unknown ones; those of `function` under the key `function`."""

    index: int | None = None
    id: str | None = None
    type: object = None
    function: FunctionBody | None = None
    fields: ClassVar[Mapping[str, object]] = NO_FIELDS


class MessageBody(Struct, forbid_unknown_fields=True):
    """`delta` of a chunk and `message` of a whole answer. `fields`: unknown ones.

    `annotations` and `audio` are passed on like unknown fields, but cheap to read; so are the `CARRIED` ones below.
    """

    role: object = None
    content: Content = None
    reasoning: Content = None
    reasoning_content: Content = None
    tool_calls: list[CallBody] | None = None
    function_call: FunctionBody | None = None
    refusal: object = None
    annotations: object = None
    audio: object = None
    fields: ClassVar[Mapping[str, object]] = NO_FIELDS


class ChoiceBody(Struct, forbid_unknown_fields=True):
    """A choice of a chunk (`delta`) or of a whole answer (`message`). `fields`: unknown ones."""

    index: int | None = None
    delta: MessageBody | None = None
    message: MessageBody | None = None
    finish_reason: object = None
    logprobs: object = None
    stop_reason: object = None
    token_ids: object = None
    fields: ClassVar[Mapping[str, object]] = NO_FIELDS


class AnswerBody(Struct, forbid_unknown_fields=True):
    """A chunk or a whole answer; `error`, `detail`, `message` and `kind` (`object`) mark an error with status 200.

    `fields`: unknown ones. `obfuscation` is padding of one connection, and dropped.
    """

    id: object = None
    kind: object = field(default=None, name="object")
    created: object = None
    model: object = None
    choices: list[ChoiceBody] | None = None
    usage: object = None
    error: object = None
    message: object = None
    detail: object = None
    obfuscation: object = None
    service_tier: object = None
    system_fingerprint: object = None
    prompt_logprobs: object = None
    prompt_token_ids: object = None
    kv_transfer_params: object = None
    fields: ClassVar[Mapping[str, object]] = NO_FIELDS

    @property
    def is_error(self) -> bool:
        """Whether this is an error object of one of the known forms."""
        if self.error is None and self.choices:
            return False
        return is_error_object(
            self.error, kind=self.kind, message=self.message, detail=self.detail, answered=bool(self.choices)
        )


def is_error_object(
    error: object, *, kind: object = None, message: object = None, detail: object = None, answered: bool
) -> bool:
    """Whether an object with these fields is an error. `answered`: it has an answer too.

    Beside an answer, an error counts if it has a message or a code: some servers always send an empty one.
    """
    if isinstance(error, dict):
        if error.get("message") or error.get("code") not in _NO_CODES:
            return True
        return bool(error) and not answered
    if error:
        return True
    return not answered and (kind == "error" or bool(message) or bool(detail))


answer_decoder = msgspec.json.Decoder(AnswerBody)
_burst_decoder = msgspec.json.Decoder(list[AnswerBody])


def decode_burst(chunks: Sequence[bytes]) -> list[AnswerBody]:
    """Return the chunks of one read, decoded at once; empty where they must be decoded one by one."""
    try:
        answers = _burst_decoder.decode(b"[%b]" % b",".join(chunks))
    except DECODE_ERRORS:
        return []
    return answers if len(answers) == len(chunks) else []


def content_text(content: Content) -> str:
    """Return the text of a content: a string unchanged, or its text parts joined, without thinking parts."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_part_text(part, "text") for part in content)


def thinking_text(content: Content) -> str:
    """Return the reasoning in the `thinking` parts of a content (Mistral's form)."""
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
    """Return the reasoning, whichever field the server uses (`reasoning`, `reasoning_content`, `thinking` parts)."""
    return content_text(body.reasoning) or content_text(body.reasoning_content) or thinking_text(body.content)
