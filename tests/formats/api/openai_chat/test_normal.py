"""Requests without tools are forwarded as written where they can be, and their answers put in normal form."""

import json
from typing import Any

import pytest
from toolgate_formats.api.openai_chat.normal import ChatNormalForm
from toolgate_formats.api.openai_chat.parsing import parse_request
from toolgate_formats.normal import AnswerFault, Identity

from tests.support.upstream import chunk, completion, event

FORM = ChatNormalForm()
ME = Identity("fresh", 7, "mine")
HELLO = {"model": "mine", "messages": [{"role": "user", "content": "Hello"}]}


def written(**fields: Any) -> bytes:
    # spaces that no encoder of ours writes
    return json.dumps({**HELLO, **fields}, separators=(" , ", " : ")).encode()


def forwarded(body: bytes) -> bytes:
    return FORM.request(parse_request(body), body)


def whole(body: bytes, *, streamed: bool = False, **fields: Any) -> bytes | AnswerFault:
    return FORM.whole(parse_request(written(**fields)), ME, body, streamed=streamed)


@pytest.mark.parametrize("fields", [{}, {"stream": True, "seed": 3}, {"unknown": {"a": [1.0, 10**30]}}])
def test_a_body_is_forwarded_byte_for_byte(fields: dict[str, Any]) -> None:
    assert forwarded(written(**fields)) == written(**fields)


@pytest.mark.parametrize("fields", [{"tools": []}, {"stop": None}, {"functions": []}])
def test_fields_that_mean_nothing_are_left_out(fields: dict[str, Any]) -> None:
    assert json.loads(forwarded(written(**fields))) == HELLO


def test_earlier_calls_with_unreadable_arguments_are_repaired() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
    messages = [
        *HELLO["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    sent = json.loads(forwarded(written(messages=messages)))["messages"][1]["tool_calls"][0]["function"]
    assert json.loads(sent["arguments"]) is not None


def test_an_answer_in_normal_form_is_passed_on_unchanged() -> None:
    message = {"role": "assistant", "content": "Hi", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 3, "model": "mine", "choices": [choice]}
    text = json.dumps(body).encode()
    assert whole(text) == text


def test_an_answer_gets_the_id_and_the_model_that_the_client_knows() -> None:
    answer = whole(json.dumps({"choices": [{"message": {"content": "Hi"}}]}).encode())
    assert isinstance(answer, bytes)
    body = json.loads(answer)
    assert (body["id"], body["created"], body["model"]) == ("chatcmpl-fresh", 7, "mine")
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hi", "refusal": None}


@pytest.mark.parametrize("end", [event("[DONE]"), event("[DONE]").rstrip(), b""])
def test_a_stream_that_came_unasked_becomes_a_whole_answer(end: bytes) -> None:
    data = event(chunk({"role": "assistant", "content": "Hel"})) + event(chunk({"content": "lo"}, "stop"))
    answer = whole(data + end, streamed=True)
    assert isinstance(answer, bytes)
    assert json.loads(answer)["choices"][0]["message"]["content"] == "Hello"


def test_the_logprobs_of_a_stream_become_those_of_its_answer() -> None:
    parts = [chunk({"content": text}) for text in ("Hel", "lo")]
    for part, token in zip(parts, "ab", strict=True):
        part["choices"][0]["logprobs"] = {"content": [{"token": token}]}
    answer = whole(b"".join(map(event, [*parts, chunk({}, "stop")])), streamed=True)
    assert isinstance(answer, bytes)
    assert json.loads(answer)["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": {"content": [{"token": "a"}, {"token": "b"}], "refusal": None},
            "finish_reason": "stop",
        }
    ]


USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
SAID = {"role": "assistant", "content": "Hi", "refusal": None}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"usage": USAGE}, {"usage": USAGE}),
        ({"usage": {**USAGE, "total_tokens": 3.0}}, {"usage": USAGE}),
        ({"usage": 7}, {}),
        ({"message": {"content": None}}, {"message": {**SAID, "content": ""}}),
        ({"message": {"content": None, "refusal": "No."}}, {"message": {**SAID, "content": None, "refusal": "No."}}),
        ({"message": {"content": ["Hi"], "tool_calls": [{}]}}, {"message": SAID}),
    ],
)
def test_an_answer_is_put_in_normal_form(given: dict[str, Any], expected: dict[str, Any]) -> None:
    def body(message: Any = SAID, **fields: Any) -> dict[str, Any]:
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 3,
            "model": "mine",
            "choices": [choice],
            **fields,
        }

    answer = whole(json.dumps(body(**given)).encode())
    assert isinstance(answer, bytes)
    assert answer.count(b"3.0") == 0
    assert json.loads(answer) == body(**expected)


def test_a_stream_is_in_the_form_of_its_request() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    data = event(chunk({"content": "Hi"}, "stop")) + event(chunk(usage=usage) | {"choices": []})
    for include, expected in ((True, [usage]), (False, [])):
        request = parse_request(written(stream=True, stream_options={"include_usage": include}))
        sent = FORM.stream(request, ME).feed(data).split(b"\n\n")
        events = [json.loads(text.removeprefix(b"data: ")) for text in sent if text.startswith(b"data: {")]
        assert {each["model"] for each in events} == {"mine"}
        assert [each["usage"] for each in events if each.get("usage")] == expected


def test_a_whole_answer_becomes_the_stream_that_was_asked_for() -> None:
    request = parse_request(written(stream=True))
    stream = FORM.streamed_whole(request, ME, json.dumps(completion({"content": "Hello"})).encode())
    assert isinstance(stream, bytes)
    assert b'"content":"Hello"' in stream
    assert stream.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "other"),
        (b'{"choices":[]}', "other"),
        (b'{"choices":[{"text":"Hi"}]}', "other"),
        (b'{"choices":[7]}', "other"),
        (json.dumps(completion({"content": "Hel"}, "error")).encode(), "cut"),
        (b'{"error":{"message":"No."}}', "error"),
    ],
)
def test_a_body_without_an_answer_is_a_fault(body: bytes, kind: str) -> None:
    request = parse_request(written(stream=True))
    for fault in (whole(body), FORM.streamed_whole(request, ME, body)):
        assert isinstance(fault, AnswerFault)
        assert fault.kind == kind
        assert fault.error == (body if kind == "error" else b"")


def test_a_stream_that_reports_an_error_is_a_fault_with_its_text() -> None:
    fault = whole(event({"error": {"message": "No."}}), streamed=True)
    assert isinstance(fault, AnswerFault)
    assert (fault.kind, json.loads(fault.error)) == ("error", {"error": {"message": "No."}})
