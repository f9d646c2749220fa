"""The failures of upstream errors; no message shows more than a client may see."""

from datetime import UTC, datetime
from typing import Any

import pytest
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_formats.codecs.openai_chat.failures import FailureTable, retry_after
from toolgate_formats.redaction import Redactor
from toolgate_gateway.upstreams.base import CallContext
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.table import create_provider

from tests.gateway.upstreams.reading import QUESTION, fail, talking
from tests.support.asking import asking
from tests.support.upstream import Reply, answer, completion

OK = answer(completion({"content": "Hello"}))


def vllm(message: str, status: int = 400, kind: str = "BadRequestError", param: str | None = None) -> Reply:
    return answer({"error": {"message": message, "type": kind, "param": param, "code": status}}, status=status)


UNSUPPORTED = [
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    'tool_choice="required" requires --tool-call-parser to be set',
    "You can only either use structured outputs or tools, not both.",
    "response_format of type json_schema is not supported",
    "[{'type': 'value_error', 'msg': 'Value error, Currently only named tools are supported.'}]",
    "[{'type': 'extra_forbidden', 'loc': ('body', 'tools'), 'msg': 'Extra inputs are not permitted'}]",
    "registry.ollama.ai/library/gemma:2b does not support tools",
    "This model does not support `tool` use",
    "No endpoints found that support tool use",
    "tools param requires --jinja flag",
    "`tool calling` is not supported with this model",
]
SCHEMA = [
    "The provided JSON schema contains features not supported by xgrammar.",
    "Failed to transform json schema into a grammar: unsupported keyword",
    "Failed to convert the grammar from Lark to EBNF.",
    "Grammar error: Unknown format: uri",
    "Grammar error: Unsatisfiable schema: minItems (2) is greater than maxItems (0)",
    'Unimplemented keys: ["contains"]',
    "regex parse error: (?=a)",
    "failed to parse grammar",
    "Invalid grammar specification.",
    "Invalid schema for function 'f': schema must be of type object",
]
REFUSED = [
    "Invalid message content: 'Some guidance, please.'",
    "Invalid message content: 'this model does not support tools'",
    "Invalid message content: 'It said \"requires --enable-auto-tool-choice\", what now?'",
    "Could not apply the template to {'role': 'user', 'content': 'tools are not supported'}",
    "json schema",
    "outlines",
    "The word guidance is not in the vocabulary of xgrammar or outlines.",
    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
    "temperature must be in [0, 2], got 3.0.",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "At most 0 image(s) may be provided in one prompt.",
]


@pytest.mark.parametrize("message", UNSUPPORTED)
async def test_a_400_about_a_constraint_or_tools_is_unsupported(message: str) -> None:
    failure = await fail([vllm(message)])
    assert failure == Failure(
        kind=FailureKind.INVALID, refused=RefusedPart.FEATURE, message=message, origin="400", code="400"
    )


@pytest.mark.parametrize("message", SCHEMA)
async def test_a_400_about_the_schemas_of_a_request_is_about_no_other(message: str) -> None:
    assert await fail([vllm(message)]) == Failure(
        kind=FailureKind.INVALID, refused=RefusedPart.SCHEMA, message=message, origin="400", code="400"
    )


@pytest.mark.parametrize("message", REFUSED)
async def test_any_other_400_is_the_clients(message: str) -> None:
    assert await fail([vllm(message)]) == Failure(
        kind=FailureKind.INVALID, refused=RefusedPart.REQUEST, message=message, origin="400", code="400"
    )


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens in the messages",
            None,
        ),
        ("The decoder prompt (length 9000) is longer than the maximum model length of 8192.", None),
        ("The prompt is too long", "input_tokens"),
        ("the request exceeds the available context size. try increasing the context size", None),
    ],
)
async def test_a_prompt_that_is_too_long_has_openais_code(message: str, param: str | None) -> None:
    expected = Failure(
        kind=FailureKind.INVALID,
        refused=RefusedPart.REQUEST,
        message=message,
        origin="400",
        code="context_length_exceeded",
        param="messages",
    )
    assert await fail([vllm(message, param=param)]) == expected


BODIES: dict[str, tuple[Reply, Failure]] = {
    "unauthorized text": (
        answer({"error": "Unauthorized"}, status=401),
        Failure(kind=FailureKind.CREDENTIAL, message="The upstream refused the gateway's credentials.", origin="401"),
    ),
    "wrong key": (
        answer(
            {"error": {"message": "Incorrect API key provided: sk-abcdefgh", "code": "invalid_api_key"}}, status=403
        ),
        Failure(kind=FailureKind.CREDENTIAL, message="The upstream refused the gateway's credentials.", origin="403"),
    ),
    "unknown model": (
        vllm("The model `m` does not exist.", 404, "NotFoundError", "model"),
        Failure(
            kind=FailureKind.NOT_FOUND,
            refused=RefusedPart.REQUEST,
            message="The model `m` does not exist.",
            origin="404",
            code="model_not_found",
            param="model",
        ),
    ),
    "unknown path": (
        answer({"detail": "Not Found"}, status=404),
        Failure(kind=FailureKind.NO_ENDPOINT, message="Not Found", origin="404"),
    ),
    "limit": (
        answer({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}, status=429, retry_after="7"),
        Failure(
            kind=FailureKind.LIMITED, message="Slow down", origin="429", code="rate_limit_exceeded", retry_after_s=7
        ),
    ),
    "limit without a body": (
        answer(b"", status=429),
        Failure(kind=FailureKind.LIMITED, message="The upstream's rate limit is reached.", origin="429"),
    ),
    "overload": (
        vllm("queue is full", 503, "ServiceUnavailableError"),
        Failure(kind=FailureKind.OVERLOADED, message="queue is full", origin="503", code="503"),
    ),
    "not implemented": (
        vllm("no", 501, "NotImplementedError"),
        Failure(kind=FailureKind.INVALID, refused=RefusedPart.FEATURE, message="no", origin="501", code="501"),
    ),
    "validation list": (
        answer({"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "bad role", "type": "x"}]}, status=422),
        Failure(
            kind=FailureKind.UNPROCESSABLE,
            refused=RefusedPart.REQUEST,
            message="messages.0.role: bad role",
            origin="422",
            param="messages.0.role",
        ),
    ),
    "flat": (
        answer({"object": "error", "message": "Bad role", "type": "invalid", "param": None, "code": 3051}, status=400),
        Failure(kind=FailureKind.INVALID, refused=RefusedPart.REQUEST, message="Bad role", origin="400", code="3051"),
    ),
    "flat with detail": (
        answer({"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "too big"}]}}, status=422),
        Failure(
            kind=FailureKind.UNPROCESSABLE, refused=RefusedPart.REQUEST, message="n: too big", origin="422", param="n"
        ),
    ),
    "Gemini": (
        answer([{"error": {"code": 400, "message": "Bad", "status": "INVALID_ARGUMENT"}}], status=400),
        Failure(kind=FailureKind.INVALID, refused=RefusedPart.REQUEST, message="Bad", origin="400", code="400"),
    ),
    "HTML": (
        Reply([b"<html>Bad Gateway nginx</html>"], 502, {"content-type": "text/html"}),
        Failure(kind=FailureKind.ERROR, message="The upstream failed with HTTP status 502.", origin="502"),
    ),
    "500 without text": (
        vllm("", 500, "InternalServerError"),
        Failure(kind=FailureKind.ERROR, message="The upstream failed with HTTP status 500.", origin="500", code="500"),
    ),
    "gateway timeout": (
        answer(b"", status=504),
        Failure(kind=FailureKind.TIMEOUT, message="The upstream did not answer in time.", origin="504"),
    ),
    "redirect": (
        answer(b"", status=307, location="http://elsewhere/"),
        Failure(kind=FailureKind.ERROR, message="The upstream failed with HTTP status 307.", origin="307"),
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", BODIES)
async def test_every_form_of_error_body_is_understood(case: str, stream: bool) -> None:
    reply, expected = BODIES[case]
    assert await fail([reply], stream=stream) == expected


async def test_messages_show_no_key_no_address_and_no_host() -> None:
    texts = "key top-secret-key at http://10.0.0.7:8000/v1, host 127.0.0.1, sk-1234567890, Bearer abc.def"
    failure = await fail([vllm(texts)], api_key="top-secret-key")
    assert failure.message == "key [hidden] at [hidden] host [hidden], [hidden], [hidden]"
    hosts = (
        "vllm-0.vllm.models.svc.cluster.local, gpu.internal:8000, node7.example.org:8443, [fe80::1]:80, localhost:99"
    )
    assert (await fail([vllm(hosts)])).message == ", ".join(["[hidden]"] * 5)
    long = FailureTable(Redactor()).from_status(400, b'{"error":{"message":"%b"}}' % (b"x" * 5000), {})
    assert len(long.message) == 2001


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("invalid_value", "invalid_value", "invalid_value"),
        ("messages[0].content", None, "messages[0].content"),
        ("top-secret-key", None, "[hidden]"),
        ("key=top-secret-key", None, "key=[hidden]"),
        ("Bearer abc.def", None, "[hidden]"),
        ("TOP-secret-KEY", None, "[hidden]"),
        ("http://10.0.0.7:8000/v1", None, "[hidden]"),
        ("10.0.0.7:8000", None, "[hidden]"),
        ("a\nb", None, "a\nb"),
        ("x" * 5000, None, "x" * 100 + "…"),
    ],
)
async def test_codes_and_params_show_no_more_than_messages(
    status: int, text: str, code: str | None, param: str | None
) -> None:
    body = answer({"error": {"message": "The model is bad.", "code": text, "param": text}}, status=status)
    failure = await fail([body], api_key="top-secret-key")
    expected = ("model_not_found", "model") if status == 404 else (code, param)
    assert (failure.code, failure.param) == expected


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        *(("7", 7), ("0", 1), ("1.2", 2), ("", None), ("soon", None), ("nan", None)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 20),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 1),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None),
    ],
)
def test_retry_after_is_whole_seconds(raw: str, seconds: int | None) -> None:
    now = datetime(2015, 10, 21, 7, 27, 40, tzinfo=UTC).timestamp()
    assert retry_after({"retry-after": raw}, now) == seconds


async def test_no_upstream_at_all_is_unreachable() -> None:
    provider = create_provider(UpstreamConfig(name="fake", url="http://127.0.0.1:1", retries=1))
    failure = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
    await provider.aclose()
    assert failure == Failure(
        kind=FailureKind.UNREACHABLE, message="No connection to the upstream.", origin="connect_error"
    )


async def counting(script: list[Reply], **config: Any) -> tuple[int, str]:
    """How many requests were sent, and the text or the failure that came of it."""
    async with talking(script, **config) as (provider, upstream):
        reply = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
        if isinstance(reply, Failure):
            return len(upstream.requests), reply.kind
        piece = await reply.read()
        await reply.close()
        return len(upstream.requests), piece.message if isinstance(piece, Failure) else piece.text


async def test_a_connection_that_breaks_early_is_retried_within_bounds() -> None:
    dropped = Reply(None)
    assert await counting([dropped, OK]) == (2, "Hello")
    assert await counting([dropped, dropped, OK]) == (2, "unreachable")
    assert await counting([dropped], retries=0) == (1, "unreachable")


async def test_a_500_without_a_ladder_is_tried_again_once() -> None:
    for script, retries, count in (([OK], 1, 2), ([], 1, 2), ([], 0, 1)):
        async with talking([vllm("HarmonyError", 500), *script], error_retries=retries) as (provider, upstream):
            reply = await provider.forward(b'{"model":"m"}', CallContext(request_id="r", stream=False))
            assert isinstance(reply, Failure) is not bool(script)
            if not isinstance(reply, Failure):
                await reply.close()
            assert len(upstream.requests) == count


async def test_a_500_is_left_to_the_ladder_where_there_is_one() -> None:
    assert await counting([vllm("HarmonyError", 500), OK]) == (1, "error")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 503, 504])
async def test_no_other_status_is_tried_again(status: int) -> None:
    count, _ = await counting([answer(b"", status=status)])
    assert count == 1


async def test_nothing_is_tried_again_after_the_first_byte() -> None:
    async with talking([Reply([b'{"cho'], then="cut", pause=True), OK]) as (provider, upstream):
        reply = await provider.call(asking(QUESTION), CallContext(request_id="r", stream=False))
        if not isinstance(reply, Failure):
            failure = await reply.read()
            assert isinstance(failure, Failure)
            await reply.close()
        assert len(upstream.requests) == 1


async def test_a_connection_closed_after_the_answer_is_not_a_failure() -> None:
    closing = Reply([b'{"choices":[{"message":{"content":"Hello"}}]}'], framing="close")
    assert await counting([closing, closing]) == (1, "Hello")
